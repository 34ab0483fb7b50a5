"""The one way this library says no.

    EksAuditError
    ├── AuditConfigurationError   an argument, a detection or an option that AWS would refuse, or that is unknown
    ├── TemplateError             a CloudFormation template that cannot be read
    ├── LogError                  an audit log that cannot be read, or kept where it was fetched
    ├── QueryError                a Logs Insights query that CloudWatch would refuse, or that cannot be run offline
    └── AwsError                  AWS gave no answer

Each names the place, the value, the limit, and the way out.
"""

from __future__ import annotations

__all__ = ["AuditConfigurationError", "AwsError", "EksAuditError", "LogError", "QueryError", "TemplateError"]

_SHOWN = 120
"""Characters of a refused value that an error shows; a pattern may have thousands."""


class EksAuditError(ValueError):
    """What all errors of this library are. Raised are only its subclasses.

    Args:
        where: The construct path, detection id, query id, option or file that holds the value.
        value: The value as given; only its beginning is shown.
        limit: What the value breaks: the rule, with its number and unit.
        way_out: What to do instead, as an instruction.
    """

    def __init__(self, where: str, *, value: object, limit: str, way_out: str) -> None:
        shown = value if isinstance(value, str) else repr(value)
        if len(shown) > _SHOWN:
            shown = f"{shown[:_SHOWN]}… ({len(shown)} characters)"
        super().__init__(f"{where}: {shown!r}: {limit}. {way_out.removesuffix('.')}.")
        self.where = where
        self.value = value
        self.limit = limit
        self.way_out = way_out


class AuditConfigurationError(EksAuditError):
    """Something that CloudWatch, EKS or CloudFormation would refuse, refused before they see it."""


class TemplateError(EksAuditError):
    """A CloudFormation template that cannot be read."""


class LogError(EksAuditError):
    """An audit log that cannot be read, or kept where it was fetched."""


class QueryError(EksAuditError):
    """A Logs Insights query that CloudWatch would refuse, or that cannot be run offline."""


class AwsError(EksAuditError):
    """AWS gave no answer: credentials, permission, throttling, the network, or the service itself."""
