"""Text of strangers reaches a terminal escaped, and as it is otherwise."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eks_audit_constructs.cli.terminal import escaped
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

EVIL = "\x1b]0;pwned\x07\x1b[2J[/bold][red]\u202e\x9b31m:smile:"
SHOWN = r"\x1b]0;pwned\x07\x1b[2J[/bold][red]\u202e\x9b31m:smile:"
STYLE = re.compile(r"\x1b\[[\d;]*m|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A")


def on_a_terminal(*arguments: str) -> str:
    """What the command writes to a terminal, without its own colours and its progress bar."""
    leader, follower = pty.openpty()
    environment = os.environ | {"COLUMNS": "250", "TERM": "xterm"}
    command = [sys.executable, "-m", "eks_audit_constructs", *arguments]
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:
                break
            if not piece:
                break
            written += piece
        process.wait()
    os.close(leader)
    return STYLE.sub("", written.decode())


def in_a_pipe(*arguments: str) -> str:
    command = [sys.executable, "-m", "eks_audit_constructs", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def log(tmp_path: Path) -> str:
    refused = {"code": 403, "message": 'x is forbidden: User "a" cannot'}
    about = {"stage": "ResponseComplete", "kind": "Event", "responseStatus": refused, "user": {"username": EVIL}}
    lines = [event(f"{hour:02}:00:00", **about) for hour in range(24) for _ in range(12)]
    return str(write_log(tmp_path, *lines, name="log.jsonl"))


@pytest.fixture
def template(tmp_path: Path) -> str:
    resources = {"F": metric_filter('{ $.stage = "ResponseComplete" }'), "A": alarm()}
    resources["F"]["Properties"]["FilterName"] = EVIL
    resources["A"]["Properties"] |= {"AlarmName": EVIL, "AlarmDescription": EVIL}
    return str(write_template(tmp_path, **resources))


@pytest.mark.parametrize("run", [on_a_terminal, in_a_pipe])
def test_reports_escape_names_and_log_text(run: object, log: str, template: str) -> None:
    assert callable(run)
    for arguments in (
        ["replay", log, "--template", template],
        ["tune", log, "--only", "forbidden-requests"],
        ["tune", log, "--template", template],
        ["query", "forbidden-who", log],
        ["query", "--text", f"filter verb = '{EVIL}", log],
        ["replay", f"{log}{EVIL}"],
    ):
        written = run(*arguments)
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", written), arguments
        assert "[/bold][red]" in written, arguments


def test_what_is_escaped() -> None:
    assert escaped(EVIL) == SHOWN
    assert escaped("zażółć 😀 a\tb\nc — ≥") == "zażółć 😀 a\tb\nc — ≥"
    assert escaped("a\rb\x85\u2066") == r"a\rb\x85\u2066"
    assert json.loads(f'"{escaped(chr(0x202E))}"') == "\u202e"
