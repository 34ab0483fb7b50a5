"""Format text and times for the page, with deceptive characters spelled out.

Nothing here escapes HTML: the template does that, everywhere.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["clock", "cut", "embedded", "paragraphs", "visible"]

_SHOWN = 240
"""Maximum characters of a name outside its event."""
_DECEIVING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters, invisible characters, and those that change the direction of text."""
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def visible(text: str) -> str:
    """Return the text with invisible and deceptive characters spelled out."""
    return _DECEIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cut(text: str, length: int = _SHOWN) -> str:
    """Return the text as `visible` does, truncated to a length in characters."""
    return visible(text) if len(text) <= length else f"{visible(text[:length])}… ({len(text):,} characters)"


def embedded(data: Any) -> str:
    """Return JSON for a script element: without `<`, nothing in it can end the element or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def paragraphs(description: str) -> list[list[tuple[str, bool]]]:
    """Split an alarm's description into paragraphs of pieces, each with whether it is bold; other Markdown stays."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", description) if block.strip()]
    return [
        [(visible(piece), number % 2 == 1) for number, piece in enumerate(_BOLD.split(block)) if piece]
        for block in blocks
    ]


def clock(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """Format seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
