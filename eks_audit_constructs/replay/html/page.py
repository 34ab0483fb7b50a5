"""Render the page: the values for its template, and the policy that keeps it off the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eks_audit_constructs import reports
from eks_audit_constructs.replay import AlarmReplay, FilterReplay, Replay
from eks_audit_constructs.replay.html import text
from eks_audit_constructs.replay.html.chart import Axis, Chart, Span, axis, chart, spans
from eks_audit_constructs.replay.html.events import embed
from eks_audit_constructs.replay.matches import Matches, Top
from eks_audit_constructs.replay.plan import Plan, plan
from eks_audit_constructs.templates.template import COMPARISONS, Alarm, SavedQuery

__all__ = ["render"]

_MISSING = {
    "breaching": "missing data counts as breaching",
    "notBreaching": "missing data counts as not breaching",
    "ignore": "missing data changes nothing",
    "missing": "without data, it has no state",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterView:
    """A metric filter on the page."""

    id: str
    name: str
    pattern: str
    matched: int
    shown: int
    """Number of its events on the page."""
    tops: tuple[tuple[str, str, Top], ...]
    """Title, label for events without a value, and the values."""
    dimensions: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmView:
    """An alarm on the page."""

    id: str
    name: str
    full_name: str
    description: list[list[tuple[str, bool]]]
    rule: str
    sign: str
    alarm: Alarm
    error: str | None
    alarmed: bool
    spans: tuple[Span, ...]
    chart: Chart | None
    filters: tuple[FilterView, ...]
    queries: tuple[SavedQuery, ...]

    @property
    def matched(self) -> int | None:
        """Number of events of its metric filters; None if it has none, as on a metric of the log group."""
        return sum(item.matched for item in self.filters) if self.filters else None

    @property
    def alarms(self) -> list[Span]:
        """When it was in alarm."""
        return [span for span in self.spans if span.alarming]


def render(result: Replay, matched: Mapping[str, Matches], logs: Sequence[str]) -> str:
    """Return the page as HTML.

    Args:
        result: The replay.
        matched: What its metric filters matched, by logical id; others have no events on the page.
        logs: The names of the logs.
    """
    whole = axis(result)
    planned = plan(result.template)
    filters = [_filter(item, matched.get(item.filter.logical_id, Matches())) for item in result.filters]
    folder = reports.folder(item.alarm.alarm_name for item in result.alarms)
    alarms = [_alarm(item, result, planned, whole, filters, folder) for item in result.alarms]
    watched = {item.id for alarm in alarms for item in alarm.filters}
    loud = sorted((item for item in alarms if item.alarmed), key=lambda item: (item.alarms[0].start, item.full_name))
    style, script = _asset("style.css"), _asset("script.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            result=result,
            counted=result.counted,
            logs=[text.visible(name) for name in logs],
            axis=whole,
            folder=text.visible(folder),
            loud=loud,
            quiet=[item for item in alarms if not item.alarmed and not item.error],
            unknown=[item for item in alarms if item.error],
            broken=[item for item in filters if item.error],
            unwatched=[item for item in filters if item.id not in watched and not item.error],
            style=Markup(style),  # our own files, without outside input
            script=Markup(script),
            policy=_policy(style, script),
            events=Markup(text.embedded(embed(matched))),  # contains no <, > or &
        )
    )


def _filter(item: FilterReplay, matched: Matches) -> FilterView:
    return FilterView(
        id=item.filter.logical_id,
        name=text.visible(item.filter.filter_name),
        pattern=item.filter.pattern,
        matched=item.matched,
        shown=len(matched.events),
        tops=(
            ("Who", "not authenticated", matched.by_principal),
            ("Where from", "no address", matched.by_address),
            ("With what", "no user agent", matched.by_agent),
        ),
        dimensions=item.filter.metric.dimension_names if item.filter.metric else (),
        error=item.error,
    )


def _alarm(
    item: AlarmReplay,
    result: Replay,
    planned: Plan,
    whole: Axis | None,
    filters: Sequence[FilterView],
    folder: str,
) -> AlarmView:
    alarm, evaluated = item.alarm, item.error is None and whole is not None
    metric = alarm.metric
    own = {
        source.logical_id
        for source in result.template.filters
        if metric and source.metric and (source.metric.namespace, source.metric.name) == (metric.namespace, metric.name)
        if source.metric.dimension_names == metric.dimension_names
    }
    views = tuple({view.id: view for view in filters if view.id in own}.values())
    drawn = evaluated and (item.alarmed or not views or any(view.matched for view in views))
    return AlarmView(
        id=alarm.logical_id,
        name=text.visible(alarm.alarm_name.removeprefix(folder)),
        full_name=text.visible(alarm.alarm_name),
        description=text.paragraphs(alarm.description),
        rule=_rule(alarm) if item.error is None else "",
        sign=COMPARISONS.get(alarm.comparison, ""),
        alarm=alarm,
        error=item.error,
        alarmed=item.alarmed,
        spans=spans(item, whole) if whole else (),
        chart=chart(alarm, planned.series(alarm, result.counted), whole) if whole and drawn else None,
        filters=views,
        queries=tuple(reports.queries_named(alarm.description, result.template.queries)),
    )


def _rule(alarm: Alarm) -> str:
    metric = alarm.metric
    name = text.visible(f"{metric.namespace} {metric.name}") if metric else ""
    dimensions = ", ".join(f"{key}={value}" for key, value in metric.dimensions) if metric else ""
    of = f" [{text.visible(dimensions)}]" if dimensions else ""
    sign, threshold = COMPARISONS[alarm.comparison], reports.figure(alarm.threshold)
    some = (
        "in any period"
        if alarm.evaluation_periods == alarm.datapoints_to_alarm == 1
        else f"in {alarm.datapoints_to_alarm} of {alarm.evaluation_periods} periods"
    )
    missing = _MISSING.get(alarm.missing_data, alarm.missing_data)
    return f"{alarm.statistic} of {name}{of} {sign} {threshold} in {reports.duration(alarm.period)}, {some}; {missing}."


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__ or "", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["count"] = reports.number
    for function in (text.clock, text.cut, text.visible, reports.duration, reports.figure):
        environment.filters[function.__name__] = function
    return environment


def _asset(name: str) -> str:
    return f"\n{files(__package__ or '').joinpath(name).read_text(encoding='utf-8').strip()}\n"


def _policy(style: str, script: str) -> str:
    """Return a policy that loads nothing, and allows only this style and this script."""

    def digest(content: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
