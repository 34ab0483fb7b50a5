"""Control-plane logging of a cluster, and its log group."""

from __future__ import annotations

from eks_audit_constructs.cdk.control_plane.logging import ControlPlaneLogging

__all__ = ["ControlPlaneLogging"]
