"""Says which extra of the package is missing, where a module needs one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["needing"]


@contextmanager
def needing(extra: str, where: str) -> Iterator[None]:
    """Import here what needs an extra.

    Args:
        extra: The extra's name in pyproject.toml.
        where: The subject of an error: what the user asked for.

    Raises:
        AuditConfigurationError: A package of the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", __name__.partition(".")[0]):  # a fault of ours
            raise
        raise AuditConfigurationError(
            where,
            value=package,
            limit="this package is not installed",
            way_out=f"Run pip install 'eks-audit-constructs[{extra}]'",
        ) from None
