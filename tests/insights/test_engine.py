"""Whole queries over made-up events, with answers worked out by hand."""

from __future__ import annotations

import pytest

from eks_audit_constructs.errors import QueryError
from tests.insights.builders import Ask, at

EVENTS = (
    at("06:00:10", verb="get", user={"username": "ann", "groups": ["dev", "all"]}, bytes=10),
    at("06:01:10", verb="list", user={"username": "bob"}, bytes=30),
    at("06:06:10", verb="get", user={"username": "ann"}, bytes=20),
    at("06:04:59", verb="delete", user={}, bytes=40),
)


class TestRows:
    def test_without_fields_time_and_message_latest_first(self, ask: Ask) -> None:
        table = ask('filter verb = "get"', *EVENTS)

        assert table.columns == ("@timestamp", "@message")
        assert [row[0] for row in table.rows] == ["2026-11-23 06:06:10.000", "2026-11-23 06:00:10.000"]
        assert str(table.rows[0][1]).startswith('{"kind":"Event","stageTimestamp":"2026-11-23T06:06:10.000000Z"')
        assert (table.matched, table.scanned, table.unreadable, table.untimed) == (2, 4, 0, 0)

    def test_several_fields_commands_add_up_and_the_last_display_counts(self, ask: Ask) -> None:
        query = "fields verb | fields bytes * 2 as twice, verb | limit 1"
        assert ask(query, *EVENTS).columns == ("verb", "twice")
        assert ask(query, *EVENTS).rows == (("get", 40),)
        assert ask(f"{query} | display bytes | display twice, verb", *EVENTS).rows == ((40, "get"),)

    def test_an_alias_stands_for_what_it_names(self, ask: Ask) -> None:
        query = "fields bytes as size | filter size > 15 | fields size / 10 as tens | filter tens < 4 | sort tens"
        assert ask(query, *EVENTS).rows == (("20", 2), ("30", 3))

    def test_sort_by_several_keys_missing_last_and_limit(self, ask: Ask) -> None:
        assert ask("fields user.username as u, bytes | sort u desc, bytes desc | limit 3", *EVENTS).rows == (
            ("bob", "30"),
            ("ann", "20"),
            ("ann", "10"),
        )
        assert ask("fields user.username as u | sort u", *EVENTS).rows == (("ann",), ("ann",), ("bob",), (None,))

    def test_sort_in_the_order_of_the_documentation(self, ask: Ask) -> None:
        ordered = [
            "!:",
            "#",
            "*%04",
            "0#",
            "5A",
            "111A",
            "2345_",
            "@",
            "@_",
            "A",
            "A9876fghj",
            "a12345hfh",
            "0",
            "01",
            "1",
            "2",
        ]
        events = [at("06:00:00", name=name) for name in reversed(ordered)]

        assert [row[0] for row in ask("fields name | sort name", *events).rows] == ordered
        assert [row[0] for row in ask("fields name | sort name desc", *events).rows] == ordered[::-1]

    def test_numbers_sort_as_numbers(self, ask: Ask) -> None:
        events = [at("06:00:00", n=n) for n in (10, 9, 2.5, -1)]
        assert [row[0] for row in ask("fields n | sort n", *events).rows] == ["-1", "2.5", "9", "10"]

    def test_ties_come_in_one_order_always(self, ask: Ask) -> None:
        events = [at("06:00:00", n=n) for n in range(50)]
        assert ask("fields n | limit 7", *events).rows == ask("fields n | limit 7", *reversed(events)).rows

    def test_dedup_keeps_the_first_in_order_and_all_without_the_field(self, ask: Ask) -> None:
        lonely = at("06:00:00", bytes=1)
        query = "fields user.username as u, bytes | sort bytes desc | dedup u"
        assert ask(query, *EVENTS, lonely, lonely).rows == (
            (None, "40"),
            ("bob", "30"),
            ("ann", "20"),
            (None, "1"),
            (None, "1"),
        )
        assert ask(f"{query} | limit 2", *EVENTS).rows == ((None, "40"), ("bob", "30"))
        assert ask("fields bytes | dedup user.username, verb", *EVENTS).rows == (("20",), ("40",), ("30",))

    def test_nothing_matches(self, ask: Ask) -> None:
        table = ask('filter verb = "no" | limit 5', *EVENTS)
        assert (table.rows, table.matched, table.scanned) == ((), 0, 4)

    def test_a_query_returns_ten_thousand_rows_unless_told_otherwise(self, ask: Ask) -> None:
        table = ask("fields n", *(at("06:00:00", n=n) for n in range(10_001)))
        assert (len(table.rows), table.matched) == (10_000, 10_001)


