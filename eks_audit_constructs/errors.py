"""The exceptions that this library raises.

    EksAuditError
    ├── AuditConfigurationError   an argument, detection or option that AWS would reject, or that is unknown
    ├── TemplateError             a CloudFormation template that cannot be read
    ├── LogError                  an audit log that cannot be read, or stored after fetching
    ├── QueryError                a Logs Insights query that CloudWatch would reject, or that cannot be run offline
    └── AwsError                  AWS did not answer

Each message names the place, the value, the limit and the way out.
"""

from __future__ import annotations

__all__ = ["AuditConfigurationError", "AwsError", "EksAuditError", "LogError", "QueryError", "TemplateError"]

_SHOWN = 120
"""Maximum characters of a value that an error shows; a pattern may have thousands."""


class EksAuditError(ValueError):
    """The base class of all errors of this library. Only its subclasses are raised.

    Args:
        where: The construct path, detection id, query id, option or file that holds the value.
        value: The value as given; only its beginning is shown.
        limit: The rule that the value violates, with its number and unit.
        way_out: What to do instead, as an instruction.
    """

    def __init__(self, where: str, *, value: object, limit: str, way_out: str) -> None:
        shown = value if isinstance(value, str) else repr(value)
        if len(shown) > _SHOWN:
            shown = f"{shown[:_SHOWN]}… ({len(shown)} characters)"
        end = "" if way_out.endswith((".", "?", "!")) else "."
        place = where.replace("\n", "\\n")  # a file may be called like that, and an error is one line
        super().__init__(f"{place}: {shown!r}: {limit}. {way_out}{end}")
        self.where = where
        self.value = value
        self.limit = limit
        self.way_out = way_out


class AuditConfigurationError(EksAuditError):
    """An argument, detection or option that CloudWatch, EKS or CloudFormation would reject, or that is unknown."""


class TemplateError(EksAuditError):
    """A CloudFormation template that cannot be read."""


class LogError(EksAuditError):
    """An audit log that cannot be read, or stored after fetching."""


class QueryError(EksAuditError):
    """A Logs Insights query that CloudWatch would reject, or that cannot be run offline."""


class AwsError(EksAuditError):
    """AWS did not answer: credentials, permission, throttling, the network, or the service itself."""
