"""Logs straight from CloudWatch, hour by hour."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.audit_logs import sources
from eks_audit_constructs.audit_logs.logs import Fetched, Source
from eks_audit_constructs.errors import EksAuditError
from eks_audit_constructs.replay import replay
from tests.audit_logs.reading import path_of
from tests.fake_aws import ACCOUNT, SECRET, THROTTLED, FakeAws, Fault, LogEvent
from tests.replay.builders import event, metric_filter, write_template

GROUP = "/aws/eks/prod/cluster"
NOW = datetime(2026, 11, 23, 6, 45, tzinfo=UTC)
MINUTE = 60_000


class Clock(datetime):
    """A present that stands still."""

    @classmethod
    def now(cls, tz: object = None) -> Clock:
        return cls(2026, 11, 23, 6, 45, tzinfo=UTC)


def at(clock: str) -> int:
    return int(datetime.fromisoformat(f"2026-11-23T{clock}+00:00").timestamp() * 1000)


@pytest.fixture
def group(fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    monkeypatch.setattr(sources, "datetime", Clock)
    start, message = at("00:00"), event("05:00:00", verb="get") + "\n"
    fake_aws.groups[GROUP] = [
        LogEvent(start + minute * MINUTE, message) for minute in range(6 * 60 + 45) if not 120 <= minute < 180
    ]
    fake_aws.groups[GROUP] += [LogEvent(start, "not an audit event", stream="kube-apiserver-1")]
    fake_aws.page = 25
    return fake_aws


def lines(logs: list[Source]) -> list[bytes]:
    return [line for log in logs for line in gzip.decompress(path_of(log).read_bytes()).splitlines()]


def asked(fake_aws: FakeAws) -> list[tuple[int, int]]:
    """The times asked for, each once."""
    requests = fake_aws.called("FilterLogEvents")
    return sorted({(request["startTime"], request["endTime"]) for request in requests})


def hour(number: int) -> tuple[int, int]:
    return at(f"{number:02}:00"), at(f"{number + 1:02}:00") - 1


def test_the_events_of_a_time_are_replayed(group: FakeAws, tmp_path: Path) -> None:
    said: list[str] = []
    shares: list[float] = []
    template = write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'))

    paths = sources.resolve(
        [], log_group=GROUP, since="3h", progress=lambda _, share: shares.append(share), say=said.append
    )

    result = replay(template, paths)
    assert (result.counted.events, result.filters[0].matched, result.counted.unreadable) == (180, 180, 0)
    assert result.counted.first == datetime(2026, 11, 23, 3, 45, tzinfo=UTC), "the log's own time"
    assert result.counted.last == datetime(2026, 11, 23, 6, 44, tzinfo=UTC)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert said[0].startswith(f"{GROUP}: fetched 180 event(s)")
    assert {request["logStreamNamePrefix"] for request in group.called("FilterLogEvents")} == {"kube-apiserver-audit-"}


def test_no_event_is_fetched_twice_or_missed_at_an_hour_s_edge(group: FakeAws) -> None:
    edge = at("05:00")
    group.groups[GROUP] = [LogEvent(edge + offset, f"{offset}") for offset in (-1, 0, 1)]

    paths = sources.resolve([], log_group=GROUP, since="2026-11-23T04:00", until="2026-11-23T06:00")

    assert [line.split()[-1] for line in lines(paths)] == [b"-1", b"0", b"1"]


def test_complete_hours_are_not_fetched_again(group: FakeAws) -> None:
    said: list[str] = []
    first = sources.resolve([], log_group=GROUP, since="2026-11-23T03:00")
    assert asked(group) == [hour(3), hour(4), hour(5), (at("06:00"), at("06:45") - 1)]
    group.calls.clear()

    second = sources.resolve([], log_group=GROUP, since="2026-11-23T01:00", say=said.append)

    assert asked(group) == [hour(1), hour(2), (at("06:00"), at("06:45") - 1)]
    assert second[-4:] == first
    assert "3 of 6 hour(s) were in the cache" in said[-1]


def test_an_hour_that_may_still_grow_is_fetched_again(group: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.cloudwatch, "_LATE", timedelta(hours=1))
    sources.resolve([], log_group=GROUP, since="2026-11-23T04:00", until="2026-11-23T06:00")
    group.groups[GROUP].append(LogEvent(at("05:59"), "late"))
    group.calls.clear()

    paths = sources.resolve([], log_group=GROUP, since="2026-11-23T04:00", until="2026-11-23T06:00")

    assert asked(group) == [hour(5)]
    assert lines(paths)[-1].endswith(b"late")


def test_an_hour_grows_for_half_an_hour_after_its_end(group: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    class Earlier(Clock):
        @classmethod
        def now(cls, tz: object = None) -> Clock:
            return cls(2026, 11, 23, 6, 29, tzinfo=UTC)

    monkeypatch.setattr(sources, "datetime", Earlier)
    sources.resolve([], log_group=GROUP, since="2026-11-23T04:00", until="2026-11-23T06:00")
    group.calls.clear()
    monkeypatch.setattr(sources, "datetime", Clock)

    sources.resolve([], log_group=GROUP, since="2026-11-23T04:00", until="2026-11-23T06:00")

    assert asked(group) == [hour(5)]


def test_a_part_of_an_hour_is_not_taken_for_the_whole(group: FakeAws) -> None:
    sources.resolve([], log_group=GROUP, since="2026-11-23T03:30", until="2026-11-23T03:40")

    assert len(lines(sources.resolve([], log_group=GROUP, since="2026-11-23T03:00", until="2026-11-23T04:00"))) == 60


def test_an_interrupted_run_goes_on_at_its_hour(group: FakeAws) -> None:
    group.fault = lambda number, call: Fault("ExpiredTokenException", SECRET) if number == 6 else None
    with pytest.raises(EksAuditError, match="credentials have expired") as stopped:
        sources.resolve([], log_group=GROUP, since="2026-11-23T03:00", until="2026-11-23T06:00")
    assert SECRET not in str(stopped.value)
    group.fault = lambda number, call: None
    group.calls.clear()

    paths = sources.resolve([], log_group=GROUP, since="2026-11-23T03:00", until="2026-11-23T06:00")

    assert asked(group) == [hour(4), hour(5)]
    assert len(lines(paths)) == 180


def test_throttling_is_waited_for(group: FakeAws) -> None:
    group.fault = lambda number, call: THROTTLED if number == 3 else None

    paths = sources.resolve([], log_group=GROUP, since="2026-11-23T05:00", until="2026-11-23T06:00")

    assert len(lines(paths)) == 60


def test_throttled_for_good(group: FakeAws) -> None:
    group.fault = lambda number, call: THROTTLED if number > 2 else None

    with pytest.raises(EksAuditError, match="what was fetched is not fetched again"):
        sources.resolve([], log_group=GROUP, since="2026-11-23T05:00", until="2026-11-23T06:00")


def test_a_time_without_events(group: FakeAws) -> None:
    with pytest.raises(EksAuditError, match=r"no log event.*2026-11-23 02:00:00"):
        sources.resolve([], log_group=GROUP, since="2026-11-23T02:00", until="2026-11-23T03:00")

    assert len(lines(sources.resolve([], log_group=GROUP, since="2026-11-23T02:00", until="2026-11-23T04:00"))) == 60


def test_another_account_or_group_has_its_own_cache(group: FakeAws) -> None:
    arn = f"arn:aws:logs:us-east-1:444455556666:log-group:{GROUP}"
    group.groups[arn] = [LogEvent(at("05:00"), "elsewhere")]
    group.groups["/aws/eks/prod_cluster"] = [LogEvent(at("05:00"), "another")]

    def fetch(name: str) -> list[Source]:
        return sources.resolve([], log_group=name, since="2026-11-23T05:00", until="2026-11-23T06:00")

    assert len(lines(fetch(GROUP))) == 60
    assert lines(fetch("/aws/eks/prod_cluster")) == [b"2026-11-23T05:00:00.000Z another"]
    calls = len(group.called("GetCallerIdentity"))
    [fetched] = fetch(f"{arn}:*")
    assert lines([fetched]) == [b"2026-11-23T05:00:00.000Z elsewhere"]
    assert fetched == Fetched(path := path_of(fetched), f"444455556666:{GROUP}")
    assert len(group.called("GetCallerIdentity")) == calls == 2, "the ARN says it"
    assert path.parent.parent.name == "us-east-1"
    assert ACCOUNT not in str(path)


def test_files_and_a_log_group_go_together(group: FakeAws, tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text(json.dumps({"events": [{"timestamp": at("04:00"), "message": "a"}]}))

    paths = sources.resolve([str(page)], log_group=GROUP, since="2026-11-23T05:00", until="2026-11-23T06:00")

    assert replay(write_template(tmp_path, F=metric_filter("a")), paths).counted.events == 61


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"log_group": GROUP}, "Add --since"),
        ({"since": "7d"}, "Add --log-group"),
        ({"until": "7d"}, "Add --log-group"),
        ({}, "at least one log"),
        ({"log_group": GROUP, "since": "1h", "until": "2h"}, "ends before it begins"),
        ({"log_group": GROUP, "since": "2031-01-01"}, "in the future"),
        ({"log_group": GROUP, "since": "soon"}, "ISO 8601"),
        ({"log_group": "/aws/eks/none/cluster", "since": "1h"}, "log group does not exist"),
    ],
)
def test_what_does_not_go_together(group: FakeAws, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(EksAuditError, match=said):
        sources.resolve([], **arguments)


def test_without_permission(group: FakeAws) -> None:
    group.fault = lambda number, call: Fault("AccessDeniedException", "no") if call == "FilterLogEvents" else None

    with pytest.raises(EksAuditError, match="Allow logs:FilterLogEvents"):
        sources.resolve([], log_group=GROUP, since="1h")


def test_the_cache_holds_no_half_hour_after_an_error(group: FakeAws, tmp_path: Path) -> None:
    group.fault = lambda number, call: Fault("AccessDeniedException", "no") if number == 4 else None

    with pytest.raises(EksAuditError):
        sources.resolve([], log_group=GROUP, since="2026-11-23T05:00", until="2026-11-23T06:00")

    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
