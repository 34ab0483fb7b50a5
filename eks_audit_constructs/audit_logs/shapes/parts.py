"""Whether a document is only a part of the log: what AWS says about more pages and rows."""

from __future__ import annotations

from typing import Any

from eks_audit_constructs.audit_logs.shapes.entry import Found

__all__ = ["MORE_PAGES", "Parts"]

_MOST = 10_000
"""Rows that Logs Insights and the console return at most, and log events on a page."""
_PLAUSIBLE = 10**15
"""A number of rows below this may be one."""
_UNFINISHED = ("Scheduled", "Running", "Cancelled", "Failed", "Timeout", "Unknown")
MORE_PAGES = "it ends with a token for the next page; fetch all pages, without --max-items and --no-paginate"


class Parts:
    """Records why the documents in a file are only a part of the log. Of pages, the last one decides."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def document(self, about: dict[str, Any], count: int) -> None:
        """Record what a document says of itself.

        Args:
            about: The document; its events may be left out.
            count: The number of its events.
        """
        if "results" in about:
            self._results(about, count)
        elif "events" in about:
            more = about.get("nextToken") or about.get("NextToken")
            full = count >= _MOST and about.get("nextForwardToken")
            self._found.part = MORE_PAGES if more or full else None

    def rows(self, count: int) -> None:
        """Record the number of rows of a table."""
        if count == _MOST:
            self._found.part = f"it has {_MOST:,} rows, the most that are returned; query shorter times"

    def _results(self, about: dict[str, Any], count: int) -> None:
        status, statistics = about.get("status"), about.get("statistics")
        matched = statistics.get("recordsMatched") if isinstance(statistics, dict) else None
        if status in _UNFINISHED:
            self._found.part = f"the query's status is {status}; fetch its results again when it is Complete"
        elif isinstance(matched, (int, float)) and count < matched < _PLAUSIBLE:
            self._found.part = (
                f"{count:,} of {matched:,.0f} rows that the query found; raise its limit, or query shorter times"
            )
        else:
            self.rows(count)
