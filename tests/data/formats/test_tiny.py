"""One-file captures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayloom.data.formats.detect import read_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import pixels_of

CONFIG = DataConfig()


def arrays(**changes) -> dict[str, Any]:
    poses = np.tile(np.eye(4), (3, 1, 1))
    images = np.linspace(0, 1, 3 * 4 * 5 * 3, dtype=np.float32).reshape(3, 4, 5, 3)
    return {"images": images, "poses": poses, "focal": np.float64(7.0)} | changes


def saved(folder: Path, **changes) -> Path:
    np.savez(folder / "capture.npz", **arrays(**changes))
    return folder / "capture.npz"


def test_float_and_8_bit_images_are_the_same(tmp_path: Path):
    eight_bit = np.arange(180, dtype=np.uint8).reshape(3, 4, 5, 3)
    from_bytes = read_capture(saved(tmp_path, images=eight_bit), CONFIG)
    from_floats = read_capture(saved(tmp_path, images=eight_bit / 255), CONFIG)
    for ours, theirs in zip(from_bytes.frames, from_floats.frames, strict=True):
        np.testing.assert_array_equal(pixels_of(ours), pixels_of(theirs))


def test_poses_may_have_three_rows(tmp_path: Path):
    capture = read_capture(saved(tmp_path, poses=arrays()["poses"][:, :3]), CONFIG)
    np.testing.assert_array_equal(capture.frames[0].raw_from_camera[:, 2], [0, 0, -1])


def test_a_folder_with_one_such_file_is_read_and_names_count_on(tmp_path: Path):
    saved(tmp_path)
    np.savez(tmp_path / "other.npz", data=np.zeros(3))
    capture = read_capture(tmp_path, CONFIG)
    assert [frame.name for frame in capture.frames] == ["image_0000", "image_0001", "image_0002"]
    assert capture.background == (0.0, 0.0, 0.0)


def test_two_such_files_in_a_folder_must_be_chosen_from(tmp_path: Path):
    saved(tmp_path).rename(tmp_path / "a.npz")
    saved(tmp_path)
    with pytest.raises(InputError, match=r"expected one \.npz.*a\.npz, capture\.npz"):
        read_capture(tmp_path, CONFIG)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((3, 4, 5))}, "images: expected n x h x w x 3 numbers, found 3 x 4 x 5"),
        ({"images": np.full((3, 4, 5, 3), 255.0)}, r"images: expected float colours in \[0, 1\]"),
        ({"images": np.full((3, 4, 5, 3), np.nan)}, r"images: expected float colours in \[0, 1\]"),
        ({"images": np.zeros((3, 4, 5, 3), np.int64)}, "images: expected 8-bit or float colours"),
        ({"images": np.zeros((0, 4, 5, 3)), "poses": np.zeros((0, 4, 4))}, "no images to use"),
        ({"poses": np.zeros((2, 4, 4))}, "poses: 2 poses for 3 images"),
        ({"poses": np.zeros((3, 2, 4))}, "poses: expected n x 4 x 4 numbers, found 3 x 2 x 4"),
        ({"focal": np.zeros(2)}, "focal: expected one number"),
        ({"focal": np.float64(-1)}, "expected positive focal lengths"),
        ({"images": np.array([{}], object)}, "images: not a readable array"),
    ],
)
def test_wrong_arrays_are_told_by_name(changes: dict[str, np.ndarray], message: str, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        read_capture(saved(tmp_path, **changes), CONFIG)


def test_other_arrays_are_told_of(tmp_path: Path):
    np.savez(tmp_path / "other.npz", data=np.zeros(3))
    with pytest.raises(InputError, match="expected the arrays images, poses, focal; found data"):
        read_capture(tmp_path / "other.npz", CONFIG)


def test_the_tiny_chair_has_106_images(shared_data):
    capture = read_capture(shared_data("tiny_chair_100"), CONFIG)
    assert len(capture.frames) == 106
    assert capture.kind_hint == "object"
    assert pixels_of(capture.frames[0]).shape == (100, 100, 3)
    assert capture.frames[105].name == "image_0105"
