"""Where fetched logs are kept, so that they are fetched once.

Audit logs tell much about a cluster: the folder is its owner's only. It may be deleted at any time.
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
    """A folder below the user's cache folder, made if need be.

    Raises:
        LogError: It cannot be made.
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
    """A file's name for what these parts name together: other parts, another name. It ends like the last part."""
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return f"{key[:16]}-{_plain(parts[-1])}"


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to keep, its owner's only; see `files.written`.

    Raises:
        LogError: It cannot be written.
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
        limit=f"fetched logs cannot be kept here: {error.strerror or error}",
        way_out="Set XDG_CACHE_HOME to a folder with room that you may write to.",
    )
