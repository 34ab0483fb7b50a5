"""The SQL with which DuckDB reads logs: one row an event, one column a question."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache

from sqlglot import exp

from eks_audit_constructs.conditions import sql
from eks_audit_constructs.conditions.expression import ANY_ELEMENT, And, Comparison, Expression, Or, Path, selector
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay.counts import Question
from eks_audit_constructs.replay.logs import Shape
from eks_audit_constructs.replay.reference import EXPORT_TIME, RFC3339, TIMES

__all__ = ["MAX_LINE", "UnsayableError", "aggregates", "json_path", "select_events", "told"]

MAX_LINE = 4 * 1024 * 1024
"""Bytes. CloudWatch takes log events of up to 1 MiB; a file may come from elsewhere."""
_BLANK = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"


class UnsayableError(Exception):
    """SQL cannot say a condition that a filter pattern can."""


_EVENT: exp.Expr = exp.maybe_parse("if(fields is null, null, '{}')::json", dialect="duckdb")
"""Stands for the event itself, of which conditions only ask whether it is an object."""


def select_events(shape: Shape, questions: Sequence[Question], *, files: int = 1) -> str:
    """The statement that reads files of the shape, with the parameters `files` and `compression`.

    Its columns: `source` (which file), `size` (bytes), `readable` (it is a JSON object), and those of `told`.

    Raises:
        UnsayableError: A condition is one that SQL cannot say.
    """
    paths: dict[Path, str] = {}

    def value(path: Path) -> exp.Expr:
        return exp.column(paths.setdefault(path, f"f{len(paths)}")) if path else _EVENT

    times = [f"trim({value((name,)).sql()}::varchar, '\"')" for name in TIMES]
    columns = told(questions, value, times, exported=shape is Shape.EXPORT)
    # Only what looks like an object is parsed: a TRY that fails once parses its whole vector row by row.
    return f"""
        select source, strlen(message) as size, fields is not null as readable, {columns}
        from (
            select *, {_named(paths)}
            from (
                select *, case
                    when starts_with(message, '{{') and ends_with(message, '}}')
                        or starts_with(trim(message, {_BLANK}), '{{') and ends_with(trim(message, {_BLANK}), '}}')
                    then try(json_extract(message, [{", ".join(map(json_path, paths))}]))
                end as fields
                from ({_messages(shape, files)})
            )
        )
    """


def told(
    questions: Sequence[Question],
    value: Callable[[Path], exp.Expr],
    times: Sequence[str],
    *,
    exported: bool = False,
    texts: Collection[Path] = (),
) -> str:
    """What events tell, given the JSON values of their fields and the texts of their own times.

    Of `texts`, the values are no JSON but text; these fields are compared with `=` and a string, no more.

    The columns: `happened` (microseconds since 1970, NULL without a time), and for each question `q0` (1 if it
    matches, else 0), `q1` …, with `v0` … where a question asks for a number.

    Raises:
        UnsayableError: A condition is one that SQL cannot say.
    """
    known = [_microseconds("written", EXPORT_TIME)] if exported else []
    known += [_micro_time(times[0]), *(_microseconds(text, RFC3339) for text in times)]
    columns = f"coalesce({', '.join(known)}) as happened"

    @cache  # questions have most of their terms in common
    def matches(condition: Expression) -> str:
        if isinstance(condition, And | Or) and condition.terms:
            return f"({(' and ' if isinstance(condition, And) else ' or ').join(map(matches, condition.terms))})"
        written = sql.condition(condition, dialect="duckdb", value=value)
        if isinstance(condition, Comparison) and condition.path in texts:
            written = exp.EQ(this=value(condition.path), expression=exp.convert(condition.value))
        return f"({written.sql(dialect='duckdb')})"

    for index, question in enumerate(questions):
        try:
            columns += f", case when {matches(question.condition)} then 1::utinyint else 0::utinyint end as q{index}"
        except AuditConfigurationError as error:
            raise UnsayableError from error
        if question.value is not None:
            columns += f", {_number(value(question.value))} as v{index}"
    return columns


def aggregates(questions: Sequence[Question]) -> str:
    """Five columns for each question: how many match; how many numbers, their sum, the least and the greatest."""
    return "".join(
        f", sum(q{index}), sum(q{index}), sum(q{index}), 1, 1"
        if question.value is None
        else f", sum(q{index})"
        + "".join(f", {function}(v{index}) filter (q{index} = 1)" for function in ("count", "sum", "min", "max"))
        for index, question in enumerate(questions)
    )


def _messages(shape: Shape, files: int) -> str:
    # The name of the file is dear: it is read only where it tells files apart.
    lines = f"""
        select line, {"hash(filename)" if files > 1 else "0"} as source
        from read_csv(
            $files, compression = $compression, filename = {str(files > 1).lower()}, columns = {{'line': 'VARCHAR'}},
            header = false, auto_detect = false, delim = '', quote = '', escape = '',
            max_line_size = {MAX_LINE}, buffer_size = {2 * MAX_LINE}
        )
        where starts_with(line, '{{') or trim(line, {_BLANK}) <> ''
    """
    if shape is Shape.LINES:
        return f"select source, line as message from ({lines})"
    return f"""
        select source, written, if(written = '', line, substr(line, length(written) + 2)) as message
        from (select *, regexp_extract(line, '^({EXPORT_TIME}) ', 1) as written from ({lines}))
    """


def _named(paths: dict[Path, str]) -> str:
    return ", ".join(f"fields[{position}] as {name}" for position, name in enumerate(paths.values(), start=1))


def _microseconds(text: str, form: str) -> str:
    return f"case when regexp_full_match({text}, '{form}') then epoch_us(try_cast({text} as timestamptz)) end"


def _micro_time(text: str) -> str:
    """A time as API servers write it, 2026-11-23T06:02:22.035605Z: no regular expression is needed."""
    usual = f"strlen({text}) = 27 and substr({text}, 11, 1) = 'T' and ends_with({text}, 'Z')"
    return f"case when {usual} then epoch_us(try_cast({text} as timestamp)) end"


def _number(value: exp.Expr) -> str:
    number = f"try_cast({value.sql()}::varchar as double)"
    return f"case when isfinite({number}) then {number} end"


def json_path(path: Path) -> str:
    """A path as DuckDB writes it, in quotes.

    Raises:
        UnsayableError: It cannot.
    """
    text = "$"
    for segment in path:
        if segment is ANY_ELEMENT or (isinstance(segment, str) and ('"' in segment or "\\" in segment)):
            raise UnsayableError(selector(path))
        text += f"[{segment}]" if isinstance(segment, int) else f'."{segment}"'
    return exp.Literal.string(text).sql(dialect="duckdb")
