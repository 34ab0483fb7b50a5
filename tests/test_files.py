"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eks_audit_constructs.files import written


def write(path: Path, content: bytes, *, fail: bool = False, mode: int = 0o666) -> None:
    with written(path, mode=mode) as file:
        file.write(content)
        if fail:
            raise KeyboardInterrupt


def test_the_file_is_there_once_the_block_ends(tmp_path: Path) -> None:
    with written(tmp_path / "report") as file:
        file.write(b"whole")
        file.flush()
        assert not (tmp_path / "report").exists()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("report", b"whole")]


def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "report", b"old")
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "report", b"new", fail=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("report", b"old")]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    write(tmp_path / "there" / "report", b"old")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "report")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "report").read_bytes() == b"new"


def test_a_device_stays_one(tmp_path: Path) -> None:
    write(Path(os.devnull), b"gone")
    assert Path(os.devnull).is_char_device()


def test_permissions(tmp_path: Path) -> None:
    write(tmp_path / "mine", b"", mode=0o600)
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o600
    write(tmp_path / "mine", b"")
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o600, "a file that is replaced keeps its own"
    (tmp_path / "plain").write_bytes(b"")
    write(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("place", ["missing/report", "folder"])
def test_where_nothing_can_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=place.split("/")[0]):
        write(tmp_path / place, b"")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]
