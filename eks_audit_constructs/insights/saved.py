"""Which query is meant: one that a template saves, by what people call it, or any other by its text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from eks_audit_constructs.errors import QueryError
from eks_audit_constructs.templates.template import SavedQuery, Template, read_template

__all__ = ["choose", "find"]


def find(template: Template, name: str) -> SavedQuery:
    """The saved query of a template that is called so.

    Args:
        template: The template.
        name: Its name, the part of it after the last `/`, its logical id, or the id it has in our catalogue, such as
            `forbidden-who`. Capital letters do not matter.

    Raises:
        QueryError: There is none, or there are several; the message lists near names.
    """
    wanted = name.strip().casefold()
    # a logical id ends with the construct's id in camel case, and a hash of its path
    slug = re.compile(rf".+{re.escape(name.strip().replace('-', ''))}[0-9A-F]{{8}}", re.IGNORECASE)
    ways = (
        lambda query: query.name == name or query.logical_id == name,
        lambda query: wanted in (query.name.casefold(), query.logical_id.casefold(), _title(query).casefold()),
        lambda query: bool(wanted) and slug.fullmatch(query.logical_id) is not None,
    )
    found: list[SavedQuery] = []
    for matches in ways:
        if found := [query for query in template.queries if matches(query)]:
            break
    if len(found) == 1:
        return found[0]
    titles = [_title(query) for query in template.queries]
    near = [query.name for query in found] or difflib.get_close_matches(name, titles, n=5, cutoff=0.4) or titles[:5]
    raise QueryError(
        template.name,
        value=name,
        limit=f"{len(found) or 'none'} of its {len(template.queries)} saved queries is called so",
        way_out=f"Name one of them in full: {'; '.join(near)}" if near else "Name a template that has saved queries.",
    )


def choose(arguments: Sequence[str], text: str | None) -> tuple[str, str, list[str]]:
    """What an error calls the query, its text, and the logs.

    Args:
        arguments: As on the command line: a template, logs, and the name of a saved query; with a text, only logs.
        text: A query in place of a saved one.

    Raises:
        QueryError: The template or the name is missing, the template cannot be read, or there is no such
            query in it.
    """
    if text is not None:
        return "--text", text, list(arguments)
    if len(arguments) < 2:
        raise QueryError(
            "query",
            value=" ".join(arguments),
            limit="a template and the name of one of its saved queries are wanted",
            way_out="Give both, with logs between them; or --text with a query, and logs",
        )
    template, *logs, name = arguments
    saved = find(read_template(Path(template)), name)
    return saved.name, saved.query, logs


def _title(query: SavedQuery) -> str:
    return query.name.rpartition("/")[2]
