"""The catalogue as a template: what `EksAudit` would create from its detections and queries, without CDK.

There is no cluster, so the names of alarms and saved queries have no folder.
"""

from __future__ import annotations

from collections.abc import Iterable

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Silence
from eks_audit_constructs.catalog import SavedQuery as CataloguedQuery
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.templates.deployment import Open
from eks_audit_constructs.templates.items import Alarm, Metric, MetricFilter, SavedQuery, Template, Watched

__all__ = ["NAME", "from_catalog"]

NAME = "The catalogue"
_NAMESPACE = "EksAudit"
_LOG_GROUP = Open("the cluster's log group", {"the cluster"})


def from_catalog(
    detections: Iterable[Detection] = catalog.DEFAULT,
    queries: Iterable[CataloguedQuery] = catalog.DEFAULT_QUERIES,
    *,
    name: str = NAME,
) -> Template:
    """Return a template made from detections and saved queries.

    Args:
        detections: The detections; the template also contains their saved queries.
        queries: Additional saved queries.
        name: The template's name in reports.
    """
    chosen = sorted(detections, key=lambda detection: detection.metric_name)  # the order of their logical ids
    saved = {query.id: query for query in (*queries, *(detection.saved_query for detection in chosen))}
    return Template(
        name=name,
        filters=tuple(
            _filter(detection, detection.counted, name)
            for detection in chosen
            if isinstance(detection.counted, Expression)
        ),
        alarms=tuple(_alarm(detection, name) for detection in chosen),
        queries=tuple(
            SavedQuery(logical_id=id, template=name, name=query.title, query=query.text)
            for id, query in sorted(saved.items())
        ),
        resources={},
    )


def _filter(detection: Detection, counted: Expression, template: str) -> MetricFilter:
    return MetricFilter(
        template=template,
        logical_id=detection.metric_name,
        filter_name=detection.id,
        log_group=_LOG_GROUP,
        pattern=detection.pattern or "",
        condition=counted,
        metric=Metric(namespace=_NAMESPACE, name=detection.metric_name),
        default=0,
        caveats=detection.doubts,
    )


def _alarm(detection: Detection, template: str) -> Alarm:
    silence = isinstance(detection.condition, Silence)
    minutes, periods = detection.evaluation
    metric = Metric(namespace=_NAMESPACE, name=detection.metric_name)
    if detection.pattern is None:
        metric = Metric(namespace="AWS/Logs", name="IncomingLogEvents", dimensions=(("LogGroupName", _LOG_GROUP),))
    return Alarm(
        template=template,
        logical_id=f"{detection.metric_name}Alarm",
        alarm_name=detection.id,
        description=_description(detection),
        watched=(Watched(metric=metric, statistic="Sum"),),
        period=minutes * 60,
        evaluation_periods=periods,
        datapoints_to_alarm=detection.datapoints_to_alarm,
        threshold=detection.threshold,
        comparison="LessThanThreshold" if silence else "GreaterThanOrEqualToThreshold",
        missing_data="breaching" if silence else "notBreaching",
    )


def _description(detection: Detection) -> str:
    parts = [
        f"**{detection.title}** ({detection.severity.value} severity)",
        f"{detection.what} {detection.why}",
        f"**Next:** {detection.next_steps}",
        f"**Saved query:** {detection.saved_query.title}",
    ]
    if detection.techniques:
        parts.append(f"**MITRE ATT&CK:** {', '.join(detection.techniques)}")
    return "\n\n".join(parts)
