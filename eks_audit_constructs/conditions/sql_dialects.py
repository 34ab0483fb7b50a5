"""What differs between DuckDB and Athena in the SQL of conditions.

The methods take and give SQL: a `value` is of the type JSON, and a `text` or `string` of the type VARCHAR.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from eks_audit_constructs.conditions.expression import ANY_ELEMENT, Path, selector
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["ATHENA", "DUCKDB", "Dialect", "UnsupportedInSqlError", "literal"]


class UnsupportedInSqlError(AuditConfigurationError):
    """A condition that a filter pattern can say, and SQL cannot."""


class Dialect:
    """A kind of SQL: `DUCKDB`, which is written here, or `ATHENA`, which writes some things otherwise."""

    def text(self, value: str) -> str:
        """The JSON text of a value, which tells its type."""
        return f"{value}::varchar"

    def number(self, value: str) -> str:
        """A JSON number as a double; NULL of another value."""
        return f"try_cast({self.text(value)} as double)"

    def string(self, value: str) -> str:
        """What a JSON string says; NULL of another value."""
        # Without escapes, a string is what stands between its quotes: that is quicker than to decode it.
        text = self.text(value)
        plain = f"substr({text}, 2, length({text}) - 2)"
        decoded = f"case when contains({text}, chr(92)) then json_extract_string({value}, '$') else {plain} end"
        return f"case when starts_with({text}, '\"') then {decoded} end"

    def parse(self, line: str) -> str:
        """The JSON value of a line, NULL if it is no JSON."""
        return f"try_cast({line} as json)"

    def document(self, line: str) -> str:
        """What to extract from where a line is given."""
        return self.parse(line)  # json_extract raises an error for text that is no JSON

    def extract(self, document: str, path: Path) -> str:
        """The JSON value at a path, NULL where there is none."""
        return f"json_extract({document}, {self.path(path)})"

    def scalar(self, document: str, path: Path) -> str:
        """The string, number or boolean at a path as text, to look at."""
        return f"json_extract_string({document}, {self.path(path)})"

    def path(self, path: Path) -> str:
        """A path, in quotes.

        Raises:
            UnsupportedInSqlError: No path can name a key of it.
        """
        text = "$"
        for segment in path:
            if isinstance(segment, str):
                text += f".{segment}" if _PLAIN_KEY.fullmatch(segment) else self.quoted_key(_checked(segment, path))
            else:
                text += "[*]" if segment is ANY_ELEMENT else f"[{segment}]"
        return literal(text)

    def quoted_key(self, key: str) -> str:
        """A key of a path that has more than letters, digits and underscores."""
        return f'."{key}"'

    def some_element(self, array: str, rest: Path, test: Callable[[str], str], within: str) -> str:
        """The test on what is at the rest of a path, for some element of an array that has this text within, if any."""
        if within:  # most arrays need not be taken apart
            text = self.text(array)
            array = f"case when contains({text}, {literal(within)}) or contains({text}, chr(92)) then {array} end"
        elements = self.extract(array, (ANY_ELEMENT, *rest))
        return f"len(list_filter({elements}, lambda element: {test('element')})) > 0"

    def searched(self, text: str, regex: str) -> str:
        """Whether a regular expression is found in a text."""
        return f"regexp_matches({text}, {literal(regex)})"

    def contained(self, text: str, part: str) -> str:
        """Whether a text has another one in it."""
        # DuckDB is quick to find a text that begins with a character that is rare in JSON.
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
        return line  # json_extract makes NULL of what is no JSON

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
    """A text as SQL.

    Raises:
        UnsupportedInSqlError: It holds what a statement cannot: a zero, or half of a surrogate pair.
    """
    if "\x00" in text or (not text.isascii() and re.search("[\ud800-\udfff]", text)):
        raise UnsupportedInSqlError(
            "SQL",
            value=text,
            limit="a statement holds neither the character 0 nor half of a surrogate pair",
            way_out="Put * in its place.",
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
            limit="a JSON path in SQL cannot name a key that is empty or *, or holds a quote or control character",
            way_out="Compare another field, or the line's text with message_contains().",
        )
    return key
