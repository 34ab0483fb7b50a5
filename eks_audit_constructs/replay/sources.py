"""Find the metric filters that write an alarm's metric."""

from __future__ import annotations

from dataclasses import dataclass

from eks_audit_constructs.templates.deployment import in_words, needs_of
from eks_audit_constructs.templates.items import Alarm, Metric, MetricFilter, Template

__all__ = ["Sources", "sources"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The metric filters that write a metric, or why none does."""

    filters: tuple[MetricFilter, ...] = ()
    error: str | None = None
    """Why they are not known; then there are no filters."""
    never: str | None = None
    """That no filter writes the metric, if that is the error."""
    caveats: tuple[str, ...] = ()
    """What else may write it."""


def sources(template: Template, alarm: Alarm, metric: Metric) -> Sources:
    """Return the filters that write an alarm's metric: those of its own template, or of another if it has none.

    Equal names in several templates usually mean one stack for each cluster, account or Region, each with its own
    metric. Nothing in the templates says which, so the other stacks are a caveat.
    """
    present = [item for item in template.filters if not item.absent and item.metric is not None]
    every = [item for item in present if _writes(item, metric, alarm)]
    maybe = [item for item in present if item not in every and _may_write(item, metric)]
    own = [item for item in every if item.template == alarm.template]
    found = own or every
    if not found:
        if maybe:
            needs = needs_of(_texts(metric)).union(*(needs_of(_texts(item.metric)) for item in maybe))
            return Sources(error=in_words(needs))
        return _none(template, metric)
    if not own and len(others := sorted({item.template for item in every})) > 1:
        return Sources(error=f"metric filters of several templates write its metric: {', '.join(others)}")
    caveats = []
    if also := sorted({item.template for item in every if item not in found}):
        names = f"{', '.join(also)} also {'writes' if len(also) == 1 else 'write'}"
        caveats.append(f"{names} its metric: in one account and Region the values add up")
    for item in maybe:
        if item.template == alarm.template:
            needs = needs_of(_texts(item.metric)) | needs_of(_texts(metric))
            caveats.append(f"the metric filter {item.filter_name} may also write its metric: that {in_words(needs)}")
    return Sources(filters=tuple(found), caveats=tuple(caveats))


def _texts(metric: Metric | None) -> list[str]:
    """Return the texts of a metric that say which it is, without the selectors of a filter's dimensions."""
    if metric is None:
        return []
    return [metric.namespace, metric.name, *(value for _, value in metric.dimensions if not value.startswith("$."))]


def _none(template: Template, metric: Metric) -> Sources:
    if metric.namespace.startswith("AWS/"):
        return Sources(error=f"its metric is one of {metric.namespace}, which no metric filter writes")
    which = "that could be read" if template.unread else "of this template"
    reason = f"no metric filter {which} writes its metric {metric.namespace}/{metric.name}, so it never gets data"
    return Sources(error=reason, never=reason)


def _writes(item: MetricFilter, metric: Metric, alarm: Alarm) -> bool:
    written = item.metric
    if written is None or written.dimension_names != metric.dimension_names:
        return False
    if (written.namespace, written.name) != (metric.namespace, metric.name):
        return False
    if needs_of([written.namespace, written.name]) and not _related(item.template, alarm.template):
        return False  # equal texts, but each deployment has a value of its own
    pairs = zip(written.dimensions, metric.dimensions, strict=True)
    return all(fixed.startswith("$") or fixed == value for (_, fixed), (_, value) in pairs)


def _may_write(item: MetricFilter, metric: Metric) -> bool:
    """Return whether a filter writes a metric with some values of what is not known here."""
    written = item.metric
    if written is None or written.dimension_names != metric.dimension_names:
        return False
    pairs = [(written.namespace, metric.namespace), (written.name, metric.name)]
    for (_, fixed), (_, value) in zip(written.dimensions, metric.dimensions, strict=True):
        if not fixed.startswith("$") or needs_of(fixed):
            pairs.append((fixed, value))
    return all(_may_equal(left, right) for left, right in pairs)


def _may_equal(left: str, right: str) -> bool:
    if not needs_of([left, right]):
        return left == right
    starts = [text.partition("${")[0] if needs_of(text) else text for text in (left, right)]
    return starts[0].startswith(starts[1]) or starts[1].startswith(starts[0])


def _related(one: str, other: str) -> bool:
    """Return whether one template is the other, or is nested in it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
