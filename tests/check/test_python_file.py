"""Files of detections: every fault with its place, and what cannot be run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eks_audit_constructs import AuditConfigurationError, catalog, field
from eks_audit_constructs.audit_events.findings import Rule
from eks_audit_constructs.check import Checked, check

HEAD = "from eks_audit_constructs import Detection, Guard, Sample, SavedQuery, Silence, catalog, field\n"
FINE = 'D = Detection(id="d", title="D", condition=field("verb") == "delete")\n'
DEAD = 'E = Detection(id="e", title="E", condition=field("verb") == "deleted")\n'


def checked(folder: Path, text: str, name: str = "rules.py") -> Checked:
    path = folder / name
    path.write_text(HEAD + text, encoding="utf-8")
    return check(path)


def told(result: Checked) -> list[tuple[Rule, int, str]]:
    return [(fault.rule, fault.line, fault.error.where) for fault in result.faults]


def test_a_file_without_faults(tmp_path: Path) -> None:
    result = checked(tmp_path, FINE)
    assert (result.faults, result.unchecked, result.asked) == ((), (), 1)


def test_every_fault_is_told_with_its_place(tmp_path: Path) -> None:
    result = checked(
        tmp_path,
        """
ALL = [
    Detection(
        id="a", title="A",
        condition=field("verb") == "deleted",
    ),
    Detection(id="b", title="B", condition=field("objectRef.resource") == "pod"),
    Detection(
        id="c",
        title="C",
        condition=field("verb") == "delete",
        samples=(Sample(matches=True, event={"verb": "list"}), Sample(matches=False, event={"verb": "delete"})),
    ),
    catalog.get("pod-exec").excluding(field("user.name") == "ci").tuned(threshold=3),
    catalog.get("pod-exec").excluding(field("user.username") == "ci"),
]
GUARD = Guard(user="ci", why="Deploys.", only=field("verb") == "apply")
QUERY = SavedQuery(id="q", title="Q", answers="?", commands=("limit 1",), condition=field("level") == "None")
""",
    )
    assert told(result) == [
        (Rule.NEVER, 4, "detection 'a'"),
        (Rule.DOUBT, 8, "detection 'b'"),
        (Rule.SAMPLE, 9, "detection 'c'"),
        (Rule.SAMPLE, 9, "detection 'c'"),
        (Rule.NEVER, 15, "detection 'pod-exec', excluding"),
        (Rule.NEVER, 18, "guard 'ci'"),
        (Rule.NEVER, 19, "query 'q'"),
    ]
    assert {fault.file for fault in result.faults} == {tmp_path / "rules.py"}
    assert result.unchecked == ()


def test_what_is_made_in_a_function_of_the_file_has_its_line(tmp_path: Path) -> None:
    text = """\
def mine(verb):
    return Detection(id=verb, title="Mine", condition=field("verb") == verb)

mine("replace")
"""
    assert told(checked(tmp_path, text)) == [(Rule.NEVER, 3, "detection 'replace'")]


def test_a_fault_of_a_tuned_detection_is_told_once(tmp_path: Path) -> None:
    assert told(checked(tmp_path, DEAD + "E.tuned(threshold=5)\n")) == [(Rule.NEVER, 2, "detection 'e'")]


def test_what_else_is_refused_ends_the_check_and_says_so(tmp_path: Path) -> None:
    result = checked(tmp_path, DEAD + 'Detection(id="No Id", title="X", condition=field("verb") == "get")\n' + FINE)
    assert told(result) == [(Rule.NEVER, 2, "detection 'e'"), (Rule.REFUSED, 3, "detection 'No Id'")]
    assert result.unchecked == ("rules.py stops at its line 3, so what follows was not checked",)


def test_a_neighbour_is_imported_and_its_faults_have_their_own_place(tmp_path: Path) -> None:
    (tmp_path / "others.py").write_text(HEAD + DEAD, encoding="utf-8")
    result = checked(tmp_path, "from others import E\n" + FINE)
    assert [(fault.file.name, fault.line) for fault in result.faults] == [("others.py", 2)]
    assert "others" not in sys.modules
    (tmp_path / "others.py").write_text(HEAD + FINE, encoding="utf-8")
    assert checked(tmp_path, "from others import D\n").faults == ()


def test_a_file_in_a_package_may_import_relatively(tmp_path: Path) -> None:
    package = tmp_path / "audit_package" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package.parent / "shared.py").write_text('VERB = "deleted"\n', encoding="utf-8")
    text = 'from ..shared import VERB\nD = Detection(id="d", title="D", condition=field("verb") == VERB)\n'
    assert told(checked(package, text)) == [(Rule.NEVER, 3, "detection 'd'")]
    assert not [name for name in sys.modules if name.startswith("audit_package")]


def test_a_file_may_be_called_like_a_module_that_is_loaded(tmp_path: Path) -> None:
    import json

    assert checked(tmp_path, FINE, name="json.py").faults == ()
    assert sys.modules["json"] is json
    assert sys.path[0] != str(tmp_path)


def test_it_is_not_main_and_what_it_prints_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked(tmp_path, FINE + "print(__name__)\nif __name__ == '__main__':\n    raise SystemExit(3)\n")
    assert capsys.readouterr() == ("", "rules\n")


def test_a_dataclass_in_the_file_works(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\n"
        + HEAD
        + "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
    )
    path = tmp_path / "rules.py"
    path.write_text(text + FINE, encoding="utf-8")
    assert check(path).faults == ()


def test_leaving_with_success_is_no_fault(tmp_path: Path) -> None:
    assert checked(tmp_path, FINE + "raise SystemExit(0)\n").asked == 1


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("x = (\n", "rules.py:2", "SyntaxError"),
        ("import no_such_module\n", "rules.py:2", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("\n1 / 0\n", "rules.py:3", "ZeroDivisionError"),
        ("raise SystemExit('no')\n", "rules.py:2", "SystemExit: no"),
        ("raise SystemExit(3)\n", "rules.py:2", "SystemExit: 3"),
        ("catalog.no_such_name\n", "rules.py:2", "AttributeError"),
        ("D = 3\n", "rules.py", "makes no detection"),
        ("D = catalog.get('pod-exec')\n", "rules.py", "makes no detection"),
    ],
)
def test_a_file_that_cannot_be_run_or_makes_nothing(tmp_path: Path, text: str, where: str, says: str) -> None:
    with pytest.raises(AuditConfigurationError) as refusal:
        checked(tmp_path, text)
    assert refusal.value.where == str(tmp_path / where)
    assert says in refusal.value.limit


@pytest.mark.parametrize("name", ["none.py", "folder.py", "x" * 5000 + ".py"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(AuditConfigurationError, match="there is no such file"):
        check(tmp_path / name)


def test_afterwards_faults_are_raised_again(tmp_path: Path) -> None:
    checked(tmp_path, DEAD)
    with pytest.raises(AuditConfigurationError, match="never matches"):
        catalog.get("pod-exec").excluding(field("verb") == "deleted")
