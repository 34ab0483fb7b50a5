"""What reports share: figures, durations, folders, and the query that an alarm names."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from eks_audit_constructs import reports
from eks_audit_constructs.reports import duration
from eks_audit_constructs.templates.template import SavedQuery


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (10, "10 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (900, "15 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_duration(seconds: int, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (1234.0, 4, "1,234"),
        (0.5, 4, "0.5"),
        (1 / 3, 4, "0.3333"),
        (1 / 3, 6, "0.333333"),
        (12345.6, 4, "12,346"),
        (12345.6, 6, "12,345.6"),
        (-0.25, 4, "-0.25"),
        (float("inf"), 4, "inf"),
        (float("nan"), 4, "nan"),
    ],
)
def test_figure(value: float, digits: int, said: str) -> None:
    assert reports.figure(value, digits=digits) == said


def test_number() -> None:
    assert [reports.number(count, "alarm") for count in (0, 1, 1234)] == ["0 alarms", "1 alarm", "1,234 alarms"]
    assert reports.number(2, "saved query", "saved queries") == "2 saved queries"


def test_span() -> None:
    at = datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert reports.span(at, at) == ", 2026-11-23 06:00:00 to 2026-11-23 06:00:00 UTC"
    assert reports.span(None, None) == ""


def test_listed() -> None:
    assert reports.listed(["a", "b"], of=2) == "a, b"
    assert reports.listed(["a", "b"], of=1002) == "a, b, and 1,000 more"


@pytest.mark.parametrize(
    ("names", "folder"),
    [(["a/b/x", "a/b/y"], "a/b/"), (["a/x", "b/y"], ""), (["x", "y"], ""), (["a/x"], ""), (["a/x", "y"], ""), ([], "")],
)
def test_folder(names: list[str], folder: str) -> None:
    assert reports.folder(names) == folder


class TestQueriesNamed:
    QUERIES = tuple(
        SavedQuery(logical_id=id, name=name, query="fields @message")
        for id, name in (("A", "EKS/403 - who"), ("B", "EKS/403 - who, from where"), ("C", "EKS/Secrets"), ("D", ""))
    )

    def named(self, description: str) -> str:
        return "".join(query.logical_id for query in reports.queries_named(description, self.QUERIES))

    def test_those_in_the_description(self) -> None:
        assert self.named("**Saved query:** EKS/Secrets") == "C"
        assert self.named("See EKS/Secrets and EKS/403 - who.") == "AC"

    def test_of_two_names_that_begin_alike_the_longer_one_is_meant(self) -> None:
        assert self.named("See EKS/403 - who, from where") == "B"
        assert self.named("See EKS/403 - who") == "A"

    def test_none(self) -> None:
        assert self.named("Nothing to see in EKS.") == self.named("") == ""


def test_json_keeps_letters_as_they_are() -> None:
    assert reports.as_json({"é": [1]}) == '{\n  "é": [\n    1\n  ]\n}'


def test_notes_are_indented_also_where_they_wrap_and_are_no_markup() -> None:
    console = Console(file=io.StringIO(), width=20)
    reports.print_notes(["a [red]note[/] that is long"], console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) > 1
    assert all(line.startswith("  ") for line in lines)
    assert " ".join(" ".join(lines).split()) == "a [red]note[/] that is long"
