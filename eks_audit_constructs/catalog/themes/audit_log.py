"""The log itself: silence, events cut short, and what it costs."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity, Silence
from eks_audit_constructs.catalog.events import EVENT
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import message_contains

_VOLUME = SavedQuery(
    id="log-volume-by-stream",
    title="Log - events and bytes by stream",
    answers="Which control-plane components still write, how much, and when did each last do so?",
    stream="",
    commands=(
        "stats count(*) as events, sum(strlen(@message)) as bytes, latest(@timestamp) as last by @logStream",
        "sort bytes desc",
        "limit 100",
    ),
)
_LATE = "Three empty periods of 5 minutes in a row: delivery is best effort and may lag by some minutes."
_DELETED = "The cluster was deleted on purpose: delete this stack too."

AUDIT_EVENTS_SILENT = Detection(
    id="audit-events-silent",
    title="No audit events are arriving",
    severity=Severity.HIGH,
    condition=Silence(of=EVENT),
    what="No audit event reached the cluster's log group for 15 minutes. Its metric counts those that do.",
    why="A control plane writes several audit events a second. Without them no other alarm here can go off.",
    next_steps="Check that the log type audit is on (aws eks describe-cluster --query cluster.logging) and who "
    "switched it off (CloudTrail: UpdateClusterConfig); that the cluster is there; and the AWS Health Dashboard.",
    query=_VOLUME,
    techniques=("T1685.002",),
    threshold=1,
    period=5,
    evaluation_periods=3,
    datapoints_to_alarm=3,
    grounds=_LATE,
    false_positives=(_DELETED,),
    blind_spots=("Whoever may write to the log group can keep it quiet with events of their own.",),
    tags=("log",),
)

AUDIT_LOG_SILENT = Detection(
    id="audit-log-silent",
    title="No control-plane logs are arriving",
    severity=Severity.HIGH,
    condition=Silence(),
    what="No log event reached the cluster's log group for 15 minutes.",
    why="A control plane writes several events a second. Without them no other alarm here can go off.",
    next_steps="Check that the cluster's logging is on (aws eks describe-cluster --query cluster.logging) and who "
    "switched it off (CloudTrail: UpdateClusterConfig); that the cluster is there; and the AWS Health Dashboard.",
    query=_VOLUME,
    techniques=("T1685.002",),
    threshold=1,
    period=5,
    evaluation_periods=3,
    datapoints_to_alarm=3,
    grounds=_LATE,
    false_positives=(_DELETED,),
    blind_spots=("The log type audit alone switched off: the other types go on. audit-events-silent sees that.",),
    tags=("log",),
)

EVENTS_TRUNCATED = Detection(
    id="events-truncated",
    title="Audit events were shortened for their size",
    severity=Severity.LOW,
    condition=message_contains("audit.k8s.io/truncated") | message_contains("[Truncated...]"),
    what="The API server wrote audit events without their bodies because they were too large.",
    why="No filter can see the missing bodies: a large object may hide a privileged container.",
    next_steps="The query shows which. Ask why they are so large; look at the objects themselves.",
    commands=listing("objectRef.resource"),
    techniques=("T1685.002",),
    threshold=20,
    period=60,
    evaluation_periods=1,
    grounds="Large ConfigMaps and custom resources are shortened now and then in every cluster.",
    false_positives=("Operators that keep megabytes in one object.",),
    blind_spots=("Lines that were cut off in transit: the saved query *Log - events cut short by size* finds them.",),
    tags=("log",),
)

CUT_SHORT = SavedQuery(
    id="events-cut-short",
    title="Log - events cut short by size",
    answers="Which audit events were too large to be kept whole? No filter on their fields can see them.",
    commands=(
        # A whole event ends with a brace; the API server marks those it shortened itself.
        r"filter @message not like /\}\s*$/ or `annotations.audit.k8s.io/truncated` = 'true'",
        "fields @timestamp, strlen(@message) as bytes, substr(@message, 0, 400) as beginning",
        "sort @timestamp desc",
        "limit 1000",
    ),
)

COST = SavedQuery(
    id="log-cost",
    title="Log - what costs the most to store",
    answers="Whose requests, and which, make up most of the bytes you pay for?",
    commands=(
        "stats sum(strlen(@message)) as bytes, count(*) as events, avg(strlen(@message)) as average "
        "by user.username, verb, objectRef.resource, level",
        "sort bytes desc",
        "limit 50",
    ),
)

DEFAULT = (AUDIT_EVENTS_SILENT,)
EXTENDED = (AUDIT_LOG_SILENT, EVENTS_TRUNCATED)
QUERIED = ()
QUERIES = (COST, CUT_SHORT)
