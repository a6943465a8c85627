"""Which format a path has."""

from pathlib import Path

import pytest
from PIL import Image

from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import assert_same_cameras, small_capture

CONFIG = DataConfig()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("blender", "blender"),
        ("transforms", "transforms"),
        ("llff", "llff"),
        ("colmap-text", "colmap"),
        ("colmap-binary", "colmap"),
        ("tiny", "tiny"),
    ],
)
def test_each_format_is_known_by_its_files(written: str, read: str, tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", written)
    assert read_capture(tmp_path / "out", CONFIG).format == read


@pytest.mark.parametrize(
    ("format", "file"),
    [
        ("blender", "transforms_train.json"),
        ("transforms", "transforms.json"),
        ("llff", "poses_bounds.npy"),
        ("tiny", "tiny_data.npz"),
    ],
)
def test_naming_the_file_is_as_good_as_naming_its_folder(format: str, file: str, tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", format)
    from_file = read_capture(tmp_path / "out" / file, CONFIG)
    assert from_file.format == format
    assert_same_cameras(from_file, read_capture(tmp_path / "out", CONFIG))


def test_of_several_formats_the_one_with_most_about_cameras_is_read(tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", "llff")
    write_capture(small_capture(), tmp_path / "colmap", "colmap-binary")
    (tmp_path / "colmap" / "sparse").rename(tmp_path / "out" / "sparse")
    assert read_capture(tmp_path / "out", CONFIG).format == "colmap"
    assert read_capture(tmp_path / "out" / "poses_bounds.npy", CONFIG).format == "llff"


@pytest.mark.parametrize("folder", [".", "images", "input"])
def test_photos_alone_get_a_sentence_of_their_own(folder: str, tmp_path: Path):
    (tmp_path / folder).mkdir(exist_ok=True)
    Image.new("RGB", (8, 8)).save(tmp_path / folder / "photo.jpg")
    with pytest.raises(InputError, match="1 photos without camera poses; estimate the poses first"):
        read_capture(tmp_path, CONFIG)


def test_what_was_looked_for_and_what_is_there_are_told(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected transforms\.json.*found an empty folder"):
        read_capture(tmp_path, CONFIG)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"found notes\.txt"):
        read_capture(tmp_path, CONFIG)
    with pytest.raises(InputError, match="not a capture"):
        read_capture(tmp_path / "notes.txt", CONFIG)


def test_a_path_to_nothing_is_told(tmp_path: Path):
    with pytest.raises(InputError, match="gone: no such file or folder"):
        read_capture(tmp_path / "gone", CONFIG)


def test_poses_of_photos_in_a_set_for_structure_from_motion_are_missing(shared_data):
    with pytest.raises(InputError, match="49 photos without camera poses"):
        read_capture(shared_data("photos_plush"), CONFIG)
