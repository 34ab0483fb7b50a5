"""Each function, with the examples of AWS's pages where there are any."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest

from eks_audit_constructs.insights import Cell, run
from tests.insights.builders import Ask

EVENT = {
    "stageTimestamp": "2026-11-23T06:07:59.500000Z",
    "s": "xyZfooxyZ",
    "n": 7,
    "zero": 0,
    "minus": -2.5,
    "code": "403",
    "yes": True,
    "nil": None,
    "list": ["a", {"b": 1}],
    "empty": "",
    "blank": " \t ",
    "ip": "10.1.2.3",
    "ip6": "2001:db8::1",
    "json": '{"a":{"b":[1,"two"],"c.d":true},"e":null}',
    "huge": 10**400 - 1,
    "emoji": "a😀ł",
}


VALUES: tuple[tuple[str, Cell], ...] = (
    ("n + 1", 8),
    ("n - 1 - 1", 5),
    ("2 + n * 2", 16),
    ("(2 + n) * 2", 18),
    ("n / 2", 3.5),
    ("10 % 3", 1),
    ("2 ^ 3", 8),
    ("-n", -7),
    ("n / zero", None),
    ("n % zero", None),
    ("10 ^ 400", None),
    ("n + missing", None),
    ("n + s", None),
    ("code + 1", 404),
    ("yes + 1", 2),
    ("abs(minus)", 2.5),
    ("ceil(minus)", -2),
    ("floor(minus)", -3),
    ("greatest(1, n, minus)", 7),
    ("least(1, n, minus)", -2.5),
    ("log(1)", 0),
    ("log(zero)", None),
    ("sqrt(16)", 4),
    ("sqrt(minus)", None),
    ("strlen(s)", 9),
    ("strlen(emoji)", 3),
    ("strlen(missing)", None),
    ('substr("xyZfooxyZ", 3, 3)', "foo"),
    ("substr(s, 6)", "xyZ"),
    ("substr(s, 99)", ""),
    ("substr(s, 99999999999999999999)", ""),
    ("substr(s, 6, 10 ^ 300)", "xyZ"),
    ("fromMillis(10 ^ 30)", None),
    ("datefloor(fromMillis(9 * 10 ^ 15), 1mo)", None),
    ("datefloor(fromMillis(-1), 1000ms)", "1969-12-31 23:59:59.000"),
    ("huge + 1", None),
    ("sqrt(huge)", None),
    ("huge", "9" * 400),
    ('concat(s, "-", n)', "xyZfooxyZ-7"),
    ("strcontains(s, 'foo')", 1),
    ("strcontains(s, 'FOO')", 0),
    ('replace("foo", "o", "0")', "f00"),
    ("toupper('aZ')", "AZ"),
    ("tolower('aZ')", "az"),
    ("reverse('abc')", "cba"),
    ("trim(' a\t')", "a"),
    ('ltrim("xyZxyfooxyZ", "xyZ")', "fooxyZ"),
    ('rtrim("xyZfooxyxyZ", "xyZ")', "xyZfoo"),
    ('trim("xyZxyfooxyxyZ", "xyZ")', "foo"),
    ("isempty(missing)", 1),
    ("isempty(empty)", 1),
    ("isempty(blank)", 0),
    ("isblank(blank)", 1),
    ("isblank(missing)", 1),
    ("isblank(s)", 0),
    ("ispresent(s)", 1),
    ("ispresent(empty)", 1),
    ("ispresent(missing)", 0),
    ("ispresent(nil)", 0),
    ("ispresent(list)", 0),
    ("ispresent(list.0)", 1),
    ("coalesce(missing, nil, s)", "xyZfooxyZ"),
    ("coalesce(missing, 5)", "5"),
    ("coalesce(missing, nil)", None),
    ("isValidIp(ip)", 1),
    ("isValidIp(ip6)", 1),
    ("isValidIp(s)", 0),
    ("isValidIp(missing)", 0),
    ("isValidIpV4(ip6)", 0),
    ("isValidIpV6(ip6)", 1),
    ("isValidIpV6(ip)", 0),
    ("isValidIpV4('256.0.0.1')", 0),
    ("isValidIpV6('1::2::3')", 0),
    ("isValidIpV6('::ffff:10.0.0.1')", 1),
    ('isIpv4InSubnet(ip, "10.0.0.0/8")', 1),
    ('isIpv4InSubnet(ip, "10.1.2.0/31")', 0),
    ('isIpv4InSubnet(missing, "0.0.0.0/0")', 0),
    ('isIpv6InSubnet(ip6, "2001:db8::/32")', 1),
    ('isIpv6InSubnet(ip6, "2001:db9::/32")', 0),
    ('isIpInSubnet(ip, "10.1.2.3/32")', 1),
    ('isIpInSubnet(ip6, "::/0")', 1),
    ('isIpInSubnet(ip, "::/0")', 0),
    ("@timestamp", "2026-11-23 06:07:59.500"),
    ("bin(5m)", "2026-11-23 06:05:00.000"),
    ("bin(30s)", "2026-11-23 06:07:30.000"),
    ("bin(1h)", "2026-11-23 06:00:00.000"),
    ("bin(1day)", "2026-11-23 00:00:00.000"),
    ("bin(1mo)", "2026-11-01 00:00:00.000"),
    ("bin(1q)", "2026-10-01 00:00:00.000"),
    ("bin(1yr)", "2026-01-01 00:00:00.000"),
    ("datefloor(@timestamp, 10hrs)", "2026-11-23 00:00:00.000"),  # 498,720 hours after 1970 began
    ("dateceil(@timestamp, 1h)", "2026-11-23 07:00:00.000"),
    ("dateceil(datefloor(@timestamp, 1h), 1h)", "2026-11-23 06:00:00.000"),
    ("toMillis(@timestamp)", 1795414079500),
    ("fromMillis(toMillis(@timestamp) + 1)", "2026-11-23 06:07:59.501"),
    ("jsonParse(json)", '{"a":{"b":[1,"two"],"c.d":true},"e":null}'),
    ("jsonStringify(jsonParse(json))", '{"a":{"b":[1,"two"],"c.d":true},"e":null}'),
    ("jsonParse(s)", None),
    ("toupper(jsonParse(json))", None),
    ("yes", "1"),
    ("list.1.b", "1"),
    ("STRLEN(s)", 9),
)

CONDITIONS = (
    ("n = 7", True),
    ("n = 7.0", True),
    ('n = "7"', True),
    ('n = "7.0"', False),
    ("code = 403", True),
    ("code > 40", True),
    ('code > "40"', True),
    ("n != 8", True),
    ("n != 7", False),
    ("s != 7", True),
    ("s > 7", False),
    ("s < 7", False),
    ("missing != 7", False),
    ('missing != "x"', False),
    ("not (missing = 7)", True),
    ("not missing like 'x'", True),
    ("missing not like 'x'", False),
    ("missing not in ['x']", False),
    ("nil = 0", False),
    ("list = 'a'", False),
    ("yes = 1", True),
    ("yes = 'true'", False),
    ("s like 'foo'", True),
    ("s like 'FOO'", False),
    ("s like /(?i)FOO/", True),
    ("s =~ /^xyZ/", True),
    ("s not like /^foo/", True),
    ("s like 'x.Z'", False),
    ("n like /^7$/", True),
    ("s in ['a', 'xyZfooxyZ']", True),
    ("n in [1, 7]", True),
    ("n not in [1, 2]", True),
    ("n = zero + 7", True),
    ("code = n", False),
    ("n < code", True),
    ("s < ip", False),
    ("n > 1 and n < 10 or missing = 1", True),
    ("n > 1 and (n > 10 or missing = 1)", False),
    ("isempty(missing)", True),
    ("strcontains(s, 'bar')", False),
    ("ispresent(s) and not ispresent(missing)", True),
    ("jsonParse(json) = jsonParse(json)", False),
    ("@timestamp > 0", True),
    ("@timestamp = fromMillis(1795414079500)", True),
    ("toMillis(@timestamp) >= now() * 1000 + 86400000", False),
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Cell]:
    """All expressions, evaluated by one query."""
    log = tmp_path_factory.mktemp("log") / "audit.jsonl"
    log.write_text(json.dumps(EVENT) + "\n")
    expressions = [expression for expression, _ in (*VALUES, *CONDITIONS)]
    fields = ", ".join(f"{expression} as `{index}`" for index, expression in enumerate(expressions))
    [row] = run(f"fields {fields}", [log]).rows
    return dict(zip(expressions, row, strict=True))


@pytest.mark.parametrize(("expression", "expected"), VALUES)
def test_values(answers: Mapping[str, Cell], expression: str, expected: Cell) -> None:
    assert answers[expression] == expected
    assert type(answers[expression]) is type(expected)


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_conditions(answers: Mapping[str, Cell], condition: str, holds: bool) -> None:
    assert bool(answers[condition]) is holds


def test_now_is_the_time_at_which_the_query_runs(ask: Ask) -> None:
    before = int(time.time())
    [[now]] = ask("fields now() as now", EVENT).rows
    assert isinstance(now, int)
    assert before <= now <= time.time()


def test_parts_of_a_parsed_map(ask: Ask) -> None:
    table = ask("fields jsonParse(json) as j | display j.a.b.1, j.a.`c.d`, j.e, j.a, j.no", EVENT)
    assert table.rows == (("two", "1", None, None, None),)
