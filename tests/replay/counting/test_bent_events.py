"""DuckDB and plain Python agree on the whole catalogue at once, over recorded events in which something is bent."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import catalog, recordings
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.replay.counting.counts import Question
from tests.replay.builders import write_log
from tests.replay.counting.engines import assert_agree

QUESTIONS = [Question(condition=one.condition) for one in catalog.ALL if isinstance(one.condition, Expression)]
EVENTS = [json.loads(line) for scenario in recordings.scenarios() for line in recordings.lines(scenario)]
ASKED = ("verb", "stage", "kind", "user", "userAgent", "requestURI", "objectRef", "responseStatus", "impersonatedUser")
PLAIN = ["get", "patch", "system:anonymous", "kube-system", "secrets", "exec", "cluster-admin", "*", "/healthz", "ż 😀"]
ODD = [403, 10**30, 1.5, True, [], {}, ["a"], {"a": None}, "403", "true", "[1", "{}", '"q"', "a\\b", ""]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def bent(event: dict[str, Any], chance: random.Random, values: list[Any]) -> dict[str, Any]:
    event = copy.deepcopy(event)
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        around: Any = event
        *parents, last = chance.choice([place for place in places(event) if place[0] in ASKED] or [("verb",)])
        for key in parents:
            around = around[key]
        if chance.random() < 0.3:
            around.pop(last, None) if isinstance(around, dict) else around.pop(last)
        else:
            around[last] = chance.choice(values)
    return event


@pytest.mark.parametrize("values", [[*PLAIN], [*PLAIN, None], [*PLAIN, None, *ODD]], ids=["texts", "nulls", "all"])
@pytest.mark.parametrize("seed", range(3))
def test_agree(tmp_path: Path, seed: int, values: list[Any]) -> None:
    chance = random.Random(seed)
    events = [bent(chance.choice(EVENTS), chance, values) for _ in range(300)]
    separators = chance.choice([(",", ":"), (", ", " : ")])
    log = write_log(
        tmp_path, *(json.dumps(one, separators=separators, ensure_ascii=chance.random() < 0.5) for one in events)
    )

    assert_agree([log], QUESTIONS)
    assert_agree([log], chance.sample(QUESTIONS, 9))
