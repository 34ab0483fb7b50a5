"""DuckDB sessions: the database, the progress of a query, and the check of gzip files that DuckDB omits."""

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
"""Called periodically with the fraction of the input that is done, 0 to 1."""

_POLL_SECONDS = 0.1


@contextmanager
def checked(logs: Sequence[Log]) -> Iterator[None]:
    """Check gzip files in the background: DuckDB mistakes damage for the end of the file."""
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
    """Open a connection with its own temporary tables; data that does not fit in memory is written to disk."""
    with _instance().cursor() as opened:
        opened.execute("set enable_progress_bar = true")
        opened.execute("set enable_progress_bar_print = false")
        yield opened


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """Return the database of this process, which is reused because a new one would have to allocate memory again."""
    spill = tempfile.mkdtemp(prefix="eks-audit-")
    atexit.register(shutil.rmtree, spill, ignore_errors=True)
    opened = duckdb.connect(":memory:", config={"temp_directory": spill, "autoinstall_known_extensions": False})
    add_macros(opened)
    return opened


def add_macros(opened: duckdb.DuckDBPyConnection) -> None:
    """Create the macros that statements on logs use: `macros.sql`."""
    opened.execute(Path(__file__).with_name("macros.sql").read_text(encoding="utf-8"))


@contextmanager
def watched(opened: duckdb.DuckDBPyConnection, report: Progress) -> Iterator[None]:
    """Report the progress of the query that runs in this context."""
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
