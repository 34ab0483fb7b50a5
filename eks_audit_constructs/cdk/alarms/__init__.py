"""Alarms for detections, and the topic that they notify."""

from __future__ import annotations

from eks_audit_constructs.cdk.alarms.audit_alarms import AuditAlarms
from eks_audit_constructs.cdk.alarms.topic import AlarmTopic

__all__ = ["AlarmTopic", "AuditAlarms"]
