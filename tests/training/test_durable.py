import os
from pathlib import Path

import pytest

from rayloom.training import durable


def test_content_is_on_disk_before_the_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("open", "write", "fsync", "close"):
        true = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, true=true: (calls.append(name), true(*a))[1])
    durable.write(tmp_path / "a", b"content")
    assert calls == ["open", "write", "fsync", "close"]
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_system_that_takes_less_than_it_is_given_gets_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: true(descriptor, data[:3]))
    durable.write(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_nothing_that_exists_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        durable.write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_new_name_is_flushed_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(durable, "flush", flushed.append)
    (tmp_path / "a").mkdir()
    durable.rename(tmp_path / "a", tmp_path / "b")
    assert flushed == [tmp_path]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_folder_loses_its_name_before_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    durable.remove_folder(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    durable.remove_folder(tmp_path / "a")
