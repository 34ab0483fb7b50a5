"""A resource with its properties resolved, and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from eks_audit_constructs.templates.deployment import Open, in_words, needs_of
from eks_audit_constructs.templates.functions import scalar
from eks_audit_constructs.templates.intrinsics import Resolver
from eks_audit_constructs.templates.items import Key

__all__ = ["UNITS", "Properties", "Resource"]

_AMOUNTS = (
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Count",
)
UNITS = frozenset(
    {"Seconds", "Microseconds", "Milliseconds", "Percent", "None", *_AMOUNTS, *(f"{unit}/Second" for unit in _AMOUNTS)}
)
"""The units of CloudWatch metrics."""
_SHOWN = 60


class Resource:
    """A resource of a template.

    Args:
        key: Its key.
        body: The resource as it is in the template.
        resolver: The template's resolver.
    """

    def __init__(self, key: Key, body: Mapping[str, Any], resolver: Resolver) -> None:
        self.key = key
        self.absent = False
        """Whether its condition does not hold, so that the deployment does not have it."""
        self._absence: str | None = None
        self._needs: set[str] = set()
        self._rejected: list[str] = []
        self._unsupported: list[str] = []
        condition = body.get("Condition")
        if condition is not None:
            holds = resolver.holds(scalar(condition))
            if isinstance(holds, frozenset):
                self._needs |= holds
            elif not holds:
                self.absent = True
                self._absence = f"its condition {condition} does not hold with the template's defaults"
        properties = resolver.value(body.get("Properties"))
        self.properties = Properties(properties if properties is not None else {}, "Properties", self)

    @property
    def error(self) -> str | None:
        """Why it cannot be evaluated: it is not deployed, AWS rejects it, it needs a value, or it is not supported."""
        if self._absence:
            return self._absence
        if self._rejected:
            return f"AWS rejects it: {self._rejected[0]}"
        if self._needs:
            return in_words(self._needs)
        return self._unsupported[0] if self._unsupported else None

    def reject(self, reason: str) -> None:
        """Record that AWS rejects the resource."""
        self._rejected.append(reason)

    def need(self, value: Any) -> bool:
        """Record that a value must be known; return whether it is."""
        needs = needs_of(value)
        self._needs |= needs
        return not needs

    def not_supported(self, reason: str) -> None:
        """Record that the replay cannot evaluate the resource."""
        self._unsupported.append(reason)


class Properties:
    """The properties of a resource, or of a part of it. Reading one that has the wrong type rejects the resource.

    Args:
        values: The resolved properties.
        where: What they are, for reasons.
        resource: The resource.
    """

    def __init__(self, values: Any, where: str, resource: Resource) -> None:
        self._resource = resource
        self._known = resource.need(values) if isinstance(values, Open) else True
        self._values: Mapping[str, Any] = {}
        if isinstance(values, Mapping):
            self._values = {str(name): value for name, value in values.items() if value is not None}
        elif self._known:
            resource.reject(f"{where} is not an object")
            self._known = False  # one reason is enough

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def name(self, name: str, *, required: bool = False, most: int | None = None, without: str = "") -> str | None:
        """Return a name, which may depend on the deployment; None if there is none.

        Args:
            name: The property.
            required: Whether AWS rejects a resource without it.
            most: Maximum characters.
            without: Characters that it must not have.
        """
        value = self._values.get(name)
        if value is None:
            if required and self._known:
                self._resource.reject(f"{name} is required")
            return None
        if isinstance(value, Mapping | list):
            self._resource.reject(f"{name} is not text")
            return None
        text = scalar(value)
        if isinstance(text, Open):
            return text
        if required and not text:
            self._resource.reject(f"{name} is empty")
        if most is not None and len(text) > most:
            self._resource.reject(f"{name} has {len(text):,} characters, and at most {most:,} are accepted")
        if found := [character for character in without if character in text]:
            self._resource.reject(f"{name} has {found[0]!r}, which is not accepted")
        return text

    def text(self, name: str, *, required: bool = False, among: frozenset[str] | None = None) -> str | None:
        """Return text that must be known; None if there is none.

        Args:
            name: The property.
            required: Whether AWS rejects a resource without it.
            among: The only values that AWS accepts.
        """
        text = self.name(name, required=required)
        if text is not None and self._resource.need(text) and among is not None and text not in among:
            allowed = f": {', '.join(sorted(among))}" if len(among) < 10 else ""
            self._resource.reject(f"{name} {_short(text)} is not one that CloudWatch has{allowed}")
        return text

    def number(self, name: str, *, required: bool = False) -> float | None:
        """Return a finite number that must be known; None if there is none."""
        text = self.text(name, required=required)
        if text is None or isinstance(text, Open):
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or isinstance(self._values[name], bool):
            self._resource.reject(f"{name} {_short(text)} is not a finite number")
            return None
        return value

    def whole(self, name: str, *, required: bool = False, least: int = 1) -> int | None:
        """Return a whole number that must be known; None if there is none."""
        value = self.number(name, required=required)
        if value is not None and (value < least or not value.is_integer()):
            self._resource.reject(f"{name} {_short(scalar(self._values[name]))} is not a whole number from {least} on")
            return None
        return None if value is None else int(value)

    def is_list(self, name: str) -> bool:
        """Return whether a property is a list, or is not there at all."""
        return isinstance(self._values.get(name, []), list) and self._known

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a property that is true or false, which must be known."""
        text = self.text(name, among=frozenset({"true", "false"}))
        return default if text is None else text == "true"

    def nothing(self) -> Properties:
        """Return properties of something that is not there, which has been said."""
        found = Properties({}, "", self._resource)
        found._known = False
        return found

    def part(self, name: str) -> Properties:
        """Return a property that is an object; an empty one if there is none."""
        return Properties(self._values.get(name, {}), name, self._resource)

    def parts(self, name: str) -> list[Properties]:
        """Return a property that is a list of objects; an empty one if there is none."""
        values = self._values.get(name, [])
        if not isinstance(values, list):
            if self._resource.need(values):
                self._resource.reject(f"{name} is not a list")
            return []
        return [Properties(value, f"an element of {name}", self._resource) for value in values]

    def dimensions(self, key: str, *, most: int) -> Iterator[tuple[str, str]]:
        """Yield the names and values of dimensions, sorted, and reject what CloudWatch does.

        Args:
            key: The property of a dimension that has its name.
            most: Maximum number of dimensions.
        """
        pairs = []
        for dimension in self.parts("Dimensions"):
            name, value = dimension.name(key, required=True, most=255), dimension.name("Value", required=True)
            if name is not None and value is not None:
                pairs.append((name, value))
        if len(pairs) > most:
            self._resource.reject(f"{len(pairs)} dimensions, and a metric has at most {most} here")
        if len({name for name, _ in pairs}) < len(pairs):
            self._resource.reject("two dimensions have the same name")
        yield from sorted(pairs)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
