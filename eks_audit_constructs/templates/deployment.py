"""What only a deployment knows, and the values that are given for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Deployment", "Open", "in_words", "needs_of", "of_region"]

_PSEUDO = ("AccountId", "Region", "Partition", "URLSuffix", "StackName", "StackId", "NotificationARNs")


class Open(str):
    """Text that depends on what only a deployment knows, such as `${Who}`; equal text means equal values.

    Attributes:
        needs: What it depends on: parameters, `AWS::Region`, attributes of resources.
    """

    needs: frozenset[str]

    def __new__(cls, text: str, needs: Iterable[str]) -> Open:
        made = super().__new__(cls, text)
        made.needs = frozenset(needs)
        return made


def needs_of(value: Any) -> frozenset[str]:
    """Return what a resolved value depends on; empty if it is known."""
    if isinstance(value, Open):
        return value.needs
    if isinstance(value, Mapping):
        return frozenset().union(*map(needs_of, value.values()))
    if isinstance(value, list):
        return frozenset().union(*map(needs_of, value))
    return frozenset()


def in_words(needs: Iterable[str]) -> str:
    """Return `needs Who, which has no value here`."""
    *some, last = sorted(needs)
    listed = f"{', '.join(some)} and {last}" if some else last
    return f"needs {listed}, which {'have' if some else 'has'} no value here"


def of_region(name: str, region: str) -> str | None:
    """Return the pseudo parameters that follow from the Region; None for others."""
    china = region.startswith("cn-")
    if name == "AWS::URLSuffix":
        return "amazonaws.com.cn" if china else "amazonaws.com"
    if name == "AWS::Partition":
        return "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return None


class Deployment:
    """The values given for what only a deployment knows.

    Args:
        given: The values, by parameter, pseudo parameter, or whatever else `Open.needs` names.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self._given = dict(given or {})
        self._known = {f"AWS::{name}" for name in _PSEUDO}

    def declare(self, names: Iterable[str]) -> None:
        """Record the parameters of a template, so that `check` knows them."""
        self._known.update(names)

    def given(self, name: str) -> str | None:
        """Return the value that is given."""
        return self._given.get(name)

    def value(self, name: str, shown: str | None = None) -> str:
        """Return the value that is given, or open text that needs it.

        Args:
            name: What only a deployment knows.
            shown: The text without a value. Default: `${name}`.
        """
        self._known.add(name)
        given = self._given.get(name)
        return Open(shown or f"${{{name}}}", {name}) if given is None else given

    def check(self, where: str) -> None:
        """Refuse values that no template asks for: a misspelt parameter must not be ignored.

        Raises:
            AuditConfigurationError: There are such values.
        """
        if unknown := sorted(self._given.keys() - self._known):
            names = sorted(name for name in self._known if not name.startswith("AWS::") and name.isalnum())
            raise AuditConfigurationError(
                "--parameter",
                value=", ".join(unknown),
                limit=f"{where} does not ask for this",
                way_out=f"Give AWS::Region, AWS::AccountId or a parameter: {', '.join(names) or 'it has none'}",
            )
