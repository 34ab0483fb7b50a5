"""An annotation says what an argument takes: what fits passes, what does not is one error that says so."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eks_audit_constructs
from eks_audit_constructs import AuditConfigurationError, SavedQuery, Severity, catalog
from eks_audit_constructs.arguments import check, control_character
from eks_audit_constructs.catalog import Detection, Guard
from eks_audit_constructs.conditions.expression import field
from eks_audit_constructs.extras import needing

FITTING: dict[Any, list[Any]] = {
    str: ["", "x"],
    int: [0, -7, 10**30],
    bool: [True, False],
    float: [2.5, 7],
    Severity: [Severity.HIGH],
    Literal["default", "all"]: ["default", "all"],
    tuple[str, ...]: [(), ("x",), ["x", "y"]],
    Sequence[str]: [[], ("x",), ["x"]],
    Iterable[Severity]: [set(), {Severity.LOW}, [Severity.LOW], dict.fromkeys([Severity.LOW]).keys()],
    Mapping[Severity, str]: [{}, {Severity.HIGH: "x"}],
    Detection: [catalog.FORBIDDEN_REQUESTS],
}
WRONG: dict[Any, list[Any]] = {
    str: [None, b"x", 7, ["x"], str],
    int: [True, 2.5, "2", None],
    bool: [1, "true", None],
    float: [True, "2.5"],
    Severity: ["high", Severity, None],
    Literal["default", "all"]: ["some", None, ["all"]],
    tuple[str, ...]: ["x", ("x", 7), None, {"x"}],
    Sequence[str]: ["x", b"x", {"x": 1}, [["x"]], {"x"}, 7],
    Iterable[Severity]: ["high", [Severity.LOW, "high"], 7, None, {Severity.LOW: 1}],
    Mapping[Severity, str]: [{"high": "x"}, {Severity.HIGH: 7}, [Severity.HIGH], None],
    Detection: ["forbidden-requests", Detection, None],
}


@pytest.mark.parametrize("expected", FITTING)
def test_what_fits_passes_and_what_does_not_is_refused(expected: Any) -> None:
    for value in FITTING[expected]:
        fitting = check(value, expected, name="it", where="Stack")
        assert fitting == value or (isinstance(value, list) and fitting == tuple(value))
    for value in WRONG[expected]:
        with pytest.raises(AuditConfigurationError, match=r"^Stack: .*: it must be .* Write it=") as refusal:
            check(value, expected, name="it", where="Stack")
        assert "\n" not in str(refusal.value)


@given(st.sampled_from([*FITTING]), st.sampled_from([*FITTING]), st.sampled_from([*FITTING, *WRONG]), st.data())
def test_a_union_takes_what_one_of_its_parts_takes(one: Any, other: Any, of: Any, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([*FITTING[of], *WRONG[of]]))

    def fits(expected: Any) -> bool:
        try:
            check(value, expected, name="it", where="Stack")
        except AuditConfigurationError:
            return False
        return True

    if one is not other:
        assert fits(one | other) == (fits(one) or fits(other))
        assert fits(one | None) == (fits(one) or value is None)


def test_an_iterator_is_read_once() -> None:
    assert check(iter(["x"]), Iterable[str], name="it", where="Stack") == ("x",)


def test_lists_cannot_change_a_detection_later() -> None:
    techniques: Any = ["T1078"]
    mine = Detection(id="mine", title="Mine", condition=field("verb") == "get", techniques=techniques)
    techniques.append("nonsense")
    assert mine.techniques == ("T1078",)
    assert hash(mine) == hash(mine.tuned())


def detection(**change: Any) -> Detection:
    return Detection(**{"id": "mine", "title": "Mine", "condition": field("verb") == "get", **change})


def query(**change: Any) -> SavedQuery:
    return SavedQuery(**{"id": "mine", "title": "Mine", "answers": "?", "commands": ("limit 5",), **change})


JUNK = [None, 7, 2.5, True, "x", b"x", [7], {"x": 1}, object(), len, Severity]


@pytest.mark.parametrize(
    "make", [detection, query, lambda **change: Guard(**{"user": "ci", "why": "It does.", **change})]
)
@pytest.mark.parametrize(
    "name", ["id", "title", "severity", "condition", "guards", "what", "commands", "query", "techniques", "threshold",
             "period", "evaluation_periods", "datapoints_to_alarm", "tags", "answers", "stream", "user", "why", "only"],
)  # fmt: skip
def test_no_field_takes_anything_else(make: Any, name: str) -> None:
    """Whatever a field is given, the answer is an error of ours, or a thing that renders."""
    for value in JUNK:
        try:
            done = make(**{name: value})
        except AuditConfigurationError:
            continue
        except TypeError as error:
            assert f"unexpected keyword argument '{name}'" in str(error)
            continue
        assert done == make(**{name: value})
        assert repr(done)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"severity": "high"}, "severity must be Severity, not str. Write severity=Severity.HIGH"),
        ({"evaluation_periods": 2.5}, "evaluation_periods must be a whole number, not float"),
        ({"evaluation_periods": "2"}, "evaluation_periods must be a whole number, not str"),
        ({"threshold": True}, "threshold must be a whole number, not bool"),
        ({"commands": "limit 5"}, "commands must be a tuple of text, not str"),
        ({"title": "two\nlines"}, "on one line"),
        ({"why": "nul \x00"}, "no control characters"),
    ],
)
def test_a_detection_says_what_it_takes(change: dict[str, Any], says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=f"detection 'mine': .*{says}"):
        detection(**change)


@pytest.mark.parametrize("title", ["a/b", "a:b", "a*", "a\x00", "a\nb", "", " ", "a\u2028b"])
def test_a_title_of_a_query_is_a_name(title: str) -> None:
    with pytest.raises(AuditConfigurationError, match="query 'mine'"):
        query(title=title)
    assert query(title="Who reads é?")


@pytest.mark.parametrize("commands", [("",), ("limit 5", " "), ("limit\x005",)])
def test_a_command_is_text(commands: tuple[str, ...]) -> None:
    with pytest.raises(AuditConfigurationError, match="a command is text"):
        query(commands=commands)
    assert query(commands=("stats count(*) by\n  verb",))


def test_a_headline_with_other_characters_is_a_title_without_them() -> None:
    assert detection(title="Deleted: pods/*").saved_query.title == "Own - Deleted pods"


@pytest.mark.parametrize(("one", "other"), [("a-1", "a1"), ("x-y-z", "x-yz")])
def test_ids_that_make_one_metric_are_refused_only_if_they_do(one: str, other: str) -> None:
    first, second = detection(id=one), detection(id=other)
    if first.metric_name == second.metric_name:
        with pytest.raises(AuditConfigurationError, match=f"the metric of '{one}' has this name too"):
            catalog.DEFAULT.adding(first, second)
    else:
        assert len(catalog.Detections([first, second])) == 2


@pytest.mark.parametrize(
    "use",
    [
        lambda: catalog.Detections(None),  # type: ignore[arg-type]
        lambda: catalog.Detections(catalog.FORBIDDEN_REQUESTS),  # type: ignore[arg-type]
        lambda: catalog.DEFAULT.replacing("x"),  # type: ignore[arg-type]
        lambda: catalog.DEFAULT.without(["x"]),  # type: ignore[arg-type]
        lambda: catalog.DEFAULT.excluding("forbidden-requests", "ci"),  # type: ignore[arg-type]
        lambda: catalog.DEFAULT.tuned("forbidden-requests", severity="high"),  # type: ignore[arg-type]
        lambda: catalog.select(severity="high"),  # type: ignore[arg-type]
        lambda: catalog.get(7),  # type: ignore[arg-type]
        lambda: catalog.FORBIDDEN_REQUESTS.excluding(field("user.groups[*]") == "ci") and None,
    ],
)
def test_no_set_of_detections_takes_anything_else(use: Any) -> None:
    with pytest.raises(AuditConfigurationError):
        use()


def test_control_characters() -> None:
    assert control_character("a\x00") == "\x00"
    assert control_character("a\nb") == "\n"
    assert control_character("a\n\tb", lines=True) is None
    assert control_character("é 😀") is None


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "eks_audit_constructs.sigma.writing", raising=False)
    monkeypatch.delattr("eks_audit_constructs.sigma.writing", raising=False)
    with pytest.raises(AuditConfigurationError, match=r"'yaml': this package is not installed.*constructs\[sigma\]'"):
        eks_audit_constructs.sigma.write([catalog.FORBIDDEN_REQUESTS])
    with pytest.raises(ModuleNotFoundError), needing("cli", "here"):
        raise ModuleNotFoundError("a fault of ours", name="eks_audit_constructs.nowhere")
