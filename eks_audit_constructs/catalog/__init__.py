"""What to look for in an EKS audit log: detections for alarms, saved queries for people.

catalog.DEFAULT.without("role-changed").tuned("forbidden-requests", threshold=25)
catalog.UNAUTHORIZED_REQUESTS.excluding(field("sourceIPs[0]") == "10.0.0.7")
"""

from __future__ import annotations

from eks_audit_constructs.catalog import access, coverage, rbac, secrets
from eks_audit_constructs.catalog.access import (
    ANONYMOUS_REQUEST_ALLOWED,
    FORBIDDEN_REQUESTS,
    UNAUTHORIZED_REQUESTS,
)
from eks_audit_constructs.catalog.coverage import AUDIT_LOG_SILENT
from eks_audit_constructs.catalog.detection import Detection, Severity, Silence
from eks_audit_constructs.catalog.detections import Detections
from eks_audit_constructs.catalog.query import SavedQuery
from eks_audit_constructs.catalog.rbac import (
    AWS_AUTH_CHANGED,
    CLUSTER_ADMIN_BINDING,
    CLUSTER_ROLE_BINDING_CHANGED,
    CLUSTER_ROLE_CHANGED,
    ROLE_BINDING_CHANGED,
    ROLE_CHANGED,
)
from eks_audit_constructs.catalog.secrets import SECRET_ACCESS_DENIED

__all__ = [
    "ANONYMOUS_REQUEST_ALLOWED",
    "AUDIT_LOG_SILENT",
    "AWS_AUTH_CHANGED",
    "CLUSTER_ADMIN_BINDING",
    "CLUSTER_ROLE_BINDING_CHANGED",
    "CLUSTER_ROLE_CHANGED",
    "DEFAULT",
    "FORBIDDEN_REQUESTS",
    "QUERIES",
    "ROLE_BINDING_CHANGED",
    "ROLE_CHANGED",
    "SECRET_ACCESS_DENIED",
    "UNAUTHORIZED_REQUESTS",
    "Detection",
    "Detections",
    "SavedQuery",
    "Severity",
    "Silence",
    "get",
]

_THEMES = (access, rbac, secrets, coverage)

DEFAULT = Detections(detection for theme in _THEMES for detection in theme.DETECTIONS)
"""The detections that are on unless you choose otherwise: quiet enough for a production cluster."""

QUERIES: tuple[SavedQuery, ...] = tuple(
    sorted(
        {*(query for theme in _THEMES for query in theme.QUERIES), *(detection.query for detection in DEFAULT)},
        key=lambda query: query.id,
    )
)
"""All saved queries: those that detections point to, and those that answer a question of their own."""


def get(id: str) -> Detection:
    """The detection of this id.

    Raises:
        AuditConfigurationError: There is none; the message names those there are.
    """
    return DEFAULT[id]
