"""The control plane's logs in S3, for as long as they have to be kept."""

from __future__ import annotations

from eks_audit_constructs.cdk.archive.bucket import AuditExport

__all__ = ["AuditExport"]
