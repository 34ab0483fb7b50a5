"""What CloudWatch does, as far as it is documented: the reference the other renderings are held to."""

from __future__ import annotations

import json

import pytest

from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.pattern_parser import parse


def matches(pattern: str, line: str) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        event = MISSING
    return predicate(parse(pattern))(line.encode(), event)


# The event and the patterns of AWS's page, with other names.
EVENT = """{"type": "UpdateTrail", "ip": "111.111.111.111", "list": ["value", "another value"], "n": 3.0,
    "objects": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "some": {"object": 123, "null": null},
    "yes": true, "no": false, "dotted.key": "x", "code": 403, "below": -12, "number": [1000, 0.5], "text": "403"}"""


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.type = "UpdateTrail" }', True),
        ('{ $.type = "updatetrail" }', False),
        ("{ $.type = UpdateTrail }", True),
        ("{ $.ip != 123.123.* }", True),
        ("{ $.ip = 111.111.* }", True),
        ('{ $.list[0] = "value" }', True),
        ('{ $.list[2] = "value" }', False),
        ('{ $.list[2] != "value" }', False),
        ('{ $.list[*] = "another*" }', True),
        ("{ $.objects[1].id = 2 }", True),
        ("{ $.objects[*].id = 2 }", True),
        ("{ $.objects[*].id = 3 }", False),
        (r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", True),
        ('{ $.* = "UpdateTrail" }', True),
        ('{ $.* = "value" }', False),
        ("{ $.* = 403 }", True),
        ("{ $.* = 123 }", False),
        ("{ $.some.* = 123 }", True),
        ("{ $.list.* = value }", False),
        ("{ $.*.object = 123 }", True),
        ("{ $.* IS NULL }", False),
        ("{ $.some.* IS NULL }", True),
        ("{ $.* NOT EXISTS }", False),
        ("{ $.list.* NOT EXISTS }", True),
        ("{ $.n = 3 }", True),
        ("{ $.n >= 3.5 }", False),
        ("{ $.code = 4* }", True),
        ("{ $.code = 5* }", False),
        ("{ $.code = *3 }", True),
        ("{ $.code = *4 }", False),
        ("{ $.code = 4*3 }", True),
        ("{ $.code = 4*0*3 }", True),
        ("{ $.code = 403* }", True),
        ("{ $.code = 43* }", False),
        ("{ $.code != 5* }", True),
        ("{ $.code != 4* }", False),
        ("{ $.below = -1* }", True),
        ("{ $.below = 1* }", False),
        ("{ $.below = *2 }", True),
        ("{ $.text = 4* }", False),
        ("{ $.text != 5* }", False),
        ('{ $.text = "4*" }', True),
        ('{ $.code = "4*" }', False),
        ("{ $.yes = *1 }", False),
        ("{ $.missing != 4* }", False),
        ("{ $.number[*] = 10* }", True),
        ("{ $.number[1] = *5 }", False),
        ("{ $.number[1] != 4* }", False),
        ("{ $.number[0] = 1e3 }", True),
        ("{ $.number[0] = 1e+3 }", True),
        ("{ $.number[0] = 1E3 }", True),
        ("{ $.number[0] != 1e-3 }", True),
        ("{ $.number[0] = 1e2 }", False),
        ("{ $.number[1] = 5e-1 }", True),
        ("{ $.code = 4.03e2 }", True),
        ("{ $.code < 4.03e2 }", False),
        ('{ $.n = "3" }', False),
        ("{ $.type > 1 }", False),
        ('{ $.some = "*" }', False),
        ('{ $.some.object = "*" }', True),
        ('{ $.yes = "*" }', True),
        ('{ $.some.null = "*" }', False),
        ("{ $.some.null IS NULL }", True),
        ("{ $.some.other IS NULL }", False),
        ("{ $.some.other NOT EXISTS }", True),
        ("{ $.some.null NOT EXISTS }", False),
        ("{ $.some NOT EXISTS }", False),
        ("{ $.yes IS TRUE }", True),
        ("{ $.no IS TRUE }", False),
        ("{ $.no IS FALSE }", True),
        ("{ $.yes = 1 }", False),
        ('{ $.missing != "x" }', False),
        ("{ $.missing != 1 }", False),
        ("{ $.['dotted.key'] = \"x\" }", True),
        ("{ $.type = %^Update[A-Z]% }", True),
        ("{ $.type = %^update% }", False),
        ("{ $.type != %^update% }", True),
        ('{ $.type = "x" || $.n = 3 && $.yes IS TRUE }', True),
        ('{ ($.type = "x" || $.n = 3) && $.yes IS FALSE }', False),
        ('{ $.type = "UpdateTrail" || $.n = 4 && $.yes IS FALSE }', True),
        ("UpdateTrail", True),
        ("UpdateTrail -another", False),
        ("?nothing ?UpdateTrail", True),
        ("?nothing ?nowhere", False),
        ('"another value"', True),
        ("%[0-9]{3}[.]111%", True),
        ("", True),
    ],
)
def test_a_json_line(pattern: str, expected: bool) -> None:
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("denied", True),
        ('"access denied"', True),
        ("Denied", False),
        ("access -denied", False),
        ("%lev.l%", True),
        ('{ $.level = "warning" }', False),
        ("{ $.level NOT EXISTS }", False),
        ("", True),
    ],
)
def test_a_line_that_is_no_json(pattern: str, expected: bool) -> None:
    assert matches(pattern, 'level=warning msg="access denied"') is expected


@pytest.mark.parametrize("line", ["[]", "403", '"get"', "null"])
def test_json_that_is_no_object_matches_no_field(line: str) -> None:
    assert not matches("{ $.verb NOT EXISTS }", line)


def test_numbers_beyond_a_double_are_infinite_not_an_error() -> None:
    assert matches("{ $.n > 1 }", f'{{"n": {10**400}}}')
    assert not matches("{ $.n > 1 }", f'{{"n": -{10**400}}}')
