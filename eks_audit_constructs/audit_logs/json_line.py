"""Parse the JSON in a line, with numbers of any size."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from eks_audit_constructs.conditions.evaluation import MISSING

__all__ = ["integer", "parsed"]

_LONG = re.compile(rb"\d{19}")
_DIGITS = 4000
"""Python does not convert longer numbers: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits"""


def parsed(line: bytes) -> Any:
    """Return the JSON object in a line; `MISSING` for any other line."""
    try:
        # orjson makes a double of an integer over 64 bits, and its digits are lost
        value = _with_huge_numbers(line) if _LONG.search(line) else orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _with_huge_numbers(line)
    return value if isinstance(value, dict) else MISSING


def integer(text: str) -> int | float:
    """Convert an integer; one with thousands of digits becomes a float."""
    return int(text) if len(text) < _DIGITS else float(text)


def _with_huge_numbers(line: bytes) -> Any:
    """Parse what orjson rejects or rounds: numbers beyond the range of a double, or of 64 bits."""
    try:
        value = json.loads(line.decode(), parse_constant=_refuse, parse_int=integer)
        json.dumps(value, ensure_ascii=False).encode()  # raises for a lone surrogate
    except (ValueError, RecursionError):
        return MISSING
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not valid JSON")
