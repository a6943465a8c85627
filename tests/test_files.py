"""A result file is whole or absent."""

import os
from pathlib import Path

import pytest

from rayloom.errors import InputError
from rayloom.files import whole_file


def test_the_file_appears_when_the_block_ends_and_folders_are_made(tmp_path: Path):
    path = tmp_path / "new" / "result.txt"
    with whole_file(path) as part:
        part.write_text("done")
        assert not path.exists()
    assert path.read_text() == "done"
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def write_half() -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with (
        pytest.raises(InputError, match=r"file/result\.txt: the file cannot be written"),
        whole_file(blocked / "result.txt") as part,
    ):
        part.write_text("never")


def test_what_a_killed_process_left_is_removed_and_what_others_write_is_not(tmp_path: Path):
    path = tmp_path / "a [1].txt"
    gone, ours, other = (tmp_path / f".a [1].part{n}.txt" for n in (2**22 + 1, os.getppid(), "s"))
    for part in (gone, ours, other):
        part.write_text("half")
    with whole_file(path) as part:
        part.write_text("done")
    assert {found.name for found in tmp_path.iterdir()} == {path.name, ours.name, other.name}
