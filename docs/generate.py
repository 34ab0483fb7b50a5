"""Generate the reference of the catalogue: docs/detections, with a page per theme, and docs/coverage.md.

    python -m docs.generate

A test fails if a page is out of date.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, SavedQuery
from eks_audit_constructs.catalog.samples import samples
from eks_audit_constructs.cli import explain

DOCS = Path(__file__).parent
MADE = "<!-- Made by `make docs` from the catalogue. -->"
COVERAGE = DOCS / "coverage.toml"


def pages() -> dict[Path, str]:
    """The path and text of each page."""
    themes = [theme for theme in catalog.THEMES if _detections(theme) or theme.QUERIES]
    made = {_page(theme): _theme(theme) for theme in themes}
    made["detections/README.md"] = _index(themes)
    made["coverage.md"] = _coverage(tomllib.loads(COVERAGE.read_text(encoding="utf-8")))
    return {DOCS / path: text for path, text in made.items()}


def _page(theme: ModuleType) -> str:
    return f"detections/{_name(theme)}.md"


def _name(theme: ModuleType) -> str:
    return theme.__name__.rpartition(".")[2].replace("_", "-")


def _detections(theme: ModuleType) -> list[Detection]:
    return sorted((*theme.DEFAULT, *theme.EXTENDED, *theme.QUERIED), key=lambda detection: detection.id)


def _text(*parts: str) -> str:
    return "\n\n".join((MADE, *parts)) + "\n"


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str, language: str = "text") -> str:
    return f"```{language}\n{text}\n```"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _bullets(items: list[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


# The index


def _index(themes: list[ModuleType]) -> str:
    parts = [
        "# Detections and saved queries",
        f"{len(catalog.ALL)} detections and {len(catalog.QUERIES)} saved queries. Detections in tier *on* are in the "
        "default stack, those in tier *extended* are worth an alarm in some clusters, and those in tier *query* are "
        "routine in most: saved queries, unless you choose an alarm "
        "([choosing detections](../guides/choosing-detections.md)). The queries below each table answer further "
        "questions. [Coverage](../coverage.md) lists what nobody can see on EKS.",
    ]
    for theme in themes:
        name = _name(theme)
        parts.append(f"## [{_heading(theme)}]({name}.md)")
        parts.append((theme.__doc__ or "").strip())
        if found := _detections(theme):
            rows = (
                (
                    f"[`{one.id}`]({name}.md#{one.id})",
                    _tier(one),
                    one.severity.value,
                    _document(one)["alarm_at"],
                    one.title,
                )
                for one in found
            )
            parts.append(_table(("Detection", "Tier", "Severity", "Alarm at", "What happened"), rows))
        if theme.QUERIES:
            parts.append(
                _bullets([f"[{query.title}]({name}.md#{query.id}): {query.answers}" for query in theme.QUERIES])
            )
    return _text(*parts)


def _heading(theme: ModuleType) -> str:
    return {"rbac": "RBAC"}.get(_name(theme), _name(theme).replace("-", " ").capitalize())


def _tier(detection: Detection) -> str:
    return {"default": "on"}.get(tier := explain.tier(detection), tier)


# A theme

_TIERS = {"default": "on by default", "extended": "by choice", "query": "a saved query, or an alarm by choice"}


def _theme(theme: ModuleType) -> str:
    parts = [f"# {_heading(theme)}", (theme.__doc__ or "").strip(), "[All detections and queries](README.md)"]
    parts += [_detection(detection) for detection in _detections(theme)]
    parts += [_query(query) for query in sorted(theme.QUERIES, key=lambda query: query.id)]
    return _text(*parts)


def _document(detection: Detection) -> dict[str, Any]:
    return explain.document(detection)


def _detection(detection: Detection) -> str:
    about = _document(detection)
    links = ", ".join(
        f"[{id}](https://attack.mitre.org/techniques/{id.replace('.', '/')}/)" for id in about["techniques"]
    )
    facts = [
        f"**{about['severity'].capitalize()} severity**, {_TIERS[about['tier']]}",
        f"alarm at {about['alarm_at']}",
        *([f"MITRE ATT&CK {links}"] if links else []),
    ]
    parts = [
        f"## {detection.id}",
        f"**{detection.title}.** {detection.what} {detection.why}",
        "; ".join(facts) + ".",
        f"**Do this.** {detection.next_steps}",
        f"**Threshold.** {detection.grounds}",
    ]
    for title, items in (
        ("Harmless when", about["false_positives"]),
        ("Not seen", about["blind_spots"]),
        ("Not counted", about["guards"]),
    ):
        if items:
            parts.append(f"**{title}**\n\n{_bullets(items)}")
    if detection.pattern is not None:
        parts.append(f"**Filter pattern**\n\n{_code(detection.pattern)}")
    query = detection.saved_query
    parts.append(f"**Saved query** *{query.title}*\n\n{_code(query.text)}")
    if about["sql"]["athena"]:
        parts.append(_folded("SQL for Athena", _code(about["sql"]["athena"], "sql")))
    for matches, title in ((True, "Counts"), (False, "Does not count")):
        if lines := [
            _sample(sample.says, sample.source, sample.change)
            for sample in samples(detection.id)
            if sample.matches is matches
        ]:
            parts.append(f"**{title}**\n\n{_bullets(lines)}")
    return "\n\n".join(parts)


def _sample(says: str, source: str, change: dict[str, Any]) -> str:
    changed = f": `{json.dumps(change, ensure_ascii=False)}`" if change else ""
    return f"{says} ({source}{changed})"


def _query(query: SavedQuery) -> str:
    return f"## {query.id}\n\nSaved query *{query.title}*: {query.answers}\n\n{_code(query.text)}"


# Coverage


def _coverage(lists: dict[str, Any]) -> str:
    parts = [
        "# Coverage",
        "What the catalogue covers of three published lists. *Yes*: the audit log shows the act, and a detection or "
        "saved query covers it. *Partly*: only some forms of it are seen, or the act without what makes it suspicious. "
        "*No*: it leaves no trace in an EKS audit log, so nobody can see it there; the note says why.",
    ]
    for key, source in lists["sources"].items():
        entries = lists[key]
        counts = {seen: sum(entry["seen"] == seen for entry in entries) for seen in ("yes", "partly", "no")}
        parts += [
            f"## {source['title']}",
            f"<{source['url']}>, {source['version']}. "
            f"{len(entries)} entries: {counts['yes']} yes, {counts['partly']} partly, {counts['no']} no.",
            _table(("What", "Seen", "By", "Note"), (_covered(entry) for entry in entries)),
        ]
    return _text(*parts)


def _covered(entry: dict[str, Any]) -> tuple[str, ...]:
    name = f"{entry['name']} ({entry['id']})" if "name" in entry else entry["id"]
    return name, entry["seen"], "<br>".join(_link(id) for id in entry["by"]), entry["note"]


def _link(id: str) -> str:
    for theme in catalog.THEMES:
        if id in {one.id for one in (*_detections(theme), *theme.QUERIES)}:
            return f"[`{id}`]({_page(theme)}#{id})"
    raise LookupError(f"docs/coverage.toml names {id}, which is neither a detection nor a saved query")


def write() -> None:
    """Write all pages, and delete those of themes that no longer exist."""
    made = pages()
    for page in set((DOCS / "detections").glob("*.md")) - made.keys():
        page.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
