"""Texts for the page: hostile ones made harmless to the eye, and times as people read them.

Nothing here escapes HTML: the template does that, everywhere.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["clock", "cut", "embedded", "paragraphs", "visible"]

_SHOWN = 240
"""Characters of a name that a page shows outside its event."""
_DECEIVING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters, invisible ones, and those that turn the direction of what follows."""
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def visible(text: str) -> str:
    """The text with each character that cannot be seen, or that disguises others, spelled out."""
    return _DECEIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cut(text: str, length: int = _SHOWN) -> str:
    """The text, visible, and its beginning only if it is long."""
    return visible(text) if len(text) <= length else f"{visible(text[:length])}… ({len(text):,} characters)"


def embedded(data: Any) -> str:
    """JSON for a script element: no `<`, so nothing in it can end the element or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def paragraphs(description: str) -> list[list[tuple[str, bool]]]:
    """An alarm's description: paragraphs of pieces, each with whether it is bold. Other Markdown stays as it is."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", description) if block.strip()]
    return [
        [(visible(piece), number % 2 == 1) for number, piece in enumerate(_BOLD.split(block)) if piece]
        for block in blocks
    ]


def clock(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
