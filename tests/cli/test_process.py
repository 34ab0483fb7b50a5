"""The command as a process: its start, its end, and what goes wrong between."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from eks_audit_constructs import demo
from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.exit_codes import MEANINGS

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "eks_audit_constructs"]
HEAVY = {"rich", "aws_cdk", "jsii", "duckdb", "lark", "orjson", "yaml"}
PRINTING = [
    ["--help"],
    ["detections"],
    ["detections", "--json"],
    ["queries"],
    ["explain", "aws-auth-changed"],
    ["replay", str(demo.ATTACK)],
    ["replay", str(demo.ATTACK), "--json"],
    ["query", "forbidden-who", str(demo.ATTACK)],
]
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


class TestHelp:
    @pytest.mark.parametrize("command", ["", *app.commands])
    def test_is_there_for_each_command_and_loads_nothing_heavy(self, command: str) -> None:
        code = "import sys\nfrom eks_audit_constructs.cli import main\ntry: main()\nfinally: print(*sys.modules)"
        arguments = [*command.split(), "-h"]

        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)

        text, _, modules = done.stdout.rstrip().rpartition("\n")
        assert text.startswith("Usage: ")
        assert not HEAVY & set(modules.split())
        assert run(*command.split(), "--help").stdout.splitlines()[2:] == text.splitlines()[2:]

    def test_lists_the_exit_codes(self) -> None:
        lines = run("-h").stdout.splitlines()
        for code, meaning in MEANINGS.items():
            assert any(line.split() == [str(code), *meaning.split()] for line in lines)


def test_the_guide_lists_the_exit_codes() -> None:
    guide = (ROOT / "docs" / "guides" / "commands.md").read_text(encoding="utf-8")
    for code in MEANINGS:
        assert f"| {code} |" in guide


def test_version() -> None:
    from importlib.metadata import version

    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"eks-audit {version('eks-audit-constructs')}\n")


def test_a_wrong_option_is_exit_code_2() -> None:
    done = run("replay", "--htm")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--html" in done.stderr


def test_without_its_extra_the_command_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['click'] = None; from eks_audit_constructs.__main__ import main; main()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "eks-audit: click is not installed: pip install 'eks-audit-constructs[cli]'\n"


class TestClosedPipe:
    @pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
    def test_is_no_error_and_no_alarm(self, arguments: Sequence[str]) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            done = subprocess.run([*COMMAND, *arguments], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)

        assert (done.returncode, done.stderr) == (141, "")

    def test_what_was_read_is_whole(self) -> None:
        done = subprocess.run(
            f"{sys.executable} -m eks_audit_constructs detections | head -1", shell=True, capture_output=True, text=True
        )
        assert done.stdout.startswith("Detection")
        assert done.stderr == ""


@full
class TestFullDisk:
    @pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
    def test_is_one_line(self, arguments: Sequence[str]) -> None:
        with Path("/dev/full").open("wb") as device:
            done = subprocess.run([*COMMAND, *arguments], stdout=device, stderr=subprocess.PIPE, text=True, check=False)

        assert done.returncode == 2
        assert done.stderr == "eks-audit: the output cannot be written: No space left on device\n"

    def test_a_page(self) -> None:
        done = run("replay", str(demo.ATTACK), "--html", "/dev/full")

        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert "/dev/full" in done.stderr
        assert "No space left on device" in done.stderr

    def test_where_nothing_can_be_said(self) -> None:
        with Path("/dev/full").open("wb") as device:
            done = subprocess.run([*COMMAND, "replay", "none.jsonl"], stderr=device, check=False)
        assert done.returncode == 2


class TestClosedStreams:
    @pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
    def test_the_exit_code_stays(self, closed: str) -> None:
        command = f"exec {sys.executable} -m eks_audit_constructs replay {demo.ATTACK} --fail-on-alarm {closed}"
        assert subprocess.run(command, shell=True, capture_output=True, check=False).returncode == 1


class TestInterrupt:
    @staticmethod
    def interrupted(*arguments: str) -> tuple[int, str, str]:
        """The exit code and the output of a command that is interrupted while it waits for the rest of its log."""
        reading, writing = os.pipe()
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            os.write(writing, b"the beginning of a log")
            while process.poll() is None and fcntl.ioctl(reading, termios.FIONREAD, b"\0" * 4) != b"\0" * 4:
                time.sleep(0.01)  # until it was read
            time.sleep(0.2)  # until it waits: an interrupt just before that is seen by Python only when more comes
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(reading)
            os.close(writing)
        return process.returncode, out, err

    @pytest.mark.parametrize("arguments", [["replay"], ["tune"], ["query", "--text", "fields verb"]], ids=" ".join)
    def test_is_one_line(self, arguments: Sequence[str]) -> None:
        code, out, err = self.interrupted(*arguments, "-")

        assert (code, out) == (130, "")
        assert err.strip() == "eks-audit: interrupted"

    def test_leaves_the_page_that_was_there(self, tmp_path: Path) -> None:
        page = tmp_path / "report.html"
        page.write_text("old")

        assert self.interrupted("replay", "-", "--html", str(page))[0] == 130

        assert page.read_text() == "old"
        assert list(tmp_path.iterdir()) == [page]

    def test_also_where_a_library_makes_an_error_of_it(self) -> None:
        assert interrupting("raise RuntimeError('Query interrupted')")[0] == 130

    def test_a_runtime_error_alone_is_no_interrupt(self) -> None:
        code, err = in_a_command("raise RuntimeError('Query interrupted')")
        assert code == 2
        assert "RuntimeError: Query interrupted" in err

    def test_is_ignored_where_it_is_to_be(self) -> None:
        ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
        code, err = in_a_command("os.kill(os.getpid(), signal.SIGINT)", before=ignored)
        assert (code, err) == (0, "")


def interrupting(then: str) -> tuple[int, str]:
    """A command that is interrupted, and makes something else of the interrupt."""
    kill = "os.kill(os.getpid(), signal.SIGINT)"
    return in_a_command(f"try: {kill}; time.sleep(60)\n    except KeyboardInterrupt: {then}")


def in_a_command(body: str, before: str = "") -> tuple[int, str]:
    """The exit code of a command of our own, and what it says on stderr."""
    code = f"""
import os, signal, sys, time
{before}
from eks_audit_constructs.cli import app, main

@app.command()
def mine():
    {body}

sys.argv = ["eks-audit", "mine"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


class TestForeignErrors:
    @pytest.mark.parametrize("error", ["KeyError('x')", "OSError(5, 'Input/output error')", "AssertionError()"])
    def test_are_shown_whole_and_are_no_alarm(self, error: str) -> None:
        code, err = in_a_command(f"raise {error}")

        assert code == 2
        assert err.startswith("Traceback")
        assert error.split("(")[0] in err

    def test_no_room_elsewhere_names_the_place(self) -> None:
        code, err = in_a_command("raise OSError(28, 'No space left on device', 'report.html')")

        assert (code, err) == (2, "eks-audit: report.html cannot be written: No space left on device\n")
