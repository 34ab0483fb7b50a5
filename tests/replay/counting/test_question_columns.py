"""What DuckDB is asked of events."""

from __future__ import annotations

import pytest

from eks_audit_constructs.conditions.expression import EVERYTHING, Expression, field, message_contains
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.counting.field_columns import FieldColumns
from eks_audit_constructs.replay.counting.question_columns import QuestionColumns, is_textual

STAGE = field("stage") == "ResponseComplete"
AGENT = field("userAgent") == "*curl*"


def columns(*conditions: Expression) -> tuple[str, str, str]:
    values = FieldColumns(lambda path: "_".join(map(str, path)), is_event="event is not null")
    return QuestionColumns([Question(condition=condition) for condition in conditions]).columns(values)


def test_a_term_of_several_questions_is_asked_once() -> None:
    terms, parts, told = columns(STAGE & (field("verb") == "get"), STAGE & (field("verb") == "list"))

    assert terms.count("ResponseComplete") == 1
    assert parts == ", (t0 and t1) as k0, (t0 and t2) as k1"
    assert told == ", k0 as q0, k1 as q1"


def test_what_several_questions_ask_first_is_asked_once() -> None:
    _, parts, told = columns(STAGE & AGENT, STAGE & (field("userAgent") == "*wget*"))

    assert parts == ", (t0) as k0"
    assert told.count("case when k0 then") == 2


def test_a_text_is_searched_only_where_the_rest_of_its_question_holds() -> None:
    terms, _, told = columns(STAGE & AGENT, STAGE)

    assert "like" not in terms
    assert "case when k0 then" in told
    assert "like" in told


def test_a_search_that_many_questions_share_is_made_once_for_all() -> None:
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete")
    terms, _, told = columns(*(AGENT & (field("verb") == verb) for verb in verbs))

    assert terms.count("like") == 1
    assert "case" not in told


def test_an_array_is_searched_only_where_the_rest_holds_however_many_ask() -> None:
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete")
    terms, _, _ = columns(*((field("user.groups[*]") == "a") & (field("verb") == verb) for verb in verbs))

    assert "list_filter" not in terms


def test_many_ways_to_match_that_no_other_question_has_are_tried_where_the_rest_holds() -> None:
    agents = field("userAgent").is_in(["a", "b", "c", "d", "e"])
    terms, _, told = columns(STAGE & agents, STAGE)

    assert "userAgent" not in terms
    assert told.count("userAgent") == 5


def test_terms_that_are_said_alike_have_each_their_column() -> None:
    one, same = field("verb") == "a*", field("verb") == "a**"
    terms, parts, _ = columns(STAGE & one, one, STAGE & same, same)

    said = terms.split(", starts_with")
    assert len(said) == 3
    assert said[1].removesuffix("t1") == said[2].removesuffix("t2")
    assert parts == ", (t0 and t1) as k0, (t1) as k1, (t0 and t2) as k2, (t2) as k3"


@pytest.mark.parametrize("condition", [EVERYTHING, STAGE | EVERYTHING])
def test_what_every_event_matches(condition: Expression) -> None:
    _, parts, _ = columns(condition)

    assert "true" in parts


def test_only_terms_ask_for_the_text_of_a_line() -> None:
    assert is_textual(message_contains("a") | ~message_contains("b"))
    assert not is_textual(message_contains("a") & STAGE)
    assert not is_textual(EVERYTHING)
