"""JSON values, one after the other, in a text that may exceed memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from eks_audit_constructs.audit_logs.json_line import integer
from eks_audit_constructs.audit_logs.shapes.entry import Readable

__all__ = ["WHOLE", "BrokenError", "JsonText"]

WHOLE = 4 * 1024 * 1024
"""Characters up to which a value is parsed at once. Log events are shorter: CloudWatch accepts 1 MiB."""
_CHUNK = 1024 * 1024
_AHEAD = 256
"""Characters that suffice to tell what comes next."""
_DECODER = json.JSONDecoder(parse_int=integer)
_SPACE = " \t\r\n\ufeff"
"""Files with byte order marks may have been put together."""


class BrokenError(Exception):
    """There is no JSON value at this position."""


class JsonText:
    """A text that is read in chunks; JSON values are consumed from its front."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text, self._at, self._ended = "", 0, False

    def next(self) -> str:
        """Peek at the next character that is not whitespace; empty at the end."""
        while True:
            while (character := self._text[self._at : self._at + 1]) and character in _SPACE:
                self._at += 1
            if character or not self._more():
                return character

    def take(self, wanted: str) -> None:
        if self.next() != wanted:
            raise BrokenError
        self._at += 1

    def looks_like(self, form: re.Pattern[str]) -> bool:
        while len(self._text) - self._at < _AHEAD and self._more():
            pass
        return form.match(self._text, self._at) is not None

    def value(self) -> tuple[Any, str]:
        """Consume the next JSON value; return it and its text."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise BrokenError from error
            except ValueError as error:
                if len(self._text) - self._at < WHOLE and self._more():
                    continue
                raise BrokenError from error
            if end == len(self._text) and self._more():
                continue  # a number may continue
            text, self._at = self._text[self._at : end], end
            return value, text

    def elements(self) -> Iterator[tuple[Any, str]]:
        """Consume a list; yield each element and its text."""
        self.take("[")
        if self.next() != "]":
            yield self.value()
            while self.next() != "]":
                self.take(",")
                yield self.value()
        self.take("]")

    def until(self, form: re.Pattern[str]) -> str:
        """Consume the text before the next match; without a match, all text read so far."""
        end = form.search(self._text, self._at + 1)
        text = self._text[self._at : end.start() if end else len(self._text)]
        self._at += len(text)
        return text

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = self._source.read(_CHUNK)
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + self._decode(piece, self._ended), 0
        return True
