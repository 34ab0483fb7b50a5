"""Read logs as raw lines in DuckDB: one row per event, with a column for each question.

For one question, that the verb is delete, the statement is in short

    select source, strlen(message) as size, fields is not null as readable, coalesce(moment(x0), …) as happened,
        hash(…) as identity, k0 as q0
    from (select *, t0 as k0 from (select *, x4::varchar = '"delete"' as t0 from (
        select *, fields[5] as x4, … from (
            select *, json_extract(message, ['$.stageTimestamp', …, '$.verb']) as fields from (…the lines…)))))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eks_audit_constructs.audit_logs.events import TIMES
from eks_audit_constructs.conditions.expression import Expression, Or, Path
from eks_audit_constructs.conditions.sql import DUCKDB, condition
from eks_audit_constructs.duck.lines import Batch, line_reader, messages
from eks_audit_constructs.replay.counting.duplicates import AUDIT_ID, STAGE, identity
from eks_audit_constructs.replay.counting.field_columns import FieldColumns, stacked
from eks_audit_constructs.replay.counting.question_columns import QuestionColumns

__all__ = ["LineFields", "select_events"]


class LineFields(FieldColumns):
    """The fields of events in raw lines; each line is parsed once for all fields."""

    def __init__(self) -> None:
        self._paths: dict[Path, str] = {}
        super().__init__(
            lambda path: self._paths.setdefault(path, f"fields[{len(self._paths) + 1}]"),
            is_event="fields is not null",
        )

    @property
    def happened(self) -> str:
        """The time of an event in microseconds since 1970, NULL without one."""
        own = (f"moment(trim({self.json((name,))}::varchar, '\"'))" for name in TIMES)
        return f"coalesce(moment(written), {', '.join(own)})"

    def parsed(self, lines: str) -> str:
        """Return the statement that adds `fields`, those used so far, to lines; NULL if a line is not a JSON object."""
        # Parse only what looks like an object: if a TRY fails once, it parses its whole vector row by row.
        return f"""
            select *, case when braced(message) then try({_extracted(self._paths)}) end as fields from ({lines})
        """


def _extracted(paths: Iterable[Path]) -> str:
    return f"json_extract(message, [{', '.join(map(DUCKDB.path, paths))}])"


def select_events(batch: Batch, asked: QuestionColumns, *, matching: Sequence[Expression] = ()) -> str:
    """Return the statement that reads the files of a batch, with the parameters of the batch.

    Columns: `source` (the file), `size` (bytes), `readable` (whether it is a JSON object), `happened` (microseconds
    since 1970, NULL without a time), `identity` (NULL without one), and those of the questions.

    Args:
        batch: The files.
        asked: The questions.
        matching: Conditions on the text of a line. If given, only lines that match one of them are read.

    Raises:
        UnsupportedInSqlError: SQL cannot express a condition.
    """
    fields = LineFields()
    happened = fields.happened
    same = identity(fields.string(AUDIT_ID), fields.string(STAGE))
    terms, shared, answers = asked.columns(fields)
    several = len(batch.logs) > 1
    reader = line_reader(named=several)
    lines = messages(reader, exported=batch.exported, column="hash(filename) as source" if several else "0 as source")
    if matching:
        lines = f"select * from ({lines}) where {condition(Or(tuple(matching)), fields)}"
    return f"""
        select source, strlen(message) as size, {fields.is_event} as readable, {happened} as happened,
            {same} as identity{answers}
        from ({stacked(fields.parsed(lines), fields.extracted, fields.converted, terms, shared)})
    """
