"""Saved queries of the catalogue or of a template, found by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eks_audit_constructs import catalog
from eks_audit_constructs.errors import QueryError
from eks_audit_constructs.files import exists
from eks_audit_constructs.insights.placeholders import filled
from eks_audit_constructs.templates.deployment import in_words, needs_of
from eks_audit_constructs.templates.from_catalog import from_catalog
from eks_audit_constructs.templates.items import SavedQuery, Template
from eks_audit_constructs.templates.template import read_template

__all__ = ["Offer", "choose", "find", "offers", "saved"]

_FEW = 5
"""Maximum number of names that an error lists."""
_CATALOGUED = {query.title: query for query in catalog.QUERIES}


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A saved query, as `eks-audit queries` lists it."""

    id: str
    """Its id in the catalogue, otherwise its logical id."""
    title: str
    answers: str | None
    """The question it answers; None if it is not in the catalogue."""
    name: str
    query: str


def saved(template: Path | None, parameters: Mapping[str, str] | None = None) -> Template:
    """Return a template: the file, or without a path one made from all queries of the catalogue.

    Args:
        template: The file.
        parameters: Values of what only a deployment knows.

    Raises:
        TemplateError: The template cannot be read.
    """
    return from_catalog([], catalog.QUERIES) if template is None else read_template(template, parameters)


def offers(template: Template) -> list[Offer]:
    """Return the saved queries of a template, sorted by id."""
    found = (_offer(query) for query in template.queries)
    return sorted(found, key=lambda offer: (offer.id, offer.name))


def find(template: Template, name: str) -> SavedQuery:
    """Return the saved query with this name.

    Args:
        template: The template.
        name: Its name, the part of it after the last `/`, its logical id, its id in the catalogue, such as
            `forbidden-who`, or else a part of its name that no other has. Case does not matter.

    Raises:
        QueryError: No saved query has this name, or several have; the message lists similar names.
    """
    wanted = name.strip().casefold()
    # a logical id ends with the construct's id in camel case and a hash of its path
    slug = re.compile(rf".+{re.escape(name.strip().replace('-', ''))}[0-9A-F]{{8}}", re.IGNORECASE)
    ways = (
        lambda query: query.name == name or query.logical_id == name,
        lambda query: wanted in (query.name.casefold(), query.logical_id.casefold(), _title(query).casefold()),
        lambda query: wanted == _offer(query).id,
        lambda query: bool(wanted) and slug.fullmatch(query.logical_id) is not None,
        lambda query: bool(wanted) and wanted in query.name.casefold(),
    )
    found: list[SavedQuery] = []
    for matches in ways:
        if found := [query for query in template.queries if matches(query)]:
            break
    if len({(query.name, query.query) for query in found}) == 1:  # stacks may have the same query
        return found[0]
    count, have = (len(found), "have") if found else ("none", "has")
    raise QueryError(
        template.name,
        value=name,
        limit=f"{count} of its {len(template.queries)} saved queries {have} this name",
        way_out=_near(template, name, found),
    )


def choose(
    name: str | None, *, text: str | None, template: Path | None, parameters: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return the name of a query, for errors, and its text.

    Args:
        name: The name of a saved query.
        text: A query to run instead of a saved one.
        template: The template with the saved query. Default: the catalogue.
        parameters: Values of what only a deployment knows.

    Raises:
        QueryError: There is no such query, none is named, it needs a value that is not given, it is in another
            language, or both a text and a template are given.
        TemplateError: The template cannot be read.
    """
    if text is not None and template is not None:
        raise QueryError(
            "--text, --template",
            value=str(template),
            limit="a query given as text needs no template",
            way_out="Give one or the other",
        )
    if text is not None:
        return "--text", text
    if name is None:
        raise QueryError(
            "query",
            value="",
            limit="no query is named",
            way_out="Name one that `eks-audit queries` lists, then the logs; or give --text",
        )
    found = find(saved(template, parameters), name)
    if needs := needs_of([found.query, found.language, *found.defaults.values()]):
        raise QueryError(
            found.name, value=found.query, limit=in_words(needs), way_out="Give it with --parameter KEY=VALUE"
        )
    if found.language != "CWLI":
        raise QueryError(
            found.name,
            value=found.language,
            limit="this query is not in the Logs Insights language, the only one that runs offline",
            way_out="Write it in that language, and give it as --text.",
        )
    return found.name, filled(found.query, found.defaults, where=found.name)


def _offer(query: SavedQuery) -> Offer:
    title, known = _title(query), _CATALOGUED.get(_title(query))
    return Offer(
        id=query.logical_id if known is None else known.id,
        title=title,
        answers=None if known is None else known.answers,
        name=query.name,
        query=query.query,
    )


def _title(query: SavedQuery) -> str:
    return query.name.rpartition("/")[2]


def _near(template: Template, name: str, found: list[SavedQuery]) -> str:
    """Suggest similar names, or another remedy."""
    if "|" in name or "\n" in name:
        return "Give the text of a query as --text."
    if name and exists(Path(name)):
        return "This is a file: name the query first, then the logs."
    if not template.queries:
        return "Name a template that has saved queries."
    called = [called for offer in offers(template) for called in (offer.id, offer.title)]
    near = [query.name for query in found] or difflib.get_close_matches(name, called, n=_FEW, cutoff=0.5)
    if not near and len(template.queries) <= _FEW:
        near = [query.name for query in template.queries]
    return f"Name one of them in full: {'; '.join(near)}" if near else "List the saved queries: eks-audit queries"
