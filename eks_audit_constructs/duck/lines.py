"""How DuckDB reads log files as raw lines: a CSV of one column with no delimiter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eks_audit_constructs.audit_logs.events import EXPORT_TIME
from eks_audit_constructs.audit_logs.logs import Log, Shape

__all__ = ["Batch", "batches", "json_reader", "line_reader", "messages"]

_MAX_LINE = 4 * 1024 * 1024
"""Bytes. CloudWatch takes log events of up to 1 MiB; a file may come from elsewhere."""
_FILES = 200
"""Files read by one query: a query takes tens of milliseconds to plan, and an export folder has thousands."""
_ALONE = 4 * 1024 * 1024
"""Bytes from which on a file is read by a query of its own."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Logs of one shape that one query reads."""

    logs: tuple[Log, ...]

    @property
    def exported(self) -> bool:
        return self.logs[0].shape is Shape.EXPORT

    @property
    def gzipped(self) -> bool:
        return self.logs[0].gzipped

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters `files` and `compression` of a statement."""
        return {
            "files": [str(log.path) for log in self.logs],
            "compression": "gzip" if self.gzipped else "none",
        }


def batches(logs: Sequence[Log]) -> Iterator[Batch]:
    """The logs in as few batches as will do."""
    alike: dict[tuple[Shape, bool], list[Log]] = {}
    for log in logs:
        if log.size < _ALONE:
            alike.setdefault((log.shape, log.gzipped), []).append(log)
        else:
            yield Batch((log,))
    for group in alike.values():
        yield from (Batch(tuple(group[start : start + _FILES])) for start in range(0, len(group), _FILES))


def line_reader(files: str = "$files", compression: str = "$compression", *, named: bool = False) -> str:
    """The table function that reads files into a column `line`, and the file's name, which costs much, on demand."""
    return f"""read_csv(
        {files}, compression = {compression}, filename = {str(named).lower()}, columns = {{'line': 'VARCHAR'}},
        header = false, auto_detect = false, delim = '', quote = '', escape = '',
        max_line_size = {_MAX_LINE}, buffer_size = {2 * _MAX_LINE}
    )"""


def json_reader(files: str, *, longest: int) -> str:
    """The same of files that hold each line as a JSON object `{"line": …}`, which may have any bytes and length."""
    return f"""read_json(
        {files}, columns = {{'line': 'VARCHAR'}}, format = 'newline_delimited', maximum_object_size = {longest}
    )"""


def messages(reader: str, *, exported: bool, column: str) -> str:
    """The statement that selects the lines which are not blank.

    Its columns: `message`, the time `written` before it in an export file, NULL elsewhere, and one of your own.

    Args:
        reader: What reads the lines.
        exported: Whether these are export files.
        column: Your own column, as in `0 as source`.
    """
    lines = f"select line, {column} from {reader} where starts_with(line, '{{') or stripped(line) <> ''"
    if not exported:
        return f"select line as message, null::varchar as written, * exclude (line) from ({lines})"
    return f"""
        select if(written = '', line, substr(line, length(written) + 2)) as message, * exclude (line)
        from (select *, regexp_extract(line, '^({EXPORT_TIME}) ', 1) as written from ({lines}))
    """
