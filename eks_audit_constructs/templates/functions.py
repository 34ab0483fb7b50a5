"""The intrinsic functions that compute a value from others, whatever the template.

What depends on an unknown value is text of the type `Open`, which shows the function.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eks_audit_constructs.templates.deployment import Open, needs_of

if TYPE_CHECKING:
    from eks_audit_constructs.templates.intrinsics import Resolver

__all__ = ["FUNCTIONS", "scalar", "symbol", "unknown"]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def scalar(value: Any) -> str:
    """Return a resolved value as text: JSON, if it is not text. Open text stays open."""
    if isinstance(value, str):
        return value
    try:
        text = json.dumps(value, sort_keys=True, default=str)
    except (TypeError, ValueError):  # keys of different types, or a number too long to be written
        text = type(value).__name__
    needs = needs_of(value)
    return Open(text, needs) if needs else text


def symbol(function: str, argument: Any) -> str:
    """Return the text that stands for the result of a function."""
    return f"${{{scalar({function: argument})}}}"


def unknown(function: str, argument: Any) -> str:
    """Return open text for a function that cannot be resolved; its argument is resolved."""
    return Open(symbol(function, argument), needs_of(argument) or {function})


def _sub(resolver: Resolver, argument: Any) -> Any:
    text, variables = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    if not isinstance(text, str) or not isinstance(variables, Mapping):
        return unknown("Fn::Sub", argument)
    pieces: list[str] = []
    position = 0
    for found in _VARIABLE.finditer(text):
        pieces.append(text[position : found.start()])
        position = found.end()
        name = found[1].strip()
        if name.startswith("!"):
            pieces.append(f"${{{name[1:]}}}")
        elif name in variables:
            pieces.append(resolver.text(variables[name]) or "")
        else:
            pieces.append(scalar(resolver.attribute(name) if "." in name else resolver.ref(name)))
    return resolver.joined([*pieces, text[position:]])


def _join(resolver: Resolver, argument: Any) -> Any:
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
        parts = resolver.value(argument[1])
        if isinstance(parts, list):
            pieces = [piece for part in parts for piece in (argument[0], scalar(part))]
            return resolver.joined(pieces[1:])
    return unknown("Fn::Join", resolver.value(argument))


def _select(resolver: Resolver, argument: Any) -> Any:
    if isinstance(argument, list) and len(argument) == 2:
        index, choices = resolver.text(argument[0]) or "", resolver.value(argument[1])
        if isinstance(choices, list) and index.isdecimal() and len(index) < 5 and int(index) < len(choices):
            return choices[int(index)]
    return unknown("Fn::Select", resolver.value(argument))


def _split(resolver: Resolver, argument: Any) -> Any:
    if isinstance(argument, list) and len(argument) == 2 and argument[0] and isinstance(argument[0], str):
        text = resolver.text(argument[1])
        if text is not None and not isinstance(text, Open):
            return text.split(argument[0])
    return unknown("Fn::Split", resolver.value(argument))


def _to_json(resolver: Resolver, argument: Any) -> str:
    value = resolver.value(argument)
    needs = needs_of(value)
    text = json.dumps(value, separators=(",", ":"), default=str)
    return Open(text, needs) if needs else text


def _length(resolver: Resolver, argument: Any) -> Any:
    value = resolver.value(argument)
    return len(value) if isinstance(value, list) else unknown("Fn::Length", value)


def _base64(resolver: Resolver, argument: Any) -> Any:
    value = resolver.value(argument)
    if not isinstance(value, str) or isinstance(value, Open):
        return unknown("Fn::Base64", value)
    return base64.b64encode(value.encode(errors="replace")).decode()


FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::ToJsonString": _to_json,
    "Fn::Length": _length,
    "Fn::Base64": _base64,
}
