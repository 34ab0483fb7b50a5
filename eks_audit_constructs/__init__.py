"""AWS CDK constructs that make an EKS control plane auditable, and a replay that shows what their alarms would catch.

    from eks_audit_constructs import EksAudit, catalog, field

The names below are the public API. They are imported on first use, so that only what needs CDK starts it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eks_audit_constructs import catalog as catalog
    from eks_audit_constructs import insights as insights
    from eks_audit_constructs import replay as replay
    from eks_audit_constructs import sigma as sigma
    from eks_audit_constructs import tuning as tuning
    from eks_audit_constructs.catalog import Detection as Detection
    from eks_audit_constructs.catalog import Detections as Detections
    from eks_audit_constructs.catalog import Guard as Guard
    from eks_audit_constructs.catalog import Sample as Sample
    from eks_audit_constructs.catalog import SavedQuery as SavedQuery
    from eks_audit_constructs.catalog import Severity as Severity
    from eks_audit_constructs.catalog import Silence as Silence
    from eks_audit_constructs.cdk.alarms.audit_alarms import AuditAlarms as AuditAlarms
    from eks_audit_constructs.cdk.alarms.topic import AlarmTopic as AlarmTopic
    from eks_audit_constructs.cdk.archive import AuditExport as AuditExport
    from eks_audit_constructs.cdk.audit import EksAudit as EksAudit
    from eks_audit_constructs.cdk.control_plane import ControlPlaneLogging as ControlPlaneLogging
    from eks_audit_constructs.cdk.queries import AuditQueries as AuditQueries
    from eks_audit_constructs.cdk.stack import EksAuditStack as EksAuditStack
    from eks_audit_constructs.conditions.expression import Expression as Expression
    from eks_audit_constructs.conditions.expression import all_of as all_of
    from eks_audit_constructs.conditions.expression import any_of as any_of
    from eks_audit_constructs.conditions.expression import field as field
    from eks_audit_constructs.conditions.expression import message_contains as message_contains
    from eks_audit_constructs.errors import AuditConfigurationError as AuditConfigurationError
    from eks_audit_constructs.errors import AwsError as AwsError
    from eks_audit_constructs.errors import EksAuditError as EksAuditError
    from eks_audit_constructs.errors import LogError as LogError
    from eks_audit_constructs.errors import QueryError as QueryError
    from eks_audit_constructs.errors import TemplateError as TemplateError

_HOMES = {
    "AlarmTopic": "cdk.alarms",
    "AuditAlarms": "cdk.alarms",
    "AuditConfigurationError": "errors",
    "AwsError": "errors",
    "EksAuditError": "errors",
    "LogError": "errors",
    "QueryError": "errors",
    "TemplateError": "errors",
    "AuditExport": "cdk.archive",
    "AuditQueries": "cdk.queries",
    "ControlPlaneLogging": "cdk.control_plane",
    "Detection": "catalog",
    "Detections": "catalog",
    "EksAudit": "cdk.audit",
    "EksAuditStack": "cdk.stack",
    "Expression": "conditions.expression",
    "Guard": "catalog",
    "Sample": "catalog",
    "SavedQuery": "catalog",
    "Severity": "catalog",
    "Silence": "catalog",
    "all_of": "conditions.expression",
    "any_of": "conditions.expression",
    "field": "conditions.expression",
    "message_contains": "conditions.expression",
}

_MODULES = ("catalog", "insights", "replay", "sigma", "tuning")

__all__ = sorted([*_HOMES, *_MODULES])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from eks_audit_constructs.extras import needing

        with needing("cli", f"{__name__}.{name}"):
            return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
