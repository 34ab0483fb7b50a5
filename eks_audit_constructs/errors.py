"""The one way this library says no."""

from __future__ import annotations

_SHOWN = 120
"""Characters of a refused value that an error shows; a pattern may have thousands."""


class AuditConfigurationError(ValueError):
    """Something that CloudWatch, EKS or CloudFormation would refuse, refused before they see it.

    Args:
        where: The construct path, detection id, query id or file that holds the value.
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
