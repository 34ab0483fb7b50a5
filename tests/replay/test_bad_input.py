"""Logs as they come out of accidents: what is wrong is said and counted, and the rest is replayed."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from pathlib import Path

import pytest

from eks_audit_constructs.errors import EksAuditError
from eks_audit_constructs.replay import Replay, replay
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

READ = event("06:02:00", verb="get")
LIST = event("06:03:00", verb="list")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'), A=alarm())


def matched(result: Replay) -> int:
    return result.filters[0].matched


def without_template(result: Replay) -> tuple[object, ...]:
    return result.counted, result.filters[0].matched, result.alarms[0].transitions


class TestDamage:
    def compressed(self, real_logs: Path) -> tuple[bytes, list[bytes]]:
        lines = (real_logs / "forbidden_spike.jsonl").read_bytes().splitlines(keepends=True)
        return gzip.compress(b"".join(lines)), lines

    @pytest.mark.parametrize("share", [0.25, 0.9, 0.999])
    def test_a_gzip_file_cut_short_counts_up_to_the_cut(
        self, tmp_path: Path, real_logs: Path, template: Path, share: float
    ) -> None:
        whole, lines = self.compressed(real_logs)
        cut = whole[: int(len(whole) * share)]
        path = tmp_path / "audit.gz"
        path.write_bytes(cut)
        left = zlib.decompressobj(wbits=31).decompress(cut).count(b"\n")

        result = replay(template, [path])

        assert 0 < left <= result.counted.events <= len(lines)
        assert result.counted.unreadable == result.counted.events - left
        assert result.notes == (f"{path}: it is cut short; only what could be decompressed is counted",)

    def test_a_damaged_checksum_is_said(self, tmp_path: Path, real_logs: Path, template: Path) -> None:
        whole, lines = self.compressed(real_logs)
        path = tmp_path / "audit.gz"
        path.write_bytes(whole[:-8] + b"\x00" * 8)

        result = replay(template, [path])

        assert result.counted.events == len(lines)
        assert "damaged (CRC check failed" in result.notes[0]

    def test_damage_in_one_file_costs_no_other(self, tmp_path: Path, real_logs: Path, template: Path) -> None:
        whole, lines = self.compressed(real_logs)
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs" / "1.gz").write_bytes(whole)
        (tmp_path / "logs" / "2.gz").write_bytes(whole[:30])
        (tmp_path / "logs" / "3.gz").write_bytes(whole)

        assert replay(template, [tmp_path / "logs"]).counted.events == 2 * len(lines)

    def test_a_sound_file_says_nothing(self, tmp_path: Path, real_logs: Path, template: Path) -> None:
        whole, _ = self.compressed(real_logs)
        path = tmp_path / "audit.gz"
        path.write_bytes(whole)

        assert replay(template, [path]).notes == ()

    def test_a_cut_compressed_page_counts_up_to_the_cut(self, tmp_path: Path, template: Path) -> None:
        events = [{"timestamp": 1_795_413_720_000 + n, "message": f"{READ} {random.random()}"} for n in range(5000)]
        path = tmp_path / "page.json.gz"
        path.write_bytes(gzip.compress(json.dumps({"events": events}).encode())[:-20_000])

        result = replay(template, [path])

        assert 1_000 < result.counted.events < 5_000
        assert "cut short" in result.notes[0]
        assert "invalid JSON at 1 place" in result.notes[1]

    def test_half_a_line_is_an_event_nobody_can_read(self, tmp_path: Path, template: Path) -> None:
        result = replay(template, [write_log(tmp_path, READ, READ[:60])])

        assert (result.counted.events, result.counted.unreadable, matched(result)) == (2, 1, 1)

    def test_a_file_that_ends_in_a_line_has_no_half_line(self, tmp_path: Path, template: Path) -> None:
        path = tmp_path / "audit.jsonl"
        path.write_text(f"{READ}\n{READ}")

        assert replay(template, [path]).counted.unreadable == 0

    def test_no_log_is_made_of_a_file_that_may_not_be_read(self, tmp_path: Path, template: Path) -> None:
        with pytest.raises(EksAuditError, match=r"none\.gz"):
            replay(template, [tmp_path / "none.gz"])


class TestMixture:
    def test_lines_of_other_components(self, tmp_path: Path, template: Path) -> None:
        authenticator = 'time="2026-11-23T06:02:00Z" level=warning msg="access denied" arn="arn:aws:iam::1:role/x"'
        server = "I1123 06:02:00.000000      10 controller.go:615] quota admission added evaluator"

        result = replay(template, [write_log(tmp_path, authenticator, READ, server, READ)])

        assert (result.counted.events, result.counted.unreadable, matched(result)) == (4, 2, 2)

    def test_two_writers_in_one_line(self, tmp_path: Path, template: Path) -> None:
        result = replay(template, [write_log(tmp_path, READ[:20] + LIST, READ[20:], READ)])

        assert (result.counted.events, result.counted.unreadable, matched(result)) == (3, 2, 1)

    def test_files_of_different_shapes(self, tmp_path: Path, template: Path) -> None:
        folder = tmp_path / "logs"
        folder.mkdir()
        write_log(folder, READ, name="lines.jsonl")
        write_log(folder, f"2026-11-23T06:05:00.000Z {READ}", name="export")
        write_log(folder, json.dumps({"events": [{"timestamp": 1, "message": READ}]}), name="page.json")
        write_log(folder, READ * 2, name="object")

        result = replay(template, [folder])

        assert (result.counted.events, result.counted.unreadable, matched(result)) == (5, 0, 5)


class TestClocks:
    def test_events_out_of_order_change_nothing(self, tmp_path: Path, real_logs: Path, template: Path) -> None:
        lines = (real_logs / "forbidden_spike.jsonl").read_bytes().splitlines()
        shuffled = random.Random(1).sample(lines, len(lines))

        ordered = replay(template, [write_log(tmp_path, *lines, name="1.jsonl")])
        disordered = replay(template, [write_log(tmp_path, *shuffled, name="2.jsonl")])

        assert without_template(ordered) == without_template(disordered)
        assert matched(ordered) > 0

    def test_a_clock_far_off_is_seen_in_the_span(self, tmp_path: Path, template: Path) -> None:
        late = READ.replace("2026-11-23", "2031-01-01")

        result = replay(template, [write_log(tmp_path, READ, late)])

        assert result.counted.first is not None and result.counted.last is not None
        assert (result.counted.first.year, result.counted.last.year) == (2026, 2031)

    @pytest.mark.parametrize("time", ["2026-02-30T06:02:00.000000Z", "yesterday", "", None, 5])
    def test_a_time_that_is_none_is_counted_with_the_event_before(
        self, tmp_path: Path, template: Path, time: object
    ) -> None:
        broken = json.dumps({**json.loads(READ), "stageTimestamp": time})

        result = replay(template, [write_log(tmp_path, READ, broken)])

        assert (result.counted.untimed, matched(result)) == (1, 2)
        assert len(result.counted.lines) == 1


class TestDuplicates:
    def test_the_same_event_twice_counts_twice(self, tmp_path: Path, template: Path) -> None:
        once = json.dumps({**json.loads(READ), "auditID": "1", "stage": "ResponseComplete"})

        result = replay(template, [write_log(tmp_path, once, once)])

        assert (result.counted.events, matched(result)) == (2, 2), "a metric filter would count both"
