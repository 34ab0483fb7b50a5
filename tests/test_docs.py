"""The reference in docs/ is what the catalogue says today, and every link in the documents leads somewhere."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docs.generate import COVERAGE, DOCS, pages
from eks_audit_constructs import catalog
from eks_audit_constructs.cdk.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = pages()
IDS = {one.id for one in (*catalog.ALL, *catalog.QUERIES)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_reference_is_up_to_date(path: Path) -> None:
    assert path.exists(), "make docs"
    assert path.read_text(encoding="utf-8") == PAGES[path], "make docs"


def test_no_page_is_left_of_a_theme_that_is_gone() -> None:
    assert set((DOCS / "detections").glob("*.md")) <= PAGES.keys()


def test_every_detection_and_query_has_its_place() -> None:
    headings = {id for text in PAGES.values() for id in re.findall(r"^## ([a-z0-9-]+)$", text, re.MULTILINE)}
    theirs = {detection.query.id for detection in catalog.ALL if detection.query is not None}
    assert headings | theirs >= IDS


@pytest.mark.parametrize("source", ["guardduty", "stratus", "threat_matrix"])
def test_the_coverage_names_what_there_is(source: str) -> None:
    entries = tomllib.loads(COVERAGE.read_text(encoding="utf-8"))[source]
    assert len(entries) == len({entry["id"] for entry in entries})
    for entry in entries:
        assert set(entry["by"]) <= IDS, entry["id"]
        assert (entry["seen"] == "no") is (entry["by"] == []), entry["id"]
        assert entry["note"] or entry["seen"] == "yes", entry["id"]


DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]+`", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", prose):
        path, _, anchor = target.partition("#")
        page = (document.parent / path).resolve() if path else document
        assert page.exists(), target
        if anchor and page.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


GUIDES_WITH_APPS = ["choosing-detections", "noisy-alarm", "own-detections"]


@pytest.mark.parametrize("guide", GUIDES_WITH_APPS)
def test_the_python_of_the_guides_runs(guide: str) -> None:
    from aws_cdk import App, Stack

    text = (DOCS / "guides" / f"{guide}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```python\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        names["self"] = Stack(App())
        exec(textwrap.dedent(block), names)


def test_the_context_of_the_guide_is_understood() -> None:
    text = (DOCS / "guides" / "choosing-detections.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    settings = Settings.from_context(json.loads(block)["context"])
    assert "pod-exec" in settings.detections
    assert "role-changed" not in settings.detections
    assert settings.queries == catalog.QUERIES


def test_the_rights_to_deploy_are_listed_for_every_type(default_template: dict[str, Any]) -> None:
    rows = (DOCS / "guides" / "deploying.md").read_text(encoding="utf-8").splitlines()
    listed = {type for row in rows if row.startswith("| `") for type in re.findall(r"`(\w+::[\w:]+)`", row)}

    assert listed == {resource["Type"] for resource in default_template["Resources"].values()}


def test_the_readme_gives_the_size_of_the_template(default_template: dict[str, Any]) -> None:
    size = len(json.dumps(default_template, indent=1, ensure_ascii=False).encode())

    assert f"At {round(size / 1000)} KB it exceeds" in (DOCS.parent / "README.md").read_text(encoding="utf-8")
