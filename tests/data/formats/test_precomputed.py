"""NR-NeRF's precomputed.json."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.saving import save_picture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import small_capture

CONFIG = DataConfig()
# A camera upright in an OpenGL world, at (7, 8, 9); the last column is height, width and focal length.
UPRIGHT = [[1, 0, 0, 7, 16], [0, 1, 0, 8, 24], [0, 0, 1, 9, 30]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, frame in enumerate(small_capture(num_images=5).frames):
        save_picture(frame.image, tmp_path / "images" / f"image{index:06}.png")
    fields = {
        "poses": [UPRIGHT] * 5,
        "bds": [[0.5, 2 + i] for i in range(5)],
        "i_test": 2,
        "render_poses": [],
    }
    (tmp_path / "precomputed.json").write_text(json.dumps(fields))
    return tmp_path


def change(folder: Path, alter: Callable[[dict[str, list[object]]], object]) -> None:
    file = folder / "precomputed.json"
    fields = json.loads(file.read_text())
    alter(fields)
    file.write_text(json.dumps(fields))


@pytest.mark.parametrize("named", ["", "precomputed.json"])
def test_frames_have_camera_bounds_and_a_time_that_runs_from_0_to_1(folder: Path, named: str):
    capture = read_capture(folder / named, CONFIG)
    assert (capture.format, capture.warnings) == ("precomputed", ())
    assert [frame.time for frame in capture.frames] == [0, 0.25, 0.5, 0.75, 1]
    assert [frame.far for frame in capture.frames] == [2, 3, 4, 5, 6]
    assert {frame.near for frame in capture.frames} == {0.5}
    frame = capture.frames[1]
    assert frame.name == "images/image000001.png"
    camera = frame.intrinsics
    assert (camera.width, camera.height, camera.fx, camera.fy) == (24, 16, 30, 30)
    # The image's down is -y, and it looks along -z.
    np.testing.assert_array_equal(frame.raw_from_camera, [[1, 0, 0, 7], [0, -1, 0, 8], [0, 0, -1, 9]])


def test_a_single_frame_has_time_0(folder: Path):
    for index in range(1, 5):
        (folder / f"images/image{index:06}.png").unlink()
    change(folder, lambda fields: fields.update(poses=fields["poses"][:1], bds=fields["bds"][:1]))
    assert read_capture(folder, CONFIG).frames[0].time == 0


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (lambda fields: fields["bds"].pop(), "5 poses and 4 bds for 5 images in images; expected as many"),
        (lambda fields: fields["poses"][3].pop(), "poses: expected N x 3 x 5 numbers, found ragged rows"),
        (lambda fields: fields.update(bds=[[1.0]] * 5), "bds: expected N x 2 numbers, found 5 x 1"),
        (lambda fields: fields.update(poses=[]), "poses: expected N x 3 x 5 numbers, found 0"),
        (lambda fields: fields["poses"][1][0].__setitem__(4, 16.5), r"poses\[1\]: .*image size; found 16.5"),
        (lambda fields: fields["poses"][2][0].__setitem__(3, float("nan")), r"poses\[2\]: expected finite"),
        (lambda fields: fields.pop("bds"), "missing required field bds"),
        (lambda fields: fields.update(bds="far"), "bds: expected array, found str"),
    ],
)
def test_a_broken_file_is_refused_with_the_field(
    folder: Path, alter: Callable[[dict[str, list[object]]], object], told: str
):
    change(folder, alter)
    with pytest.raises(InputError, match=rf"precomputed\.json.*{told}"):
        read_capture(folder, CONFIG)
