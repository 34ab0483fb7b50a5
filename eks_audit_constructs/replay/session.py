"""DuckDB at work on logs: the database, the progress of a query, and the gzip files that it does not check itself."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias

import duckdb

from eks_audit_constructs.replay.logs import Log, check_gzip

__all__ = ["Progress", "checked", "database", "prepare", "watched"]

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


def prepare() -> None:
    """Meanwhile make ready what the first connection needs: it takes as long as reading a template."""
    threading.Thread(target=_instance, daemon=True).start()


_making = threading.Lock()
_made: list[duckdb.DuckDBPyConnection] = []


def _instance() -> duckdb.DuckDBPyConnection:
    """The database of this process: one that is closed would give its memory back, and the next one fetch it again."""
    with _making:
        if not _made:
            spill = tempfile.mkdtemp(prefix="eks-audit-")
            atexit.register(shutil.rmtree, spill, ignore_errors=True)
            made = duckdb.connect(":memory:", config={"temp_directory": spill})
            made.execute("set global autoinstall_known_extensions = false")
            _made.append(made)
        return _made[0]


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
