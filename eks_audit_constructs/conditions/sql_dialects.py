"""Differences between DuckDB and Athena in the SQL of conditions.

The methods take and return SQL: a `value` has the type JSON, a `text` or `string` the type VARCHAR.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from eks_audit_constructs.conditions.expression import ANY_ELEMENT, Path, selector
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["ATHENA", "DUCKDB", "Dialect", "UnsupportedInSqlError", "literal"]


class UnsupportedInSqlError(AuditConfigurationError):
    """A condition that a filter pattern can express and SQL cannot."""


class Dialect:
    """A SQL dialect: `DUCKDB`, implemented here, or `ATHENA`, which overrides parts of it."""

    def text(self, value: str) -> str:
        """Return the JSON text of a value, which reveals its type."""
        return f"{value}::varchar"

    def number(self, value: str) -> str:
        """Return a JSON number as a double, NULL for any other value."""
        return f"try_cast({self.text(value)} as double)"

    def digits(self, value: str) -> str:
        """Return a whole JSON number as text, NULL for any other value."""
        text = self.text(value)
        return f"case when {self.searched(text, '^-?[0-9]+$')} then {text} end"

    def string(self, value: str) -> str:
        """Decode a JSON string, NULL for any other value."""
        # A string without escapes is the text between its quotes, which is faster than decoding it.
        text = self.text(value)
        plain = f"substr({text}, 2, length({text}) - 2)"
        decoded = f"case when contains({text}, chr(92)) then json_extract_string({value}, '$') else {plain} end"
        return f"case when starts_with({text}, '\"') then {decoded} end"

    def parse(self, line: str) -> str:
        """Return the JSON value of a line, NULL if it is not valid JSON."""
        return f"try_cast({line} as json)"

    def document(self, line: str) -> str:
        """Return what `extract` needs for a line."""
        return self.parse(line)  # json_extract raises an error for invalid JSON

    def extract(self, document: str, path: Path) -> str:
        """Return the JSON value at a path, NULL if it is missing."""
        return f"json_extract({document}, {self.path(path)})"

    def scalar(self, document: str, path: Path) -> str:
        """Return the string, number or boolean at a path as text, for display."""
        return f"json_extract_string({document}, {self.path(path)})"

    def path(self, path: Path) -> str:
        """Return a path as a literal.

        Raises:
            UnsupportedInSqlError: A JSON path cannot name one of its keys.
        """
        text = "$"
        for segment in path:
            if isinstance(segment, str):
                text += f".{segment}" if _PLAIN_KEY.fullmatch(segment) else self.quoted_key(_checked(segment, path))
            else:
                text += "[*]" if segment is ANY_ELEMENT else f"[{segment}]"
        return literal(text)

    def quoted_key(self, key: str) -> str:
        """Quote a key that has characters other than letters, digits and underscores."""
        return f'."{key}"'

    def some_element(self, array: str, rest: Path, test: Callable[[str], str], within: str) -> str:
        """Return whether an element passes a test at the rest of a path; the text of such an array has `within`."""
        if within:  # skips most arrays
            text = self.text(array)
            array = f"case when contains({text}, {literal(within)}) or contains({text}, chr(92)) then {array} end"
        elements = self.extract(array, (ANY_ELEMENT, *rest))
        return f"len(list_filter({elements}, lambda element: {test('element')})) > 0"

    def searched(self, text: str, regex: str) -> str:
        """Return whether a text contains a match of a regular expression."""
        return f"regexp_matches({text}, {literal(regex)})"

    def contained(self, text: str, part: str) -> str:
        """Return whether a text contains another."""
        # DuckDB is fast at finding text that begins with a character that is rare in JSON.
        rare = _RARE.search(part)
        first = f"contains({text}, {literal(part[rare.start() :])}) and " if rare and rare.start() else ""
        return f"({first}contains({text}, {literal(part)}))"


class _Athena(Dialect):
    def text(self, value: str) -> str:
        return f"json_format({value})"

    def string(self, value: str) -> str:
        return f"if(starts_with({self.text(value)}, '\"'), json_extract_scalar({value}, '$'))"

    def parse(self, line: str) -> str:
        return f"try(json_parse({line}))"

    def document(self, line: str) -> str:
        return line  # json_extract returns NULL for invalid JSON

    def scalar(self, document: str, path: Path) -> str:
        return f"json_extract_scalar({document}, {self.path(path)})"

    def quoted_key(self, key: str) -> str:
        return f'["{key}"]'

    def some_element(self, array: str, rest: Path, test: Callable[[str], str], within: str) -> str:
        element = self.extract("element", rest) if rest else "element"
        return f"any_match(try_cast({array} as array(json)), element -> {test(element)})"

    def searched(self, text: str, regex: str) -> str:
        return f"regexp_like({text}, {literal(regex)})"

    def contained(self, text: str, part: str) -> str:
        return f"strpos({text}, {literal(part)}) > 0"


DUCKDB, ATHENA = Dialect(), _Athena()


def literal(text: str) -> str:
    """Return a text as a SQL literal.

    Raises:
        UnsupportedInSqlError: It contains the character 0 or half of a surrogate pair.
    """
    if "\x00" in text or (not text.isascii() and re.search("[\ud800-\udfff]", text)):
        raise UnsupportedInSqlError(
            "SQL",
            value=text,
            limit="a SQL statement cannot contain the character 0 or half of a surrogate pair",
            way_out="Replace it with *.",
        )
    return "'" + text.replace("'", "''") + "'"


_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNSAFE_IN_KEY = re.compile(r'["\\\x00-\x1f]')
_RARE = re.compile(r'[^a-z0-9":,_-](?=.{3})')


def _checked(key: str, path: Path) -> str:
    if key in ("", "*") or _UNSAFE_IN_KEY.search(key):
        raise UnsupportedInSqlError(
            selector(path),
            value=key,
            limit="a JSON path in SQL cannot name an empty key, *, or one with a quote, backslash or control character",
            way_out="Compare another field, or search the line with message_contains().",
        )
    return key
