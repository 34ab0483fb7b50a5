"""The matched events as data for the page's script.

An event that several filters match is included once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eks_audit_constructs.replay.html.text import cut
from eks_audit_constructs.replay.matches import Match, Matches

__all__ = ["embed"]

_MESSAGES = 24_000_000
"""Approximate maximum characters of all events on a page."""
_SHORTEST = 1_024
"""Characters that each event may always have, however many there are."""


def embed(matched: Mapping[str, Matches]) -> dict[str, Any]:
    """Return the events, and for each filter the indexes of its events and the position and size of a gap.

    Args:
        matched: What each metric filter matched, by its id on the page.
    """
    places: dict[Match, int] = {}
    filters = {}
    for name, found in matched.items():
        if found.events:
            omitted = found.total - len(found.events)
            filters[name] = {
                "events": [places.setdefault(event, len(places)) for event in found.events],
                "gap": (len(found.events) + 1) // 2 if omitted else None,
                "left": omitted,
            }
    whole = sum(len(event.message) for event in places)
    longest = max(_SHORTEST, _MESSAGES // len(places)) if whole > _MESSAGES else None
    return {"events": [_event(event, longest) for event in places], "filters": filters}


def _event(event: Match, longest: int | None) -> dict[str, Any]:
    """Format one event. Invisible characters are spelled out here, except in the message, where the script does it."""
    target = "/".join(part for part in (event.namespace, event.name) if part)
    what = f"{event.resource} {target}".strip() if event.resource else event.uri or ""
    return {
        "at": f"{event.at:%Y-%m-%d %H:%M:%S}" if event.at else "no time",
        "who": cut(event.principal) if event.principal else "not authenticated",
        "from": cut(event.address or ""),
        "what": cut(f"{event.verb or ''} {what}".strip()) or "a line of text",
        "code": cut(event.code or "", 8),
        "message": event.message[:longest],
        "length": event.length,
    }
