from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection
from eks_audit_constructs.cli import explain


def printed(detection: Detection) -> str:
    console = Console(file=io.StringIO(), width=200)
    explain.print_detection(detection, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("detection", list(catalog.ALL), ids=lambda detection: detection.id)
def test_everything_about_a_detection_is_said(detection: Detection) -> None:
    text = " ".join(printed(detection).split())
    for part in (detection.title, detection.what, detection.next_steps, detection.grounds, detection.saved_query.title):
        assert part in text
    for technique in detection.techniques:
        assert f"https://attack.mitre.org/techniques/{technique.replace('.', '/')}/" in text
    assert ("SQL for Athena" in text) is (detection.pattern is not None)
    assert ("Does not count" in text) is (detection.pattern is not None)
    assert detection.pattern is None or "".join(detection.pattern.split()) in "".join(text.split())


def test_the_table_has_a_line_for_each() -> None:
    console = Console(file=io.StringIO(), width=160)
    explain.print_detections(catalog.DEFAULT, console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert [line.split()[0] for line in lines[1:]] == [detection.id for detection in catalog.DEFAULT]
    assert max(map(len, lines)) <= 120


def test_as_json_it_is_all_there() -> None:
    shown = [*catalog.DEFAULT, catalog.AUDIT_LOG_SILENT]
    documents = json.loads(explain.as_json(shown))
    assert [document["id"] for document in documents] == [detection.id for detection in shown]
    refused = next(document for document in documents if document["id"] == "forbidden-requests")
    assert refused["pattern"] == catalog.FORBIDDEN_REQUESTS.pattern
    assert refused["query"]["text"] == catalog.FORBIDDEN_REQUESTS.saved_query.text
    assert {sample["matches"] for sample in refused["samples"]} == {True, False}
    silent = next(document for document in documents if document["id"] == "audit-log-silent")
    assert silent["pattern"] is silent["sql"]["athena"] is None
