"""How long something lasts, in words."""

from __future__ import annotations

__all__ = ["duration"]


def duration(seconds: float) -> str:
    """`45 s`, `1 min 30 s`, `14 min`, `2 h 5 min`, `3 d 4 h`: two units are enough."""
    if seconds < 60:
        return f"{seconds:g} s"
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number:g} {unit}")
    return " ".join(parts[:2])
