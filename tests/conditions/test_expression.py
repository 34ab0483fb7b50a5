from __future__ import annotations

from collections.abc import Callable

import pytest

from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    EVERYTHING,
    Comparison,
    Expression,
    NotExists,
    NumberGlob,
    Operator,
    Or,
    all_of,
    any_of,
    field,
    message_contains,
    selector,
)
from eks_audit_constructs.errors import AuditConfigurationError


def matches(condition: Expression, event: object) -> bool:
    return predicate(condition)(b"", event)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("verb", ("verb",)),
        ("responseStatus.code", ("responseStatus", "code")),
        ("sourceIPs[0]", ("sourceIPs", 0)),
        ("requestObject.spec.containers[*].name", ("requestObject", "spec", "containers", ANY_ELEMENT, "name")),
        ("annotations['authorization.k8s.io/decision']", ("annotations", "authorization.k8s.io/decision")),
        ("['a.b'].c-d", ("a.b", "c-d")),
    ],
)
def test_a_field_name_is_read_and_written_back(name: str, path: tuple[object, ...]) -> None:
    assert field(name).path == path
    assert selector(field(name).path) == name


@pytest.mark.parametrize("name", ["", ".a", "a..b", "a.", "a[", "a[x]", "a b", "$.a", "sourceIPs.0", "a['']", "a[-1]"])
def test_what_is_no_field_name_is_refused(name: str) -> None:
    with pytest.raises(AuditConfigurationError, match="is no field name"):
        field(name)


def test_comparisons_read_like_python() -> None:
    code = field("responseStatus.code")
    assert matches((code >= 400) & (code < 500), {"responseStatus": {"code": 403}})
    assert not matches((code >= 400) & (code < 500), {"responseStatus": {"code": 500}})
    assert matches(field("verb").is_in(["get", "list"]), {"verb": "list"})
    assert not matches(field("verb").is_in(["get", "list"]), {"verb": "watch"})
    assert matches(field("user").exists() | field("verb").exists(), {"verb": "get"})
    assert not matches(field("user").exists(), {"user": {"username": "an object is no scalar"}})


def test_a_condition_has_no_truth_of_its_own() -> None:
    with pytest.raises(AuditConfigurationError, match="Combine conditions with"):
        bool(field("verb") == "get")
    with pytest.raises(AuditConfigurationError, match="Combine conditions with"):
        (field("verb") == "get") and (field("verb") == "list")


@pytest.mark.parametrize("value", [True, None, ["get"], {"a": 1}])
def test_a_field_is_compared_with_text_or_numbers_only(value: object) -> None:
    with pytest.raises(AuditConfigurationError):
        field("verb") == value  # noqa: B015  # the comparison itself is what raises


@pytest.mark.parametrize(
    "build",
    [
        lambda: "a" in field("user.groups"),
        lambda: bool(field("verb")),
        lambda: field("verb").is_in("get"),  # would be its characters
        lambda: field("verb").is_in([None]),  # type: ignore[list-item]
        lambda: field("verb").is_in(7),  # type: ignore[arg-type]
        lambda: field("verb").is_in([]),
        lambda: field("verb").matches(7),  # type: ignore[arg-type]
        lambda: field("code").matches_number(4),  # type: ignore[arg-type]
        lambda: field("code") > None,  # type: ignore[operator]
        lambda: field(7),  # type: ignore[arg-type]
        lambda: message_contains(7),  # type: ignore[arg-type]
        lambda: all_of(field("verb") == "get"),  # type: ignore[arg-type]
        lambda: any_of(["get"]),  # type: ignore[list-item]
        lambda: (field("verb") == "get") & True,  # type: ignore[operator]
        lambda: ~(field("labels.*") == "x"),
        lambda: ~field("flags[*]").is_true(),
    ],
)
def test_what_is_no_condition_is_refused_with_what_to_write(build: Callable[[], object]) -> None:
    with pytest.raises(AuditConfigurationError) as refusal:
        build()
    assert refusal.value.way_out.startswith(("Write", "Give", "Compare", "Name"))


def test_text_has_no_order() -> None:
    with pytest.raises(AuditConfigurationError, match="compares numbers"):
        field("verb") < "get"  # noqa: B015  # the comparison itself is what raises
    with pytest.raises(AuditConfigurationError, match="compares numbers"):
        Comparison(("code",), Operator.GE, NumberGlob("4*"))


@pytest.mark.parametrize("text", ["", "*", "-*", "403", "4.*", "+4*", "1e*", "4*x", "4-*"])
def test_a_number_with_wildcards_is_digits_and_stars(text: str) -> None:
    with pytest.raises(AuditConfigurationError, match="is no number with wildcards"):
        field("code").matches_number(text)


@pytest.mark.parametrize(
    ("condition", "event", "expected"),
    [
        (~(field("user.username") == "ci"), {"user": {"username": "eve"}}, True),
        (~(field("user.username") == "ci"), {"user": {"username": "ci"}}, False),
        (~(field("user.username") == "ci"), {"user": {}}, True),
        (field("user.username") != "ci", {"user": {}}, False),
        (~(field("code") >= 400), {"code": 200}, True),
        (~(field("code") >= 400), {"code": 403}, False),
        (~field("code").matches_number("4*"), {"code": 503}, True),
        (~field("code").matches_number("4*"), {}, True),
        (~field("code").matches_number("4*"), {"code": 403}, False),
        (~field("dry").is_true(), {"dry": False}, True),
        (~field("dry").is_true(), {}, True),
        (~field("dry").is_true(), {"dry": True}, False),
        (~field("user").not_exists(), {"user": "eve"}, True),
        (~field("verb").exists(), {}, True),
        (~field("verb").exists(), {"verb": "get"}, False),
        (~((field("a") == 1) & (field("b") == 1)), {"a": 1, "b": 2}, True),
        (~((field("a") == 1) & (field("b") == 1)), {"a": 1, "b": 1}, False),
        (~((field("a") == 1) | (field("b") == 1)), {"a": 2, "b": 2}, True),
        (~((field("a") == 1) | (field("b") == 1)), {"a": 2, "b": 1}, False),
        (~field("gone").is_null(), {"gone": None}, False),
        (~field("gone").is_null(), {"gone": "x"}, True),
    ],
)
def test_not_keeps_the_events_without_the_field(condition: Expression, event: object, expected: bool) -> None:
    assert matches(condition, event) is expected


def test_not_of_any_element_is_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="no filter pattern can express"):
        ~(field("sourceIPs[*]") == "10.0.0.1")


def test_terms_of_the_line_are_negated_too() -> None:
    assert predicate(~message_contains("denied"))(b"access granted", None)
    assert not predicate(~message_contains("denied"))(b"access denied", None)


def test_nesting_is_flattened() -> None:
    one, two, three = (field("verb") == verb for verb in ("get", "list", "watch"))
    assert (one | two) | three == Or((one, two, three))
    assert all_of([one]) == one
    assert all_of([]) == EVERYTHING
    with pytest.raises(AuditConfigurationError, match="never match"):
        any_of([])


def test_equal_conditions_are_equal_and_hashable() -> None:
    assert (field("verb") == "get") == Comparison(("verb",), Operator.EQ, "get")
    assert (field("verb") == "get") != Comparison(("verb",), Operator.EQ, "list")
    assert len({field("a").not_exists(), NotExists(("a",))}) == 1
