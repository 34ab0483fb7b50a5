"""What the page says, and that nothing from a log becomes part of it but as text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from eks_audit_constructs import demo
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay.html.text import cut, embedded, paragraphs, visible
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template
from tests.replay.html.pages import GET, HOSTILE, data_of, hostile_page, write_page


class _Elements(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of(page: Path) -> str:
    whole = re.sub(r"<(style|script).*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(_Elements(whole).text.split())


class TestHostileText:
    @pytest.fixture
    def page(self, tmp_path: Path) -> str:
        return hostile_page(tmp_path).read_text(encoding="utf-8")

    def test_becomes_no_element(self, page: str) -> None:
        found = [tag for tag, _ in _Elements(page).elements]

        assert "img" not in found
        assert found.count("script") == 2
        assert "<!--" not in page
        assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in page

    def test_is_shown_as_it_is_in_its_event(self, page: str) -> None:
        [shown, *_] = data_of(page)["events"]

        assert shown["who"] == HOSTILE.replace("\u202e", "\\u202e")
        assert "</script>" in shown["message"]

    def test_cannot_turn_the_direction_of_the_page(self, page: str) -> None:
        assert "\u202e" not in page

    def test_has_no_attribute_of_its_own(self, page: str) -> None:
        names = {name for _, attributes in _Elements(page).elements for name in attributes}

        assert not {name for name in names if name.startswith("on")} | (names & {"style", "src", "srcset"})


class TestPolicy:
    def test_allows_nothing_but_the_pages_own_style_and_script(self, tmp_path: Path) -> None:
        page = hostile_page(tmp_path).read_text(encoding="utf-8")
        [policy] = [
            attributes["content"] or ""
            for _, attributes in _Elements(page).elements
            if attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
        [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)

        def digest(text: str) -> str:
            return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

        directives = [part.strip() for part in policy.split(";")]
        assert directives == [
            "default-src 'none'",
            f"style-src {digest(style)}",
            f"script-src {digest(script)}",
            "base-uri 'none'",
            "form-action 'none'",
        ]

    def test_names_no_address_to_load_from(self, tmp_path: Path) -> None:
        page = write_page(tmp_path, demo_like(tmp_path), demo.ATTACK).read_text(encoding="utf-8")
        links = [attributes["href"] or "" for _, attributes in _Elements(page).elements if "href" in attributes]

        assert all(link.startswith("#") for link in links)
        assert "@import" not in page
        assert "url(" not in page


def demo_like(folder: Path) -> Path:
    return write_template(
        folder,
        F403=metric_filter('{ $.responseStatus.code = 403 && $.stage = "ResponseComplete" }', MetricName="403"),
        F401=metric_filter("{ $.responseStatus.code = 401 }", MetricName="401"),
        Late=alarm(AlarmName="x/forbidden", MetricName="403", Threshold=10),
        Early=alarm(AlarmName="x/unauthorized", MetricName="401", Threshold=10),
        Still=alarm(AlarmName="x/still", MetricName="403", Threshold=1000),
    )


class TestContent:
    def test_alarms_that_went_off_come_first_and_in_their_order(self, tmp_path: Path) -> None:
        text = text_of(write_page(tmp_path, demo_like(tmp_path), demo.ATTACK))

        places = [text.index(name) for name in ("2 of 3 alarms went off", "unauthorized", "forbidden", "1 quiet alarm")]
        assert places == sorted(places)
        assert "103 0 unreadable" in text
        assert "2026-11-23 09:00:12 to 2026-11-23 09:21:12" in text
        assert "attack.jsonl.gz" in text
        assert "Sum of Audit 401 ≥ 10 in 1 min, in any period; missing data counts as not breaching." in text

    def test_says_how_many_events_came_more_than_once(self, tmp_path: Path) -> None:
        lines = [event(f"06:0{minute}:00", auditID="a", stage="Panic", verb="get") for minute in (0, 0, 0, 1)]
        template = write_template(tmp_path, F=metric_filter(GET), A=alarm())

        once = text_of(write_page(tmp_path, template, write_log(tmp_path, lines[0])))
        assert "duplicate" not in once
        often = text_of(write_page(tmp_path, template, write_log(tmp_path, *lines)))
        assert "3 duplicates (same auditID and stage): each is counted." in often

    def test_who_and_where_from(self, tmp_path: Path) -> None:
        text = text_of(write_page(tmp_path, demo_like(tmp_path), demo.ATTACK))

        assert "Who not authenticated 46 Where from 127.0.0.1 46 With what python-requests/2.32 46" in text
        assert "arn:aws:sts::111122223333:assumed-role/Developer/raj 37" in text

    def test_says_what_cannot_be_evaluated_or_read(self, tmp_path: Path) -> None:
        template = write_template(
            tmp_path,
            F=metric_filter(GET),
            Wrong=metric_filter("[a]", MetricName="Other"),
            A=alarm(AlarmName="still"),
            Math=alarm(AlarmName="math", Metrics=[{"Id": "q", "Expression": "SELECT SUM(x) FROM y"}]),
        )

        text = text_of(write_page(tmp_path, template, write_log(tmp_path, event("06:00:00"), "no JSON")))

        assert "No alarm that was evaluated went off" in text
        assert "Every alarm that could be evaluated stayed quiet." in text
        assert "1 line is not a JSON object" in text
        assert "1 event has no usable time" in text
        assert "math (alarm): Metrics Insights queries are not evaluated" in text
        assert "Wrong (metric filter): this is a pattern for space-delimited" in text

    def test_says_what_is_in_doubt(self, tmp_path: Path) -> None:
        """Also of metric filters that no alarm watches."""
        template = write_template(
            tmp_path,
            Unwatched=metric_filter('{ $.responseStatus.code = "403" }', MetricName="<Other>"),
            Plain=metric_filter(GET),
            Quiet=alarm(Threshold=99),
        )

        page = text_of(write_page(tmp_path, template, write_log(tmp_path, event("06:00:00", verb="get"))))

        assert page.count("In doubt") == 1
        assert 'Unwatched: Not seen on CloudWatch: "403" against a JSON number' in page
        sure = write_template(tmp_path, Plain=metric_filter(GET), Quiet=alarm(Threshold=99))
        assert "In doubt" not in text_of(write_page(tmp_path, sure, tmp_path / "audit.jsonl"))

    def test_says_that_nothing_could_be_judged(self, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter(GET), A=alarm())
        empty = tmp_path / "empty.jsonl"
        empty.write_text("")

        text = text_of(write_page(tmp_path, template, empty))

        assert "Nothing could be judged: no audit event was read: the logs are empty." in text
        assert "No alarm went off" not in text
        assert "stayed quiet" not in text

    def test_counts_the_events_it_does_not_hold(self, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter(GET), A=alarm())
        users = [event("06:00:00", verb="get", user={"username": f"user-{number}"}) for number in range(250)]

        page = write_page(tmp_path, template, write_log(tmp_path, *users))

        held = data_of(page.read_text(encoding="utf-8"))
        assert (len(held["events"]), held["filters"]["F"]["gap"], held["filters"]["F"]["left"]) == (200, 100, 50)
        assert "The first and latest 200 of 250 events" in text_of(page)
        assert "and 240 events of 240 others" in text_of(page)

    def test_holds_an_event_that_two_filters_match_once(self, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter(GET), G=metric_filter(GET))

        page = write_page(tmp_path, template, write_log(tmp_path, event("06:00:00", verb="get")))

        held = data_of(page.read_text(encoding="utf-8"))
        assert len(held["events"]) == 1
        assert held["filters"]["F"]["events"] == held["filters"]["G"]["events"] == [0]
        assert "Metric filters that no alarm watches" in text_of(page)

    def test_each_chart_has_a_description_and_a_table(self, tmp_path: Path) -> None:
        page = write_page(tmp_path, demo_like(tmp_path), demo.ATTACK)
        elements = _Elements(page.read_text(encoding="utf-8")).elements
        ids = {attributes.get("id") for _, attributes in elements}
        charts = [attributes for _, attributes in elements if attributes.get("role") == "img"]

        assert len(charts) == 3
        assert all({chart["aria-labelledby"], chart["aria-describedby"]} <= ids for chart in charts)
        assert "2026-11-23 09:00 46 46" in text_of(page)

    def test_says_what_is_damaged(self, tmp_path: Path) -> None:
        packed = tmp_path / "cut.jsonl.gz"
        packed.write_bytes(demo.ATTACK.read_bytes()[:-500])

        page = write_page(tmp_path, demo_like(tmp_path), packed)

        assert "cut.jsonl.gz: " in text_of(page)
        assert data_of(page.read_text(encoding="utf-8"))["filters"]["F401"]["left"] == 0

    def test_logs_without_times(self, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter("denied"), A=alarm())

        text = text_of(write_page(tmp_path, template, write_log(tmp_path, "denied", "denied")))

        assert "no event has a usable time" in text
        assert "F (metric filter)" not in text

    def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter(GET))

        with pytest.raises(AuditConfigurationError, match="cannot be written"):
            write_page(tmp_path / "missing", template, write_log(tmp_path, event("06:00:00")))


class TestTexts:
    def test_embedded_json_can_close_nothing(self) -> None:
        assert embedded("</script><!-- & \u2028") == '"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u2028"'

    @pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\u200b", "\u202e", "\u2066", "\ufeff", "\U000e0041"])
    def test_what_cannot_be_seen_is_spelled_out(self, hidden: str) -> None:
        assert visible(f"a{hidden}b") == f"a\\u{ord(hidden):04x}b"

    def test_what_can_be_seen_stays(self) -> None:
        assert visible("Jürgen 山田\n\t<b>") == "Jürgen 山田\n\t<b>"

    def test_a_long_name_says_how_long(self) -> None:
        assert cut("x" * 1000, 3) == "xxx… (1,000 characters)"
        assert cut("xxx", 3) == "xxx"

    def test_bold_in_descriptions(self) -> None:
        assert paragraphs("**Bad** news\n\nNext") == [[("Bad", True), (" news", False)], [("Next", False)]]


class TestColours:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    STYLE = files("eks_audit_constructs.replay.html").joinpath("style.css").read_text(encoding="utf-8")

    @staticmethod
    def luminance(colour: str) -> float:
        digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
        parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    @pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
    @pytest.mark.parametrize("text", ["ink", "soft", "link", "alarm"])
    @pytest.mark.parametrize("ground", ["page", "card", "warn", "alarm-soft"])
    def test_text_can_be_read(self, mode: int, text: str, ground: str) -> None:
        colours = dict(re.findall(r"--([\w-]+): #(\w+);", self.STYLE.split(":root {")[mode + 1]))

        light, dark = sorted((self.luminance(colours[text]), self.luminance(colours[ground])), reverse=True)

        assert (light + 0.05) / (dark + 0.05) >= 4.5
