"""NeRF-synthetic folders."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import small_capture

CONFIG = DataConfig()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_capture(small_capture(), tmp_path / "out", "blender")
    return tmp_path / "out"


def test_the_angle_spans_the_image_from_edge_to_edge(folder: Path):
    path = folder / "transforms_train.json"
    content = json.loads(path.read_text())
    content["camera_angle_x"] = math.radians(90)
    path.write_text(json.dumps(content))
    camera = read_capture(folder, CONFIG).frames[0].intrinsics
    assert camera.fx == pytest.approx(12)
    assert (0 - camera.cx) / camera.fx == pytest.approx(-1)
    assert camera.fy == camera.fx


def test_cameras_look_along_minus_z_of_the_file(folder: Path):
    path = folder / "transforms_train.json"
    content = json.loads(path.read_text())
    content["frames"][0]["transform_matrix"] = np.diag([1.0, 1.0, 1.0, 1.0]).tolist()
    path.write_text(json.dumps(content))
    pose = read_capture(folder, CONFIG).frames[0].raw_from_camera
    np.testing.assert_array_equal(pose[:, 2], [0, 0, -1])
    np.testing.assert_array_equal(pose[:, 1], [0, -1, 0])


def test_one_file_of_the_three_is_enough(folder: Path):
    (folder / "transforms_train.json").rename(folder / "transforms_test.json")
    assert {frame.split for frame in read_capture(folder, CONFIG).frames} == {"test"}


def test_depth_and_normals_beside_an_image_are_no_stray_photos(folder: Path):
    for name in ("image_0000_depth_0001.png", "image_0000_normal_0001.png"):
        (folder / "train" / name).write_bytes(b"")
    assert read_capture(folder, CONFIG).warnings == ()


def test_a_missing_image_is_told_of_and_left_out(folder: Path):
    (folder / "train" / "image_0002.png").unlink()
    capture = read_capture(folder, CONFIG)
    assert len(capture.frames) == 3
    assert capture.warnings == ("transforms_train.json: images without a file: 1 of 4 (./train/image_0002).",)


def test_without_any_image_the_error_says_what_was_listed(folder: Path):
    for image in (folder / "train").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=r"no images to use.*images without a file: 4 of 4"):
        read_capture(folder, CONFIG)


def test_an_angle_of_degrees_is_refused(folder: Path):
    path = folder / "transforms_train.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"camera_angle_x": 45.0}))
    with pytest.raises(InputError, match="camera_angle_x: expected radians"):
        read_capture(folder, CONFIG)


def test_the_chair_has_100_13_and_25_views_around_an_object(shared_data):
    capture = read_capture(shared_data("blender_chair_400"), CONFIG)
    assert Counter(frame.split for frame in capture.frames) == {"train": 100, "val": 13, "test": 25}
    assert capture.kind_hint == "object"
    assert capture.background == (1.0, 1.0, 1.0)
    assert capture.warnings == ()
    assert capture.frames[0].name == "train/r_0.png"
    assert capture.frames[0].intrinsics.fx == pytest.approx(400 / 2 / math.tan(0.6911112070083618 / 2))
    for frame in capture.frames:
        position, forward = frame.raw_from_camera[:, 3], frame.raw_from_camera[:, 2]
        np.testing.assert_allclose(forward, -position / np.linalg.norm(position), atol=1e-3)
