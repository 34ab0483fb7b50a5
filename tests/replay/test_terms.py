"""What DuckDB is asked, and what comes of its answers."""

from __future__ import annotations

from eks_audit_constructs.conditions.expression import EVERYTHING, any_of, field, message_contains
from eks_audit_constructs.replay.counts import Question
from eks_audit_constructs.replay.terms import Terms, is_textual
from eks_audit_constructs.replay.values import Values

STAGE = field("stage") == "ResponseComplete"
AGENT = field("userAgent") == "*curl*"


def values() -> Values:
    return Values(lambda path: "_".join(map(str, path)), event="event")


def test_a_term_of_several_questions_is_asked_once() -> None:
    terms = Terms([Question(condition=STAGE & (field("verb") == verb)) for verb in ("get", "list")])

    assert len(terms.names) == 3
    assert terms.columns(values())[0].count("ResponseComplete") == 1


def test_terms_of_one_question_only_are_asked_together() -> None:
    terms = Terms([Question(condition=STAGE & (field("verb") == "get"))])

    assert terms.names == ["t0"]


def test_a_text_is_searched_only_where_the_quick_terms_beside_it_hold() -> None:
    quick, told = Terms([Question(condition=STAGE & AGENT), Question(condition=STAGE)]).columns(values())

    assert "like" not in quick
    assert "case when t0 then" in told


def test_a_text_that_matters_alone_is_searched_everywhere() -> None:
    quick, told = Terms([Question(condition=STAGE & AGENT), Question(condition=AGENT)]).columns(values())

    assert "like" in quick
    assert "case" not in told


def test_questions_are_answered_from_the_terms_that_hold() -> None:
    either = any_of([STAGE, field("verb") == "get"])
    terms = Terms([Question(condition=condition) for condition in (STAGE, either, STAGE & either, EVERYTHING)])
    stage, verb = (1 << number for number in range(2))

    def matching(held: int) -> list[bool]:
        return [terms.test(condition)(held) for condition in terms.conditions]

    assert matching(0) == [False, False, False, True]
    assert matching(stage) == [True, True, True, True]
    assert matching(verb) == [False, True, False, True]


def test_only_terms_ask_for_the_text_of_a_line() -> None:
    assert is_textual(message_contains("a") | ~message_contains("b"))
    assert not is_textual(message_contains("a") & STAGE)
    assert not is_textual(EVERYTHING)
