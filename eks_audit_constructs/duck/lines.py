"""Read log files as raw lines in DuckDB: as CSV with one column and no delimiter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eks_audit_constructs.audit_logs.events import EXPORT_TIME
from eks_audit_constructs.audit_logs.logs import Log, Shape

__all__ = ["Batch", "batches", "json_reader", "line_reader", "messages"]

_MAX_LINE = 4 * 1024 * 1024
"""Bytes. CloudWatch accepts log events of up to 1 MiB, but a file may come from elsewhere."""
_FILES = 200
"""Files per query: planning one takes tens of milliseconds, and an export folder has thousands of files."""
_ALONE = 4 * 1024 * 1024
"""Bytes from which a file gets its own query."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Logs of one shape, read by one query."""

    logs: tuple[Log, ...]

    @property
    def exported(self) -> bool:
        return self.logs[0].shape is Shape.EXPORT

    @property
    def gzipped(self) -> bool:
        return self.logs[0].gzipped

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of a statement: `files` and `compression`."""
        return {
            "files": [str(log.path) for log in self.logs],
            "compression": "gzip" if self.gzipped else "none",
        }


def batches(logs: Sequence[Log]) -> Iterator[Batch]:
    """Yield the logs in batches, as few as possible."""
    alike: dict[tuple[Shape, bool], list[Log]] = {}
    for log in logs:
        if log.size < _ALONE:
            alike.setdefault((log.shape, log.gzipped), []).append(log)
        else:
            yield Batch((log,))
    for group in alike.values():
        yield from (Batch(tuple(group[start : start + _FILES])) for start in range(0, len(group), _FILES))


def line_reader(files: str = "$files", compression: str = "$compression", *, named: bool = False) -> str:
    """Return the table function that reads files into the column `line`; `named` adds `filename`, which is slow."""
    return f"""read_csv(
        {files}, compression = {compression}, filename = {str(named).lower()}, columns = {{'line': 'VARCHAR'}},
        header = false, auto_detect = false, delim = '', quote = '', escape = '',
        max_line_size = {_MAX_LINE}, buffer_size = {2 * _MAX_LINE}
    )"""


def json_reader(files: str, *, longest: int) -> str:
    """Return the same for files with each line as a JSON object, which allows any bytes and length.

    The object is `{"line": …, "received": …}`; the second is a column too.
    """
    return f"""read_json(
        {files}, columns = {{'line': 'VARCHAR', 'received': 'BIGINT'}}, format = 'newline_delimited',
        maximum_object_size = {longest}
    )"""


def messages(reader: str, *, exported: bool, column: str) -> str:
    """Return the statement that selects the lines that are not blank.

    Columns: `message`, `written` (the time before it in an export file, otherwise NULL), and `column`.

    Args:
        reader: The table function that reads the lines.
        exported: Whether these are export files.
        column: Additional columns, such as `0 as source`.
    """
    lines = f"select line, {column} from {reader} where starts_with(line, '{{') or stripped(line) <> ''"
    if not exported:
        return f"select line as message, null::varchar as written, * exclude (line) from ({lines})"
    return f"""
        select if(written = '', line, substr(line, length(written) + 2)) as message, * exclude (line)
        from (select *, regexp_extract(line, '^({EXPORT_TIME}) ', 1) as written from ({lines}))
    """
