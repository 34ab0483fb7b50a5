"""What to look for in an EKS audit log: detections for alarms, saved queries for people.

catalog.DEFAULT.without("role-changed").tuned("forbidden-requests", threshold=25)
catalog.DEFAULT.adding(catalog.get("pod-exec"), *catalog.select(tag="secrets", severity=Severity.HIGH))
catalog.UNAUTHORIZED_REQUESTS.excluding(field("sourceIPs[0]") == "10.0.0.7")
"""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity, Silence
from eks_audit_constructs.catalog.detections import Detections
from eks_audit_constructs.catalog.guards import Guard
from eks_audit_constructs.catalog.query import SavedQuery
from eks_audit_constructs.catalog.samples import Sample
from eks_audit_constructs.catalog.themes import (
    access,
    admission,
    audit_log,
    cluster,
    execution,
    grants,
    identity,
    impersonation,
    investigation,
    network,
    pod_security,
    rbac,
    reconnaissance,
    secrets,
    tokens,
    workloads,
)
from eks_audit_constructs.catalog.themes.access import (
    ANONYMOUS_REQUEST_ALLOWED,
    FORBIDDEN_REQUESTS,
    UNAUTHORIZED_REQUESTS,
)
from eks_audit_constructs.catalog.themes.audit_log import AUDIT_EVENTS_SILENT, AUDIT_LOG_SILENT
from eks_audit_constructs.catalog.themes.execution.sessions import KUBE_SYSTEM_EXEC
from eks_audit_constructs.catalog.themes.grants import ANONYMOUS_ACCESS_GRANTED
from eks_audit_constructs.catalog.themes.identity import AWS_AUTH_CHANGED
from eks_audit_constructs.catalog.themes.impersonation import MASTERS_IMPERSONATED
from eks_audit_constructs.catalog.themes.pod_security.pods import PRIVILEGED_POD
from eks_audit_constructs.catalog.themes.pod_security.workloads import PRIVILEGED_WORKLOAD
from eks_audit_constructs.catalog.themes.rbac import (
    CLUSTER_ADMIN_BINDING,
    CLUSTER_ROLE_BINDING_CHANGED,
    CLUSTER_ROLE_CHANGED,
    ROLE_BINDING_CHANGED,
    ROLE_CHANGED,
    SYSTEM_ROLE_CHANGED,
)
from eks_audit_constructs.catalog.themes.secrets.changes import SECRET_ACCESS_DENIED, SECRETS_DENIED_OVER_TIME
from eks_audit_constructs.catalog.themes.tokens import KUBE_SYSTEM_TOKEN_MINTED

__all__ = [
    "ALL",
    "ANONYMOUS_ACCESS_GRANTED",
    "ANONYMOUS_REQUEST_ALLOWED",
    "AUDIT_EVENTS_SILENT",
    "AUDIT_LOG_SILENT",
    "AWS_AUTH_CHANGED",
    "CLUSTER_ADMIN_BINDING",
    "CLUSTER_ROLE_BINDING_CHANGED",
    "CLUSTER_ROLE_CHANGED",
    "DEFAULT",
    "DEFAULT_QUERIES",
    "EXTENDED",
    "FORBIDDEN_REQUESTS",
    "KUBE_SYSTEM_EXEC",
    "KUBE_SYSTEM_TOKEN_MINTED",
    "MASTERS_IMPERSONATED",
    "PRIVILEGED_POD",
    "PRIVILEGED_WORKLOAD",
    "QUERIED",
    "QUERIES",
    "ROLE_BINDING_CHANGED",
    "ROLE_CHANGED",
    "SECRET_ACCESS_DENIED",
    "SYSTEM_ROLE_CHANGED",
    "THEMES",
    "UNAUTHORIZED_REQUESTS",
    "Detection",
    "Detections",
    "Guard",
    "Sample",
    "SavedQuery",
    "Severity",
    "Silence",
    "get",
    "select",
]

THEMES = (
    access,
    admission,
    audit_log,
    cluster,
    execution,
    grants,
    identity,
    impersonation,
    investigation,
    network,
    pod_security,
    rbac,
    reconnaissance,
    secrets,
    tokens,
    workloads,
)
"""The theme modules, each with its `DEFAULT`, `EXTENDED`, `QUERIED` and `QUERIES`."""

DEFAULT = Detections(detection for theme in THEMES for detection in theme.DEFAULT)
"""The detections that are on by default: quiet enough for a production cluster."""

EXTENDED = Detections(detection for theme in THEMES for detection in theme.EXTENDED)
"""Detections by choice: worth an alarm where what they look for is rare, which differs between clusters.

`DEFAULT` and `EXTENDED` together fit one log group: at most 100 metric filters, 5 of them with regular expressions.
"""

QUERIED = Detections(detection for theme in THEMES for detection in theme.QUERIED)
"""Detections that are saved queries, and alarms only by choice: what they look for is routine in most clusters."""

ALL = DEFAULT.adding(*EXTENDED, *QUERIED)
"""The detections of all three tiers."""


def _by_id(*queries: SavedQuery) -> tuple[SavedQuery, ...]:
    return tuple(sorted(set(queries), key=lambda query: query.id))


QUERIES = _by_id(*(query for theme in THEMES for query in theme.QUERIES), *(detection.saved_query for detection in ALL))
"""All saved queries: those of the detections, and those that answer other questions."""

DEFAULT_QUERIES = _by_id(
    *(detection.saved_query for detection in DEFAULT),
    access.FAILED_ANONYMOUS,
    access.WHAT_THE_AUTHENTICATOR_SAID,
    access.WHO_DOES_WHAT,
    access.WHY_IT_WAS_DECIDED,
    admission.WEBHOOK_CHANGES,
    audit_log.COST,
    audit_log.CUT_SHORT,
    SECRETS_DENIED_OVER_TIME,
)
"""The saved queries that are created by default."""


def get(id: str) -> Detection:
    """Return the detection with this id.

    Raises:
        AuditConfigurationError: No detection has this id; the message suggests ids.
    """
    return ALL[id]


def select(*, severity: Severity | None = None, tag: str | None = None) -> Detections:
    """Return all detections with this severity and this tag. Default: any severity, any tag.

    Raises:
        AuditConfigurationError: No detection has this tag; the message lists the tags.
    """
    return ALL.select(severity=severity, tag=tag)
