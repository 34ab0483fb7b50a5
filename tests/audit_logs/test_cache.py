"""Fetched logs are kept whole or not at all, and only for their owner."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_audit_constructs.audit_logs import cache
from eks_audit_constructs.errors import LogError


def test_it_is_in_the_cache_folder_and_its_owner_s_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    path = cache.folder("s3", "../bucket")

    assert path.is_dir()
    assert path.parent == tmp_path / "eks-audit" / "s3"
    assert path.stat().st_mode & 0o077 == 0


def test_without_xdg_it_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cache.folder() == tmp_path / ".cache" / "eks-audit"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with cache.written(tmp_path / "log") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_what_is_written_replaces_what_was_there(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        with cache.written(tmp_path / "log") as file:
            file.write(content)

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("log", b"new")]
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0


def test_no_room_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eks-audit").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(LogError, match="Set XDG_CACHE_HOME"):
        cache.folder("s3")


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_names_stay_apart_and_are_names(one: list[str], other: list[str]) -> None:
    name = cache.unique(*one)

    assert (name == cache.unique(*other)) is (one == other)
    assert Path(name).name == name
    assert len(name) <= 120


def test_folders_of_different_names_are_different(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = ["a/b", "a_b", "_a_b", "..", ".a_b", "", "a" * 300, "a" * 301]

    folders = {cache.folder("cloudwatch", name) for name in names}

    assert len(folders) == len(names)
    assert {path.parent for path in folders} == {tmp_path / "eks-audit" / "cloudwatch"}
