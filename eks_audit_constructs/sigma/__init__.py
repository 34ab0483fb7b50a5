"""Conversion of Sigma rules for Kubernetes audit logs to detections, and of detections to rules.

https://sigmahq.io/docs/basics/rules.html
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from eks_audit_constructs.catalog import Detection
from eks_audit_constructs.extras import needing

__all__ = ["read", "write"]


def read(path: str | PathLike[str]) -> tuple[Detection, ...]:
    """Read a file of Sigma rules as detections, in the order of its documents.

    A rule that a correlation refers to is part of the correlation, and a detection of its own only with
    `generate: true`.

    Args:
        path: A YAML file of one or more rules for Kubernetes audit logs, including correlations of type event_count.

    Raises:
        AuditConfigurationError: pySigma is not installed or cannot read the file, or a rule needs what CloudWatch
            cannot express or EKS never logs. The error names the file and the rule.
    """
    with needing("sigma", f"reading {path}"):
        from eks_audit_constructs.sigma import reading
    return reading.read(path)


def write(detections: Iterable[Detection]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Write detections as Sigma rules: a stream of YAML documents, and what had to be left out.

    A threshold above 1 becomes a correlation of type event_count after its rule. The rules mean exactly what the
    detections count, guards included; `read` reads them back. Needs PyYAML (the extra `cli` or `sigma`), not pySigma.

    Returns:
        The text, and the id of each detection that Sigma cannot express, with the reason.

    Raises:
        AuditConfigurationError: PyYAML is not installed.
    """
    with needing("sigma", "writing Sigma rules"):
        from eks_audit_constructs.sigma import writing  # PyYAML takes time to load

    return writing.write(detections)
