"""The SQL with which DuckDB reads logs: one row an event, one column a question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eks_audit_constructs.audit_logs.logs import Shape
from eks_audit_constructs.conditions.expression import Expression, Or, Path
from eks_audit_constructs.replay.counting.duplicates import AUDIT_ID, STAGE, identity
from eks_audit_constructs.replay.counting.hits import Hits
from eks_audit_constructs.replay.counting.predicate import predicate
from eks_audit_constructs.replay.counting.reference import EXPORT_TIME, RFC3339, TIMES
from eks_audit_constructs.replay.counting.values import Values, json_path, stacked

__all__ = ["MAX_LINE", "messages", "microseconds", "parsed", "select_events"]

MAX_LINE = 4 * 1024 * 1024
"""Bytes. CloudWatch takes log events of up to 1 MiB; a file may come from elsewhere."""
_BLANK = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"


def select_events(shape: Shape, hits: Hits, *, files: int = 1, matching: Sequence[Expression] = ()) -> str:
    """The statement that reads files of the shape, with the parameters `files` and `compression`.

    Its columns: `source` (which file), `size` (bytes), `readable` (it is a JSON object), `happened` (microseconds since
    1970, NULL without a time), `identity` (NULL without one), and those of `hits`.

    Args:
        shape: The shape of the files.
        hits: The questions.
        files: How many files there are.
        matching: Conditions on the text of a line; if given, only lines that match one of them are read.

    Raises:
        UnsayableError: A condition is one that SQL cannot say.
    """
    fields: dict[Path, str] = {}
    values = Values(lambda path: fields.setdefault(path, f"fields[{len(fields) + 1}]"), event="fields")
    times = [f"trim({values.json((name,))}::varchar, '\"')" for name in TIMES]
    same = identity(values.string(AUDIT_ID), values.string(STAGE))
    asked, quick, told = hits.columns(values)
    source = f"""
        select *, {parsed(fields)} as fields
        from ({messages(shape, files)})
        where {predicate(Or(tuple(matching)), values) if matching else "true"}
    """
    return f"""
        select source, strlen(message) as size, fields is not null as readable,
            {microseconds(times, exported=shape is Shape.EXPORT)} as happened,
            {same} as identity{told}
        from ({stacked(source, values.extracted, values.told, asked, quick)})
    """


def parsed(fields: Iterable[Path]) -> str:
    """The JSON values at the paths of the object in `message`, as a list; NULL if there is none."""
    # Only what looks like an object is parsed: a TRY that fails once parses its whole vector row by row.
    return f"""case
        when starts_with(message, '{{') and ends_with(message, '}}')
            or starts_with(trim(message, {_BLANK}), '{{') and ends_with(trim(message, {_BLANK}), '}}')
        then try(json_extract(message, [{", ".join(map(json_path, fields))}]))
    end"""


def messages(shape: Shape, files: int) -> str:
    """The statement that reads the lines that are not blank: `source`, `message` and the export's time, `written`."""
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


def microseconds(times: Sequence[str], *, exported: bool = False) -> str:
    """When an event happened, in microseconds since 1970: the first of the times that is one, NULL without any."""
    known = [_time("written", EXPORT_TIME)] if exported else []
    return f"coalesce({', '.join([*known, _micro_time(times[0]), *(_time(text, RFC3339) for text in times)])})"


def _time(text: str, form: str) -> str:
    return f"case when regexp_full_match({text}, '{form}') then epoch_us(try_cast({text} as timestamptz)) end"


def _micro_time(text: str) -> str:
    """A time as API servers write it, 2026-11-23T06:02:22.035605Z: no regular expression is needed."""
    usual = f"strlen({text}) = 27 and substr({text}, 11, 1) = 'T' and ends_with({text}, 'Z')"
    return f"case when {usual} then epoch_us(try_cast({text} as timestamp)) end"
