"""The parser of Logs Insights queries.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path as File
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError
from lark.tree import Meta

from eks_audit_constructs.errors import QueryError
from eks_audit_constructs.insights.syntax import (
    Call,
    Command,
    Comparison,
    Dedup,
    Display,
    Expression,
    Fields,
    Filter,
    Item,
    Key,
    Limit,
    Logic,
    Match,
    Membership,
    Name,
    Negation,
    Number,
    Operation,
    Parse,
    Path,
    Period,
    Regex,
    Script,
    Sort,
    Star,
    Stats,
    Text,
)

__all__ = ["MAX_ROWS", "parse"]

MAX_ROWS = 10_000
"""The default of `limit`.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Limit.html"""

_MOST_ROWS = 100_000
_COMMANDS = ("fields", "display", "filter", "parse", "stats", "sort", "limit", "dedup")
_PART = re.compile(r"`([^`]+)`|([\w@]+)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_GROUP = re.compile(r"(?:^|[^\\])(?:\\\\)*\(\?P?<([A-Za-z_]\w*)>")


def parse(script: Script) -> tuple[Command, ...]:
    """Parse a query into its commands.

    Raises:
        QueryError: The text is not a query, or uses a command or syntax that the engine does not support; the error
            names line and column.
    """
    if "\0" in script.text:
        raise script.refusal(script.text.index("\0"), "a query cannot contain a NUL character", "Remove it.")
    try:
        commands: tuple[Command, ...] = _Reader(script).transform(_parser().parse(script.text))
    except UnexpectedInput as error:
        raise _unexpected(script, error) from None
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    return commands


@cache
def _parser() -> Lark:
    grammar = File(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, start="query", parser="lalr", maybe_placeholders=True, propagate_positions=True)


def _unexpected(script: Script, error: UnexpectedInput) -> QueryError:
    at = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(script.text)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        at = len(script.text.rstrip())
    before = re.sub(r"#[^\n]*", "", script.text[:at]).rstrip()
    if not before or before.endswith("|"):
        return script.refusal(
            at, "this is not a command that can be run offline", f"Use {', '.join(_COMMANDS[:-1])} or {_COMMANDS[-1]}."
        )
    if script.text[at : at + 1] == "[":
        return script.refusal(at, "a list may follow only `in`", "Name an element of a field as in list.0.")
    return script.refusal(
        at,
        "this is not expected here",
        "Put | between commands, text in quotes, and names with characters other than A-Z a-z 0-9 _ @ . in backticks.",
    )


@v_args(meta=True)
class _Reader(Transformer[Token, Any]):
    """Builds the query bottom-up from lark's tree; its methods are named after the grammar's rules."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script

    def query(self, meta: Meta, parts: list[Any]) -> tuple[Command, ...]:
        source, *commands = parts
        if source is not None:
            self._script.note("SOURCE is passed over: the logs that are given are queried")
        return tuple(commands)

    def fields(self, meta: Meta, parts: list[Item]) -> Command:
        return Fields(items=tuple(parts), **_span(meta))

    def display(self, meta: Meta, parts: list[Item]) -> Command:
        return Display(items=tuple(parts), **_span(meta))

    def filter(self, meta: Meta, parts: list[Expression]) -> Command:
        return Filter(condition=parts[0], **_span(meta))

    def parse(self, meta: Meta, parts: list[Any]) -> Command:
        token, pattern, *aliases = parts
        source = None if token is None else _name(token)
        if pattern.type == "REGEX":
            regex = self._regex(pattern)
            names = tuple(_GROUP.findall(regex.source))
            if not names:
                raise self._script.refusal(
                    pattern.start_pos, "the regular expression has no named group", "Name one, as in (?<user>\\S+)."
                )
            self._check_names(pattern, names)
            return Parse(source=source, pattern=regex, names=names, **_span(meta))
        glob = self._text(pattern)
        if glob.value.count("*") != len(aliases):
            raise self._script.refusal(
                pattern.start_pos,
                f"the pattern has {glob.value.count('*')} * for {len(aliases)} name(s)",
                "Give each * a name after `as`.",
            )
        names = tuple(_name(alias).flat for alias in aliases)
        self._check_names(pattern, names)
        return Parse(source=source, pattern=glob, names=names, **_span(meta))

    def stats(self, meta: Meta, parts: list[Any]) -> Command:
        items, groups = parts
        return Stats(items=items, groups=groups or (), **_span(meta))

    def sort(self, meta: Meta, parts: list[Key]) -> Command:
        return Sort(keys=tuple(parts), **_span(meta))

    def limit(self, meta: Meta, parts: list[Token]) -> Command:
        number = parts[-1]  # `limit any` may return any of the rows, so also the first
        text = str(number)
        if not text.isdecimal() or not 1 <= int(text) <= _MOST_ROWS:
            raise self._script.refusal(
                number.start_pos or 0, f"a query returns 1 to {_MOST_ROWS:,} rows", "Use a number in this range."
            )
        return Limit(count=int(text), **_span(meta))

    def dedup(self, meta: Meta, parts: list[Token]) -> Command:
        return Dedup(names=tuple(map(_name, parts)), **_span(meta))

    def items(self, meta: Meta, parts: list[Item]) -> tuple[Item, ...]:
        return tuple(parts)

    def item(self, meta: Meta, parts: list[Any]) -> Item:
        expression, alias = parts
        if alias is not None:
            name = _name(alias).flat
        elif isinstance(expression, Name):
            name = expression.flat
        else:
            name = " ".join(self._script.text[expression.start : expression.end].split())
        return Item(expression=expression, name=name, aliased=alias is not None, **_span(meta))

    def key(self, meta: Meta, parts: list[Any]) -> Key:
        expression, direction = parts
        return Key(expression=expression, descending=direction is not None and direction.type == "DESC", **_span(meta))

    def either(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Logic(word="or", terms=tuple(parts), **_span(meta))

    def both(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Logic(word="and", terms=tuple(parts), **_span(meta))

    def negation(self, meta: Meta, parts: list[Any]) -> Expression:
        if len(parts) > 1:
            self._undocumented("!", "not")
        return Negation(operand=parts[-1], **_span(meta))

    def comparison(self, meta: Meta, parts: list[Any]) -> Expression:
        left, sign, right = parts
        if sign == "==":
            self._undocumented("==", "=")
            sign = "="
        return Comparison(sign=str(sign), left=left, right=right, **_span(meta))

    def match(self, meta: Meta, parts: list[Any]) -> Expression:
        operand, absent, word, pattern = parts
        if word == "~=":
            self._undocumented("~=", "=~")
        read = self._regex(pattern) if pattern.type == "REGEX" else self._text(pattern)
        return Match(operand=operand, pattern=read, absent=absent is not None, **_span(meta))

    def membership(self, meta: Meta, parts: list[Any]) -> Expression:
        operand, absent, *values = parts
        return Membership(operand=operand, values=tuple(values), absent=absent is not None, **_span(meta))

    def sum(self, meta: Meta, parts: list[Any]) -> Expression:
        left, sign, right = parts
        return Operation(sign=str(sign), left=left, right=right, **_span(meta))

    product = sum

    def power(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Operation(sign="^", left=parts[0], right=parts[1], **_span(meta))

    def minus(self, meta: Meta, parts: list[Any]) -> Expression:
        operand = parts[1]
        if isinstance(operand, Number):
            return Number(value=-operand.value, **_span(meta))
        zero = Number(value=0, start=meta.start_pos, end=meta.start_pos)
        return Operation(sign="-", left=zero, right=operand, **_span(meta))

    def name(self, meta: Meta, parts: list[Token]) -> Expression:
        name = _name(parts[0])
        if name.flat.lower() in ("true", "false", "null"):
            raise self._script.refusal(
                name.start,
                "this is not a value in a query",
                "Compare with 1 or 0, or use ispresent() for missing fields.",
            )
        return name

    def number(self, meta: Meta, parts: list[Token]) -> Expression:
        return Number(value=float(parts[0]), **_span(meta))

    def text(self, meta: Meta, parts: list[Token]) -> Expression:
        return self._text(parts[0])

    def period(self, meta: Meta, parts: list[Token]) -> Expression:
        digits = re.match(r"\d+", parts[0])
        assert digits is not None
        return Period(count=int(digits[0]), unit=parts[0][digits.end() :].lower(), **_span(meta))

    def call(self, meta: Meta, parts: list[Any]) -> Expression:
        function, *arguments = parts
        read = tuple(
            Star(start=argument.start_pos or 0, end=argument.end_pos or 0) if isinstance(argument, Token) else argument
            for argument in arguments
            if argument is not None
        )
        return Call(function=function.lower(), arguments=read, **_span(meta))

    def _text(self, token: Token) -> Text:
        start = token.start_pos or 0
        if unknown := re.search(r"""\\[^"'\\]""", re.sub(r"\\\\", "  ", token)):
            raise self._script.refusal(
                start + unknown.start(),
                "in quoted text, a backslash can escape only a quote or itself",
                "Double the backslash.",
            )
        return Text(value=_ESCAPE.sub(r"\1", token[1:-1]), start=start, end=start + len(token))

    def path(self, meta: Meta, parts: list[Any]) -> Expression:
        return Path(operand=parts[0], parts=_parts(parts[1]), **_span(meta))

    def _undocumented(self, sign: str, meant: str) -> None:
        self._script.note(f"{sign} is read as {meant}: CloudWatch documents only {meant}")

    def _check_names(self, pattern: Token, names: Sequence[str]) -> None:
        for name in names:
            if names.count(name) > 1:
                raise self._script.refusal(
                    pattern.start_pos or 0, f"two columns of this command are called {name}", "Rename one of them."
                )

    def _regex(self, token: Token) -> Regex:
        start = token.start_pos or 0
        return Regex(source=str(token[1:-1]), start=start, end=start + len(token))


def _span(meta: Meta) -> dict[str, int]:
    return {"start": meta.start_pos, "end": meta.end_pos}


def _name(token: Token) -> Name:
    start = token.start_pos or 0
    indexed = "[" in re.sub("`[^`]*`", "", token)
    return Name(parts=_parts(token), indexed=indexed, start=start, end=start + len(token))


def _parts(token: Token) -> tuple[str, ...]:
    return tuple(quoted or plain for quoted, plain in _PART.findall(token))
