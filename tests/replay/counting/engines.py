"""Both ways to count, side by side, and questions to ask them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eks_audit_constructs.audit_logs.logs import opened
from eks_audit_constructs.conditions.expression import EVERYTHING, field, message_contains
from eks_audit_constructs.replay.counting import engine, reference
from eks_audit_constructs.replay.counting.counts import LogCounts, Question, Tally

__all__ = ["COMPARISONS", "QUESTIONS", "assert_agree", "by_engine", "by_reference"]

QUESTIONS = [
    Question(condition=(field("responseStatus.code") == 403) & (field("stage") == "ResponseComplete")),
    Question(condition=field("responseStatus.code") >= 400, value=("responseStatus", "code")),
    Question(condition=field("user.username").not_exists()),
    Question(condition=field("stage").not_exists()),
    Question(condition=field("sourceIPs[*]") == "127.*"),
    Question(condition=field("user.groups[*]") == "system:masters"),
    Question(condition=message_contains("denied")),
    Question(condition=~message_contains("Event")),
    Question(condition=EVERYTHING),
]
COMPARISONS = [
    *(QUESTIONS[number] for number in (0, 1, 4, 5, 8)),
    Question(condition=field("sourceIPs[0]") == "127.*"),
    Question(condition=field("responseStatus.code").matches_number("4*")),
    Question(condition=field("objectRef.resource") != "pods", value=("responseStatus", "code")),
    Question(condition=(field("stage") == "ResponseComplete") & (field("objectRef.resource") == "*e*")),
    Question(condition=(field("user.username") != "system:*") & field("objectRef.subresource").not_exists()),
    Question(condition=field("objectRef").not_exists() | (field("requestObject") == "*")),
    Question(condition=message_contains("denied") | message_contains("zażółć")),
]
"""What DuckDB's JSON reader can answer."""


def by_engine(paths: Sequence[Path], questions: Sequence[Question] = QUESTIONS, *, sizes: bool = True) -> LogCounts:
    with opened(paths) as logs:
        return engine.count(logs, questions, sizes=sizes)


def assert_agree(paths: Sequence[Path], questions: Sequence[Question] = QUESTIONS) -> None:
    expected = by_reference(paths, questions)
    assert by_engine(paths, questions) == expected
    assert replace(by_engine(paths, questions, sizes=False), sizes={}) == replace(expected, sizes={})


def by_reference(paths: Sequence[Path], questions: Sequence[Question] = QUESTIONS) -> LogCounts:
    tally = Tally(len(questions))
    with opened(paths) as logs:
        for log in logs:
            tally += reference.count(log, questions)
    return tally.result(one_in=1)
