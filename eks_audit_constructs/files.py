"""Files that users name: looked at without an error, and written completely or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["exists", "is_folder", "written"]


def is_folder(path: Path) -> bool:
    """Return whether this is a folder; False where the system refuses to say, since opening it tells why."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for a name that is too long


def exists(path: Path) -> bool:
    """Return whether there is such a file or folder; False where the system refuses to say."""
    return os.path.exists(path)  # noqa: PTH110 - as above


@contextmanager
def written(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a file for writing that appears complete when the block ends; if the block fails, nothing changes.

    Devices and pipes are written to directly. A symbolic link stays, and the file that it points to is replaced.

    Args:
        path: The file.
        mode: The permissions of a new file, less the umask; an existing file keeps its own.

    Raises:
        OSError: The file cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    target = Path(os.path.realpath(path))  # Path.resolve raises no OSError for a link to itself
    # In the same folder, so that the move is atomic; the dot hides the file from a replay.
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            if target.exists():
                shutil.copymode(target, part)
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
