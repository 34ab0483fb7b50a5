"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["written"]


@contextmanager
def written(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write, which is at its place once the block ends; if the block fails, what was there before still is.

    A device or a pipe is written to as it is, and of a symbolic link the file that it leads to is replaced.

    Args:
        path: The file's place.
        mode: The permissions of a new file, less the umask; one that is replaced keeps its own.

    Raises:
        OSError: It cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    place = path.resolve()
    # Beside its place, for only there it can be moved in one step; the dot hides it from a replay.
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            if place.exists():
                shutil.copymode(place, part)
            yield file
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
