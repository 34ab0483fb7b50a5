"""Text for terminals. Logs and templates hold text of strangers, so control characters never reach one unescaped."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderHook, RenderResult

__all__ = ["console", "escaped"]

_UNLIMITED = 100_000
"""Columns of output that is not a terminal: grep needs whole lines."""
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped(text: str) -> str:
    r"""Return the text with control characters, and those that turn its direction, written as `\x1b` and `\u202e`."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def console(*, stderr: bool = False) -> Console:
    """Return a console for text that is not trusted. Unless COLUMNS is set, only a terminal wraps lines."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    if stream is None or stream.isatty():
        made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    else:
        width = None if "COLUMNS" in os.environ else _UNLIMITED
        made = Console(file=cast(TextIO, _Trimmed(stream)), highlight=False, markup=False, emoji=False, width=width)
    made.push_render_hook(cast("RenderHook", _Escaping()))
    return made


class _Escaping:
    """Escapes whatever a console prints. Rich's own control sequences are marked as such."""

    def process_renderables(self, renderables: Iterable[RenderableType]) -> list[RenderableType]:
        return [_Escaped(renderable) for renderable in renderables]


class _Escaped:
    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._renderable, options):
            yield segment if segment.control else segment._replace(text=escaped(segment.text))


class _Trimmed:
    """A file without the trailing blanks with which Rich fills tables; Rich writes whole lines."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(re.sub(r" +$", "", text, flags=re.MULTILINE))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
