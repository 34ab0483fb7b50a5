"""Whatever a command line has anywhere: the answer is a result, or one error that says what is wrong and where."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eks_audit_constructs.cli import app
from tests.audit_logs.shapes import SHAPES
from tests.cli.answers import answer
from tests.depth import examples
from tests.fake_aws import Fault, serving
from tests.replay.builders import alarm, metric_filter, write_template

PATHS = ["log", "logs", "template.json", "none", ".", "-", "/dev/null", "log/x", "page.html", "logs/p.html", "[/x]"]
VALUES = st.one_of(
    st.sampled_from(PATHS),
    st.sampled_from(
        ["", " ", "0", "-1", "1", "9" * 5000, "1e999", "nan", "inf", "-inf", "1e-320", "0x10", "\u0661", "--", "-x"]
    ),
    st.sampled_from(["9999-12-31", "0001-01-01", "9999-12-31T23:59:59-23:59", "999999w", "90m", "7d", "2026-11-23T06"]),
    st.sampled_from(
        ["high", "all", "extended", "json", "sigma", "table", "secrets", "aws-auth-changed", "forbidden-who"]
    ),
    st.sampled_from(
        ["[/x]", "[bold]", "\x1b[2J", "\u202e", "\udcff", "a\nb", "a=b", "=", "P=", "AWS::Region=x", "~", "s3://"]
    ),
    st.sampled_from(
        ["fields verb", "fields x | limit 99999999999999999999", "stats count(*) by bin(9w)", "((((", "x" * 5000]
    ),
    st.sampled_from(
        ["/aws/eks/x/cluster", "arn:aws:logs:::", "arn:", "s3://b/x", "s3://[/x]", "a,b", "," * 9, "a/b" * 200]
    ),
    st.text(st.characters(exclude_characters="\0/."), max_size=6),
)
COMMANDS = sorted(app.commands.keys() - {"demo"})
"""The demo starts Node.js, which takes seconds."""
STRANGERS = st.sampled_from(["--nope", "--json=1", "-h", "--help", "--version", "--htm", "--", "-", "--parameter"])


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with some of its options, once or more, in any order, and with any values."""
    name = draw(st.sampled_from([*COMMANDS, *COMMANDS, "", "repaly"]))
    command = app.commands.get(name)
    parts: list[list[str]] = []
    for parameter in command.params if command else []:
        for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 1, 2]))):
            value = [] if isinstance(parameter, click.Option) and parameter.is_flag else [draw(VALUES)]
            if isinstance(parameter, click.Option):
                option = draw(st.sampled_from(parameter.opts))
                parts.append([f"{option}={value[0]}"] if value and draw(st.booleans()) else [option, *value])
            else:
                parts.append(value)
    if draw(st.integers(0, 9)) == 0:
        parts.append([draw(STRANGERS)])
    if command and draw(st.booleans()):
        parts += [["log"]]
    return [*([name] if name else []), *(item for part in draw(st.permutations(parts)) for item in part)]


@pytest.fixture(scope="module", autouse=True)
def nothing_in_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """AWS is there, and refuses everything."""
    with pytest.MonkeyPatch.context() as patch, serving(patch, tmp_path_factory.mktemp("aws"), attempts=1) as fake:
        fake.fault = lambda number, call: Fault("AccessDeniedException")
        yield


def answered(*arguments: str) -> None:
    """Run a command line where there are a log, a folder of logs, and a template."""
    with tempfile.TemporaryDirectory() as name, chdir(name):
        folder = Path(name)
        (folder / "logs").mkdir()
        for place in ("log", "logs/a.jsonl", "logs/b [x].json"):
            (folder / place).write_text(SHAPES["lines"]())
        write_template(folder, F=metric_filter('{ $.verb = "get" }'), A=alarm(AlarmName="[/x]"))
        answer(*arguments, stdin=b'{"kind":"Event"}\n')


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(command_lines())
def test_is_answered(arguments: list[str]) -> None:
    answered(*arguments)


@pytest.mark.parametrize("name", ["x" * 5000, "loop", "a\nb", "log/x", "none"])
@pytest.mark.parametrize("option", ["replay --template", "replay log --html", "replay", "query x --template", "query"])
def test_a_path_that_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").write_text(SHAPES["lines"]())
    (tmp_path / "loop").symlink_to("loop")

    done = answer(*option.split(), name)

    writable = "--html" in option and name in ("a\nb", "none", "loop")
    assert (done.code, done.err.count("\n")) == ((0, 0) if writable else (2, 1))
