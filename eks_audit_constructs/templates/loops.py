"""Expand `Fn::ForEach`, which repeats entries of a template for each item of a list.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from eks_audit_constructs.templates.deployment import in_words, needs_of

__all__ = ["PREFIX", "expand"]

PREFIX = "Fn::ForEach::"
_MOST = 2_000
"""Maximum entries that a section may have; CloudFormation accepts 500 resources."""


def expand(
    section: Mapping[Any, Any], resolve: Callable[[Any], Any], skipped: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return a section with its loops expanded.

    Args:
        section: Resources, conditions, outputs or properties.
        resolve: Resolves the list of a loop.
        skipped: Receives the loops that cannot be expanded, and why.
    """
    skipped = {} if skipped is None else skipped
    expanded: dict[str, Any] = {}
    for key, body in section.items():
        name = str(key)
        if not name.startswith(PREFIX):
            expanded[name] = body
            continue
        if not (
            isinstance(body, list) and len(body) == 3 and isinstance(body[0], str) and isinstance(body[2], Mapping)
        ):
            skipped[name] = "not a loop: it takes a name, a list and a mapping"
            continue
        variable, items, template = body[0], resolve(body[1]), body[2]
        if needs := needs_of(items):
            skipped[name] = in_words(needs)
        elif not isinstance(items, list) or not all(isinstance(item, str | int | float) for item in items):
            skipped[name] = "it does not loop over a list of texts"
        elif len(items) > _MOST:
            skipped[name] = f"it has more than {_MOST:,} items"
        else:
            for item in items:
                made = expand(_substituted(template, variable, str(item)), resolve, skipped)
                if len(expanded) + len(made) > _MOST:
                    skipped[name] = f"it makes more than {_MOST:,} entries"
                    break
                expanded |= made
    return expanded


def _substituted(value: Any, variable: str, item: str) -> Any:
    if isinstance(value, str):
        alphanumeric = re.sub(r"[^A-Za-z0-9]", "", item)
        return value.replace(f"${{{variable}}}", item).replace(f"&{{{variable}}}", alphanumeric)
    if isinstance(value, list):
        return [_substituted(element, variable, item) for element in value]
    if isinstance(value, Mapping):
        if len(value) == 1 and value.get("Ref") == variable:
            return item
        return {
            _substituted(key, variable, item) if isinstance(key, str) else key: _substituted(element, variable, item)
            for key, element in value.items()
        }
    return value
