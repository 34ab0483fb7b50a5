"""The page in a real browser: it works without a network, on a phone, in the dark and by keyboard.

Needs Chromium or Chrome on the PATH, and playwright, which drives it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import demo
from tests.depth import only_in_depth
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template
from tests.replay.html.pages import GET, hostile_page, write_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    only_in_depth,
    pytest.mark.skipif(BROWSER is None, reason="neither Chromium nor Chrome is installed"),
]

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # which Chromium refuses to root
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=sandbox)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file; what goes wrong in it, and what it asks for, fails the test."""
    contexts: list[Any] = []
    wrong: list[str] = []
    requests: list[str] = []

    def open_page(path: Path, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong
    assert all(url.startswith("file:") for url in requests)
    assert len(requests) == len(contexts)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    template = write_template(
        tmp_path,
        F403=metric_filter("{ $.responseStatus.code = 403 }", MetricName="403"),
        F401=metric_filter("{ $.responseStatus.code = 401 }", MetricName="401"),
        Forbidden=alarm(AlarmName="x/forbidden", MetricName="403", Threshold=10),
        Unauthorized=alarm(AlarmName="x/unauthorized", MetricName="401", Threshold=10),
        Quiet=alarm(AlarmName="x/quiet", MetricName="401", Threshold=1000),
    )
    return write_page(tmp_path, template, demo.ATTACK)


def open_all(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((details) => details.open = true)")
    page.wait_for_function("document.querySelectorAll('.list > li').length > 0")
    page.evaluate("document.querySelectorAll('.list details').forEach((details) => details.open = true)")
    page.wait_for_function("document.querySelectorAll('.list pre').length > 0")


def test_shows_the_events_when_they_are_opened(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    events = page.locator("#alarm-Unauthorized details.events")

    assert events.locator("li").count() == 0
    events.locator("summary").first.click()
    events.locator(".list > li").last.wait_for()  # a browser tells the page of the click in its own time
    assert events.locator(".list > li").count() == 46
    events.locator(".list summary").first.click()
    events.locator("pre").first.wait_for()
    assert '"code": 401' in events.locator("pre").first.inner_text()


def test_finds_among_the_events(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    events = page.locator("#alarm-Unauthorized details.events")
    events.locator("summary").first.click()
    events.locator(".list > li").last.wait_for()

    events.locator("input").fill("/api/v1/SECRETS")
    events.locator("[role=status]", has_text=" of 46").wait_for()

    assert 0 < events.locator(".list > li:visible").count() < 46
    assert events.locator("[role=status]").inner_text().endswith(" of 46")


def test_a_phone_scrolls_in_one_direction_only(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, viewport=PHONE)
    open_all(page)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.evaluate("scrollTo(1000, 0)")
    assert page.evaluate("scrollX") == 0


def test_the_dark_is_dark(report: Path, visit: Callable[..., Any]) -> None:
    colours = [
        visit(report, color_scheme=scheme).evaluate(
            "['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name])"
        )
        for scheme in ("light", "dark")
    ]

    (light_ink, light_page), (dark_ink, dark_page) = [
        [sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) for colour in pair] for pair in colours
    ]
    assert light_ink < light_page
    assert dark_page < dark_ink


def test_the_keyboard_reaches_all(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.parentElement.className") == "events":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector(".list > li")
    page.keyboard.press("Tab")  # the search
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".list pre")


def test_a_link_opens_what_an_alarm_is_folded_in(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.locator("summary", has_text="1 quiet alarm").click()

    page.get_by_role("link", name="quiet", exact=True).click()

    page.wait_for_function("document.querySelector('#alarm-Quiet').closest('details').open")
    assert page.locator("#alarm-Quiet .plot").is_visible()


def test_print_is_dark_on_white(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, color_scheme="dark")
    page.emulate_media(media="print")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_hostile_text_stays_text(tmp_path: Path, visit: Callable[..., Any]) -> None:
    page = visit(hostile_page(tmp_path), viewport=PHONE)
    open_all(page)

    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert "</script><img src=x onerror=alert(1)>" in page.locator(".list pre").first.inner_text()
    assert "\u202e" not in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_says_where_events_are_left_out(tmp_path: Path, visit: Callable[..., Any]) -> None:
    template = write_template(tmp_path, F=metric_filter(GET), A=alarm())
    log = write_log(tmp_path, *[event("06:00:00", verb="get", place=place) for place in range(250)])
    page = visit(write_page(tmp_path, template, log))
    open_all(page)

    [gap] = page.locator(".list .gap").all()
    assert gap.inner_text().startswith("50 events between these are counted")
    assert page.locator(".list > li").count() == 201


def test_numbers_stay_as_they_are_and_cut_events_are_laid_out(tmp_path: Path, visit: Callable[..., Any]) -> None:
    line = event("06:00:00", verb="get", big=12345678901234567890, one=1.0, body="x" * 20_000)
    page = visit(write_page(tmp_path, write_template(tmp_path, F=metric_filter(GET)), write_log(tmp_path, line)))
    open_all(page)

    text = page.locator(".list pre").inner_text()
    assert '\n  "big": 12345678901234567890,\n  "one": 1.0,\n' in text
    assert "Its first 16,384 of " in page.locator(".list").inner_text()