class TestParse:
    LINE = "25 May 2019 10:24:39,474 [ERROR] {user=ann, method:GET, latency := 12.5}"

    def test_a_glob(self, ask: Ask) -> None:
        query = 'parse @message "user=*, method:*, latency := *}" as @user, @method, @latency'
        table = ask(query, self.LINE, "other")
        assert table.columns == ("@timestamp", "@message", "@user", "@method", "@latency")
        assert {row[2:] for row in table.rows} == {("ann", "GET", "12.5"), (None, None, None)}
        assert ask(f"{query} | stats avg(@latency) by @method, @user", self.LINE).rows == (("GET", "ann", 12.5),)

    def test_a_star_at_an_end_takes_all_there_is(self, ask: Ask) -> None:
        assert ask("fields 1 as one | parse '*/*/*' as a, b, c | display a, b, c", "x/y/z/w").rows == (
            ("x", "y", "z/w"),
        )

    def test_the_signs_of_regular_expressions_are_plain_in_a_glob(self, ask: Ask) -> None:
        assert ask("parse '[*] (*)' as a, b | display a, b", "[x] (y)").rows == (("x", "y"),)

    def test_named_groups_among_others(self, ask: Ask) -> None:
        regex = r"/(\d+) (?:[(]?)(?<month>\w+) (\d+).*\[(?<level>[A-Z(]+)\]/"
        assert ask(f"parse @message {regex} | display month, level", self.LINE).rows == (("May", "ERROR"),)

    def test_what_was_parsed_can_be_parsed_and_filtered(self, ask: Ask) -> None:
        query = "parse @message 'latency := *}' as ms | parse ms '*.*' as whole, part | filter part = 5 | display whole"
        assert ask(query, self.LINE, "other").rows == (("12",),)

    def test_a_group_that_takes_no_part_is_missing_and_an_empty_one_is_not(self, ask: Ask) -> None:
        query = r"parse @message /(?<n>\d+)(?<unit>s)?(?<rest>.*)/ | display n, unit, rest"
        assert set(ask(query, "10s", "7!", "x").rows) == {("10", "s", ""), ("7", None, "!"), (None, None, None)}
        assert ask("parse '*-*' as a, b | display a, b", "-").rows == (("", ""),)

    def test_only_the_first_match_counts(self, ask: Ask) -> None:
        assert ask(r"parse /(?<a>x)?(?<b>y)/ | display a, b", "y xy").rows == ((None, "y"),)

    def test_fourteen_names(self, ask: Ask) -> None:
        names = [f"n{number}" for number in range(14)]
        letters = "a b c d e f g h i j k l m n"
        glob, regex = " ".join("*" * 14), " ".join(rf"(?<{name}>\w)" for name in names)
        for pattern in (f"'{glob}' as {', '.join(names)}", f"/{regex}/"):
            assert ask(f"parse {pattern} | display {', '.join(names)}", letters).rows == (tuple(letters.split()),)


