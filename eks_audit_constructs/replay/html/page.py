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
from eks_audit_constructs.templates.items import COMPARISONS, Alarm, Key, SavedQuery, Template, Watched

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
    stack: str
    """The name of its template; empty if there is only one."""
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
    stack: str
    """The name of its template; empty if there is only one."""
    full_name: str
    description: list[list[tuple[str, bool]]]
    rule: str
    sign: str
    alarm: Alarm
    error: str | None
    caveats: tuple[str, ...]
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


def render(result: Replay, matched: Mapping[Key, Matches], logs: Sequence[str]) -> str:
    """Return the page as HTML.

    Args:
        result: The replay.
        matched: What its metric filters matched; others have no events on the page.
        logs: The names of the logs.
    """
    whole = axis(result)
    ids = _ids([item.filter.key for item in result.filters] + [item.alarm.key for item in result.alarms])
    filters = {
        key: _filter(item, ids[key], matched.get(key, Matches()), result.template)
        for item in result.filters
        for key in [item.filter.key]
    }
    folder = reports.folder(item.alarm.alarm_name for item in result.alarms)
    alarms = [_alarm(item, ids[item.alarm.key], result, whole, filters, folder) for item in result.alarms]
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
            broken=[item for item in filters.values() if item.error],
            unwatched=[item for item in filters.values() if item.id not in watched and not item.error],
            style=Markup(style),  # our own files, without outside input
            script=Markup(script),
            policy=_policy(style, script),
            events=Markup(
                text.embedded(embed({ids[key]: found for key, found in matched.items()}))
            ),  # contains no <, > or &
        )
    )


def _ids(keys: Sequence[Key]) -> dict[Key, str]:
    """Return an id of an element for each resource: its logical id, with a number where templates share one."""
    ids: dict[Key, str] = {}
    taken: set[str] = set()
    for key in keys:
        id, number = key.logical_id, 1
        while id in taken:
            number += 1
            id = f"{key.logical_id}-{number}"
        taken.add(id)
        ids[key] = id
    return ids


def _filter(item: FilterReplay, id: str, matched: Matches, template: Template) -> FilterView:
    return FilterView(
        id=id,
        name=text.visible(item.filter.filter_name),
        stack=text.visible(item.filter.template) if template.several else "",
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
    id: str,
    result: Replay,
    whole: Axis | None,
    filters: Mapping[Key, FilterView],
    folder: str,
) -> AlarmView:
    alarm, evaluated = item.alarm, item.error is None and whole is not None
    planned = result.planned.alarms[alarm.key]
    views = tuple(filters[source.key] for source in planned.filters)
    drawn = evaluated and alarm.rule is None and (item.alarmed or not views or any(view.matched for view in views))
    return AlarmView(
        id=id,
        name=text.visible(alarm.alarm_name.removeprefix(folder)),
        stack=text.visible(alarm.template) if result.template.several else "",
        full_name=text.visible(alarm.alarm_name),
        description=text.paragraphs(alarm.description),
        rule=_rule(alarm) if item.error is None else "",
        sign=COMPARISONS.get(alarm.comparison, ""),
        alarm=alarm,
        error=item.error,
        caveats=item.caveats,
        alarmed=item.alarmed,
        spans=spans(item, whole) if whole else (),
        chart=chart(alarm, planned.data(result.counts_of(alarm)), whole) if whole and drawn else None,
        filters=views,
        queries=tuple(result.queries_named(alarm)),
    )


def _rule(alarm: Alarm) -> str:
    if alarm.rule is not None:
        return "Combines the states of other alarms."
    metrics = [_metric(watched) for watched in alarm.watched]
    what = metrics[0] if alarm.formula is None else f"{text.visible(alarm.expression)}, where {', '.join(metrics)},"
    sign, threshold = COMPARISONS[alarm.comparison], reports.figure(alarm.threshold)
    some = (
        "in any period"
        if alarm.evaluation_periods == alarm.datapoints_to_alarm == 1
        else f"in {alarm.datapoints_to_alarm} of {alarm.evaluation_periods} periods"
    )
    missing = _MISSING.get(alarm.missing_data, alarm.missing_data)
    return f"{what} {sign} {threshold} in {reports.duration(alarm.period)}, {some}; {missing}."


def _metric(watched: Watched) -> str:
    metric = watched.metric
    name = f"{metric.namespace} {metric.name}"
    dimensions = ", ".join(f"{key}={value}" for key, value in metric.dimensions)
    id = f"{watched.id} is " if watched.id else ""
    return text.visible(f"{id}{watched.statistic} of {name}{f' [{dimensions}]' if dimensions else ''}")


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
