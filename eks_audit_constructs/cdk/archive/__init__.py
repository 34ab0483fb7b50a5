"""Long-term storage of control-plane logs in S3."""

from __future__ import annotations

from eks_audit_constructs.cdk.archive.bucket import AuditExport

__all__ = ["AuditExport"]