class TestStats:
    def test_counts_by_group(self, ask: Ask) -> None:
        table = ask("stats count(*) as n, count(user.username), sum(bytes) by verb | sort n desc, verb", *EVENTS)
        assert table.columns == ("verb", "n", "count(user.username)", "sum(bytes)")
        assert table.rows == (("get", 2, 2, 30), ("delete", 1, 0, 40), ("list", 1, 1, 30))
        assert table.matched == 4

    def test_numbers(self, ask: Ask) -> None:
        functions = {
            "count()": 4,
            "count_distinct(verb)": 3,
            "sum(bytes)": 100,
            "avg(bytes)": 25,
            "min(bytes)": "10",
            "max(bytes)": "40",
            "stddev(bytes)": pytest.approx(125**0.5),
            "variance(bytes)": 125,
            "median(bytes)": 25,
            "pct(bytes, 75)": 30,
            "pct(bytes, 76)": 40,
            "sum(bytes) / count(*) + 1": 26,
            "max(strlen(verb))": 6,
        }
        [row] = ask(f"stats {', '.join(functions)}", *EVENTS).rows
        assert dict(zip(functions, row, strict=True)) == functions

    def test_what_comes_first_and_last(self, ask: Ask) -> None:
        functions = {
            "earliest(verb)": "get",
            "latest(user.username)": "ann",
            "earliest(@timestamp)": "2026-11-23 06:00:10.000",
            "latest(@timestamp)": "2026-11-23 06:06:10.000",
            "max(@timestamp)": "2026-11-23 06:06:10.000",
            "sortsFirst(verb)": "delete",
            "sortsLast(bytes)": "40",
            "min(verb)": "delete",
            "latest(missing)": None,
            "sum(verb)": None,
        }
        [row] = ask(f"stats {', '.join(functions)}", *EVENTS).rows
        assert dict(zip(functions, row, strict=True)) == functions

    def test_an_event_without_a_time_is_neither_early_nor_late(self, ask: Ask) -> None:
        timeless = {"kind": "Event", "verb": "zzz"}
        assert ask("stats earliest(verb), latest(verb)", timeless, *EVENTS, timeless).rows == (("get", "get"),)

    def test_text_beside_numbers(self, ask: Ask) -> None:
        events = [at("06:00:00", x=x) for x in (9, "10", "a", "b")]
        assert ask("stats min(x), max(x), sum(x), count(x)", *events).rows == (("9", "10", 19, 4),)

    def test_bins_latest_first(self, ask: Ask) -> None:
        table = ask("stats count(*) as n by bin(5m)", *EVENTS)
        assert table.columns == ("bin(5m)", "n")
        assert table.rows == (("2026-11-23 06:05:00.000", 1), ("2026-11-23 06:00:00.000", 3))

    def test_a_column_may_be_named_as_it_is_written(self, ask: Ask) -> None:
        query = "stats count(*), max(bytes) by verb | filter count(*) > 1 or `max(bytes)` >= 40 | sort count( * ) desc"
        assert ask(query, *EVENTS).rows == (("get", 2, "20"), ("delete", 1, "40"))

    def test_spaces_within_quotes_tell_columns_apart(self, ask: Ask) -> None:
        query = """stats count(*) by concat(verb, "a b"), concat(verb,"ab")
            | display CONCAT( verb, "ab" ), concat(verb, 'a b'), COUNT( * )"""
        assert ask(query, EVENTS[1]).rows == (("listab", "lista b", 1),)

    def test_an_alias_is_no_expression(self, ask: Ask) -> None:
        query = "stats sum(bytes) as `count(*)`, max(bytes) by verb | display `count(*)` | sort `count(*)`"
        assert ask(query, *EVENTS).rows == ((30,), (30,), (40,))
        with pytest.raises(QueryError, match="aggregates events"):
            ask("stats sum(bytes) as `count(*)` | filter count(*) > 1", *EVENTS)

    def test_the_example_of_two_stats(self, ask: Ask) -> None:
        query = """
            FIELDS bytes * 1024 AS length
            | STATS sum(length) / 1024 AS kb BY BIN(5m) as @t
            | STATS max(kb) AS peak, min(kb) AS least, avg(kb) AS average BY dateceil(@t, 10m)
        """
        assert ask(query, *EVENTS).rows == (
            ("2026-11-23 06:10:00.000", 20, 20, 20),
            ("2026-11-23 06:00:00.000", 80, 80, 80),
        )

    def test_stats_of_filtered_stats(self, ask: Ask) -> None:
        query = "stats count(*) as n by verb | filter n = 1 | stats count(*) as verbs, sum(n) / count(*) as each"
        table = ask(query, *EVENTS)
        assert (table.rows, table.matched) == (((2, 1),), 4)

    def test_fields_dedup_and_limit_after_stats(self, ask: Ask) -> None:
        query = "stats sum(bytes) as total by verb, user.username | fields total * 2 as twice | sort total desc"
        assert ask(query, *EVENTS).rows == (("delete", None, 40, 80), ("get", "ann", 30, 60), ("list", "bob", 30, 60))
        assert ask(f"{query} | dedup total | limit 2 ", *EVENTS).rows == (
            ("delete", None, 40, 80),
            ("get", "ann", 30, 60),
        )

    def test_no_event_no_group(self, ask: Ask) -> None:
        assert ask("filter verb = 'no' | stats count(*)", *EVENTS).rows == ()
        assert ask("filter verb = 'no' | stats count(*) as n by verb | stats sum(n)", *EVENTS).rows == ()
