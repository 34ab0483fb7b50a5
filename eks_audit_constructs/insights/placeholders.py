"""The parameters of a saved query: `{{who}}` takes its default.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_QueryParameter.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from eks_audit_constructs.errors import QueryError

__all__ = ["filled"]

_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`\n]*`|/(?:\\.|[^/\\\n])+/)|(?P<comment>\#[^\n]*)"""
    r"""|\{\{\s*(?P<name>[A-Za-z_]\w*)\s*\}\}""",
    re.VERBOSE,
)
_WITHIN = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_WRITTEN = re.compile(r"""-?\d+(\.\d+)?|"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`[^`\n]+`|/(\\.|[^/\\\n])+/""")
"""A value that can stand in a query as it is: a number, quoted text, a name in backticks, a regular expression."""


def filled(query: str, defaults: Mapping[str, str | None], *, where: str) -> str:
    """Return a query with the defaults of its parameters.

    Within quotes, a default is put in as it is; elsewhere as quoted text, unless it is a number or itself quoted.
    CloudWatch does not document which; this is what such queries are written for.

    Args:
        query: The query.
        defaults: Its parameters; None for one without a default.
        where: The name of the query in errors.

    Raises:
        QueryError: A parameter has no default, or is not declared.
    """

    def value(name: str) -> str:
        default = defaults.get(name)
        if default is None:
            raise QueryError(
                where,
                value=f"{{{{{name}}}}}",
                limit="this parameter has no default" if name in defaults else "the query does not declare it",
                way_out="Give it a DefaultValue in the template, or run the query with its value as --text.",
            )
        return default

    def replaced(found: re.Match[str]) -> str:
        if found["comment"]:
            return found[0]
        if found["text"]:
            return _WITHIN.sub(lambda within: value(within[1]), found[0])
        default = value(found["name"])
        if _WRITTEN.fullmatch(default):
            return default
        escaped = default.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    return _TOKEN.sub(replaced, query)
