"""What opening logs costs grows with their number, not faster: counted in calls, which no other load changes."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from eks_audit_constructs.audit_logs.logs import opened
from tests.audit_logs.reading import written
from tests.audit_logs.shapes import LINES, api_events, compact, envelope, packed

FORMS: dict[str, Callable[[int], bytes]] = {
    "lines": lambda number: LINES[number % 30].encode(),
    "objects of Firehose": lambda number: gzip.compress(
        compact(envelope(api_events()[number % 30 : number % 30 + 1])).encode(), 1
    ),
    "compressed twice": lambda number: gzip.compress(gzip.compress(LINES[number % 30].encode(), 1), 1),
    "UTF-16": lambda number: LINES[number % 30].encode("utf-16"),
    "records that Firehose failed to deliver": lambda number: json.dumps(
        {"errorCode": "x", "rawData": packed(LINES[number % 30])}
    ).encode(),
    "no log at all": lambda number: f"# readme {number}\n".encode(),
}
FEW = 50


def calls(work: Callable[[], object]) -> int:
    """Return the number of functions that are called."""
    made = 0

    def observe(frame: FrameType, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(observe)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


def open_all(folder: Path) -> None:
    with opened([folder], say=lambda warning: None) as logs:
        assert len(logs) == len([*folder.iterdir()])


@pytest.mark.parametrize("form", FORMS)
def test_each_file_costs_the_same_however_many_there_are(tmp_path: Path, form: str) -> None:
    folders = [tmp_path / str(times) for times in (1, 2, 3)]
    for times, folder in enumerate(folders, start=1):
        for number in range(times * FEW):
            written(folder, FORMS[form](number), f"{number:04}")
    open_all(folders[0])  # what is done once for all is done now

    one, two, three = (calls(partial(open_all, folder)) for folder in folders)

    assert three - two < 1.05 * (two - one)
