"""Weights are found in a fixed order of folders, and only the right ones are taken."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from rayloom import pretrained
from rayloom.errors import InputError


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folder of RAYLOOM_WEIGHTS and the cache, both empty, and a known file with the content `right`."""
    chosen, cache = tmp_path / "chosen", tmp_path / "cache" / "rayloom" / "weights"
    for folder in (chosen, cache):
        folder.mkdir(parents=True)
    monkeypatch.setenv("RAYLOOM_WEIGHTS", str(chosen))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(pretrained.SHA256, "invented", hashlib.sha256(b"right").hexdigest())
    return chosen, cache


def test_the_chosen_folder_comes_before_the_cache(folders: tuple[Path, Path]):
    chosen, cache = folders
    (cache / "invented.safetensors").write_bytes(b"right")
    assert pretrained.find_weights("invented") == cache / "invented.safetensors"
    (chosen / "invented.safetensors").write_bytes(b"right")
    assert pretrained.find_weights("invented") == chosen / "invented.safetensors"


@pytest.mark.usefixtures("folders")
def test_absent_weights_are_none():
    assert pretrained.find_weights("invented") is None


def test_the_note_names_the_file_and_every_folder(folders: tuple[Path, Path]):
    note = pretrained.missing_weights_note("invented")
    assert "invented.safetensors" in note
    for folder in folders:
        assert str(folder) in note


def test_a_wrong_checksum_is_refused_by_the_name_of_the_file(folders: tuple[Path, Path]):
    path = folders[0] / "invented.safetensors"
    path.write_bytes(b"wrong")
    with pytest.raises(InputError, match="SHA-256") as error:
        pretrained.find_weights("invented")
    assert str(path) in str(error.value)


def test_a_mended_file_is_accepted_after_a_wrong_one(folders: tuple[Path, Path]):
    path = folders[0] / "invented.safetensors"
    path.write_bytes(b"wrong")
    with pytest.raises(InputError):
        pretrained.find_weights("invented")
    path.unlink()
    path.write_bytes(b"right")
    assert pretrained.find_weights("invented") == path


def test_the_cache_lies_in_the_home_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("RAYLOOM_WEIGHTS", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / ".cache" / "rayloom" / "weights") in pretrained.missing_weights_note("lpips_alex")


def test_looking_for_weights_does_not_import_torch():
    code = "import sys, rayloom.pretrained; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
