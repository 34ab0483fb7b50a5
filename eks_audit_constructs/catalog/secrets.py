"""Secrets. Their contents are never in the audit log: EKS records them as metadata only."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import (
    EVENT,
    NOT_A_CONTROL_PLANE_START,
    READ_VERBS,
    REFUSED_BY_AUTHORIZER,
    UNAUTHENTICATED,
)
from eks_audit_constructs.catalog.query import SavedQuery
from eks_audit_constructs.conditions.expression import field

_READ = (field("objectRef.resource") == "secrets") & field("verb").is_in(READ_VERBS)
_REFUSED = EVENT & _READ & REFUSED_BY_AUTHORIZER & NOT_A_CONTROL_PLANE_START

SECRET_ACCESS_DENIED = Detection(
    id="secret-access-denied",
    title="Reads of Secrets were refused",
    severity=Severity.MEDIUM,
    condition=_REFUSED,
    what="Someone who is logged in tried to read, list or watch Secrets several times and was refused.",
    why="Secrets are what an intruder looks for first; whoever may read them seldom has to try twice.",
    next_steps="See which Secrets were asked for and by whom. A workload: why does it ask? "
    "A person: ask them. Neither: revoke the session.",
    query=SavedQuery(
        id="secrets-refused-who",
        title="Secrets - who was refused",
        answers="Who tried to read which Secrets without permission, from where?",
        condition=_REFUSED,
        commands=(
            "stats count(*) as refused, count_distinct(requestURI) as secrets, latest(requestURI) as example "
            "by user.username, user.extra.sessionName.0, sourceIPs.0, userAgent, objectRef.namespace",
            "sort refused desc",
            "limit 100",
        ),
    ),
    techniques=("T1552.007",),
    threshold=5,
    grounds="One mistake is no alarm; a misdeployed pod or a person looking around soon reaches five.",
    false_positives=("A workload or add-on deployed without the role it needs.",),
    tags=("secrets", "access"),
)

SECRETS_DENIED_OVER_TIME = SavedQuery(
    id="secrets-refused-over-time",
    title="Secrets - refused reads a minute",
    answers="When were reads of Secrets refused, for want of permission (403) or of valid credentials (401)?",
    condition=EVENT & _READ & (UNAUTHENTICATED | REFUSED_BY_AUTHORIZER),
    commands=("stats count(*) as refused by bin(1m) as minute, responseStatus.code", "sort minute desc", "limit 10000"),
)

DETECTIONS = (SECRET_ACCESS_DENIED,)
QUERIES = (SECRETS_DENIED_OVER_TIME,)
