"""The control plane's logs: where they go, how long they stay, and that they are written at all."""

from __future__ import annotations

from eks_audit_constructs.cdk.control_plane.logging import ControlPlaneLogging

__all__ = ["ControlPlaneLogging"]
