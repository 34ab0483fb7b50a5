"""Checks values against their annotations: what a type checker would refuse, and Python lets through.

An annotation is written once, in the signature or the dataclass, and both readers obey it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["check", "check_fields", "control_character", "offers"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def check(value: Any, expected: Any, *, name: str, where: str) -> Any:
    """Return the value if it is what the annotation asks for, with lists as tuples where it asks for those.

    Args:
        value: The value of the argument.
        expected: Its annotation, resolved: a class, an interface of jsii, a union, or a collection of such.
        name: The argument's name.
        where: The subject of an error: the construct's path or the detection's id.

    Raises:
        AuditConfigurationError: It is something else.
    """
    try:
        return _fitting(value, expected)
    except _UnfitError as unfit:
        raise AuditConfigurationError(
            where,
            value=unfit.value,
            limit=f"{name} must be {_described(expected)}, not {_kind(unfit.value)}",
            way_out=f"Write {name}={_example(expected)}",
        ) from None


def check_fields(instance: Any, where: str) -> None:
    """Check all fields of a frozen dataclass that its maker gave.

    Raises:
        AuditConfigurationError: A field holds what its annotation does not allow.
    """
    hints = _hints(cast(Hashable, type(instance)))
    for field in dataclasses.fields(instance):
        if field.init:
            given = getattr(instance, field.name)
            fitting = check(given, hints[field.name], name=field.name, where=where)
            if fitting is not given:
                object.__setattr__(instance, field.name, fitting)


def control_character(text: str, *, lines: bool = False) -> str | None:
    """Return a character of the text that no name can hold, such as NUL or a line break; `lines` allows those."""
    found = _CONTROL.search(text) or (None if lines else re.search(r"[\t\n]", text))
    return found and found[0]


class _UnfitError(Exception):
    def __init__(self, value: object) -> None:
        self.value = value


@cache
def _hints(dataclass: Hashable) -> dict[str, Any]:
    return get_type_hints(dataclass)


def _fitting(value: Any, expected: Any) -> Any:
    origin, parts = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        return _first_fitting(value, parts)
    if origin is Literal:
        return _fit(value, value in parts)
    if origin is tuple:
        return _each(_fit(value, isinstance(value, tuple | list)), parts[0])
    if origin is Mapping:
        _fit(value, isinstance(value, Mapping))
        return {_fitting(key, parts[0]): _fitting(one, parts[1]) for key, one in value.items()}
    if origin in (Sequence, Iterable):
        return _each(_fit(value, isinstance(value, origin) and not isinstance(value, str | bytes | Mapping)), parts[0])
    if expected in (int, bool):  # True is a number to Python
        return _fit(value, type(value) is expected)
    if expected is float:
        return _fit(value, type(value) in (int, float))
    if getattr(expected, "_is_protocol", False):  # an interface of jsii, which has no classes to ask
        return _fit(value, not isinstance(value, type) and offers(value, _members(expected)))
    return _fit(value, isinstance(value, expected))


def _first_fitting(value: Any, choices: Sequence[Any]) -> Any:
    innermost = value
    for choice in choices:
        try:
            return _fitting(value, choice)
        except _UnfitError as unfit:
            innermost = innermost if unfit.value is value else unfit.value
    raise _UnfitError(innermost)


def _each(values: Iterable[Any], expected: Any) -> Any:
    """The values, each fitting. What can be read again stays as it is, but for lists: they can be changed later."""
    if isinstance(values, Collection) and not isinstance(values, list):
        for one in values:
            _fitting(one, expected)
        return values
    return tuple(_fitting(one, expected) for one in values)


def _fit(value: Any, fits: bool) -> Any:
    if not fits:
        raise _UnfitError(value)
    return value


@cache
def _members(interface: Any) -> tuple[str, ...]:
    return tuple(name for name in dir(interface) if not name.startswith("_"))


def offers(value: Any, names: Iterable[str]) -> bool:
    """Return whether an object has these members, without reading them: some of an imported key raise an error."""
    behind = (value, *getattr(value, "_delegates", ()))  # jsii's proxy of an object that implements interfaces
    return all(any(hasattr(type(one), name) for one in behind) for name in names)


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _described(expected: Any) -> str:
    origin, parts = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        *others, last = dict.fromkeys(_described(part) for part in parts if part is not NoneType)
        return f"{', '.join(others)} or {last}" if others else last
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is Mapping:
        return f"a mapping of {_described(parts[0])} to {_described(parts[1])}"
    if origin is tuple:
        return f"a tuple of {_described(parts[0])}"
    if origin in (Sequence, Iterable):
        return f"a list of {_described(parts[0])}"
    return {str: "text", int: "a whole number", float: "a number", bool: "True or False"}.get(expected) or _named(
        expected
    )


def _named(expected: Any) -> str:
    """A class as people write it: `aws_kms.Key`, also for jsii's interface of it."""
    module = expected.__module__.rpartition(".")[2]
    name = expected.__name__
    if getattr(expected, "_is_protocol", False):
        name = name.removeprefix("I").removesuffix("Ref")
    return f"{module}.{name}" if module.startswith("aws_") and module != "aws_cdk" else name


def _example(expected: Any) -> str:
    """What could stand there instead."""
    origin, parts = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        return _example(parts[0])
    if origin is Literal:
        return repr(parts[0])
    if origin is Mapping:
        return f"{{{_example(parts[0])}: {_example(parts[1])}}}"
    if origin is tuple:
        return f"({_example(parts[0])},)"
    if origin in (Sequence, Iterable):
        return f"[{_example(parts[0])}]"
    if isinstance(expected, type) and issubclass(expected, Enum):
        return f"{expected.__name__}.{next(iter(expected)).name}"
    return _EXAMPLES.get(expected) or _EXAMPLES_BY_NAME.get(_named(expected)) or f"{_named(expected)}(…)"


_EXAMPLES: dict[Any, str] = {str: '"…"', int: "1", float: "1.5", bool: "True"}

_EXAMPLES_BY_NAME = {
    "Detection": 'catalog.get("forbidden-requests")',
    "Duration": "Duration.days(90)",
    "Expression": 'field("verb") == "delete"',
    "aws_kms.Key": 'aws_kms.Key.from_key_arn(self, "Key", "arn:…")',
    "aws_logs.LogGroup": 'aws_logs.LogGroup.from_log_group_name(self, "LogGroup", "/aws/eks/…/cluster")',
    "aws_s3.Bucket": 'aws_s3.Bucket.from_bucket_name(self, "Bucket", "…")',
    "aws_sns.Topic": 'aws_sns.Topic.from_topic_arn(self, "Topic", "arn:…")',
}
"""By the name that people write, since nothing here may load CDK."""
