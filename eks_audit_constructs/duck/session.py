"""DuckDB at work on logs: the database, the progress of a query, and the gzip files that it does not check itself."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeAlias

import duckdb

from eks_audit_constructs.audit_logs.logs import Log, check_gzip

__all__ = ["Progress", "add_macros", "checked", "database", "watched"]

Progress: TypeAlias = Callable[[float], None]
"""Called now and then with the share of the input that is done, 0 to 1."""

_POLL_SECONDS = 0.1


@contextmanager
def checked(logs: Sequence[Log]) -> Iterator[None]:
    """Meanwhile check the gzip files: DuckDB takes the end of damaged data for the end of the file."""
    with ThreadPoolExecutor(max_workers=1) as checker:
        checks = [checker.submit(check_gzip, log) for log in logs]
        try:
            yield
            for check in checks:
                check.result()
        finally:
            for check in checks:
                check.cancel()


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with temporary tables of its own; what does not fit into memory is written to disk."""
    with _instance().cursor() as opened:
        opened.execute("set enable_progress_bar = true")
        opened.execute("set enable_progress_bar_print = false")
        yield opened


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """The database of this process: one that is closed would give its memory back, and the next one fetch it again."""
    spill = tempfile.mkdtemp(prefix="eks-audit-")
    atexit.register(shutil.rmtree, spill, ignore_errors=True)
    opened = duckdb.connect(":memory:", config={"temp_directory": spill, "autoinstall_known_extensions": False})
    add_macros(opened)
    return opened


def add_macros(opened: duckdb.DuckDBPyConnection) -> None:
    """Make the macros that statements on logs are written in: `macros.sql`."""
    opened.execute(Path(__file__).with_name("macros.sql").read_text(encoding="utf-8"))


@contextmanager
def watched(opened: duckdb.DuckDBPyConnection, report: Progress) -> Iterator[None]:
    """Report the progress of the query that runs meanwhile."""
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_POLL_SECONDS):
            report(max(0.0, opened.query_progress()) / 100)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
