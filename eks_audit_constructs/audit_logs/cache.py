"""The cache of fetched logs.

Audit logs reveal a lot about a cluster, so only the owner can access the folder. It can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from eks_audit_constructs import files
from eks_audit_constructs.errors import LogError

__all__ = ["folder", "unique", "written"]

_UNSAFE = re.compile(r"[^\w.=@+-]+", re.ASCII)
_LONGEST = 100


def folder(*names: str) -> Path:
    """Return a folder below the user's cache folder, creating it if needed.

    Raises:
        LogError: The folder cannot be created.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    path = (Path(base) if base else Path.home() / ".cache") / "eks-audit"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            path /= name if name and name == _plain(name) else unique(name)
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _refusal(path, error) from error
    return path


def unique(*parts: str) -> str:
    """Return a file name that is unique for these parts and ends like the last one."""
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return f"{key[:16]}-{_plain(parts[-1])}"


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that only the owner can read; see `files.written`.

    Raises:
        LogError: The file cannot be written.
    """
    try:
        with files.written(path, mode=0o600) as file:
            yield file
    except OSError as error:
        raise _refusal(path, error) from error


def _plain(name: str) -> str:
    return _UNSAFE.sub("_", name)[-_LONGEST:].lstrip(".")


def _refusal(path: Path, error: OSError) -> LogError:
    return LogError(
        str(path),
        value=path.name,
        limit=f"fetched logs cannot be stored here: {error.strerror or error}",
        way_out="Set XDG_CACHE_HOME to a writable folder with free space.",
    )
