"""transforms.json in both dialects."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel
from rayloom.data.capture import Capture
from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.ply import read_points
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import points_of

CONFIG = DataConfig()
IDENTITY = np.eye(4).tolist()
Reader = Callable[..., Capture]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads a file with the given fields, and frames a.png, b.png ... with theirs; images are 24 x 16."""

    def write_and_read(frames: list[dict] | None = None, **fields) -> Capture:
        entries: list[dict] = []
        for name, own in zip("abcd", frames or [{}, {}], strict=False):
            Image.new("RGB", (24, 16)).save(tmp_path / f"{name}.png")
            entries.append({"file_path": f"{name}.png", "transform_matrix": IDENTITY} | own)
        content = {"fl_x": 30.0, "frames": entries} | fields
        kept = {key: value for key, value in content.items() if value is not None}
        (tmp_path / "transforms.json").write_text(json.dumps(kept))
        return read_capture(tmp_path, CONFIG)

    return write_and_read


def test_what_is_missing_comes_from_the_image_and_the_other_axis(read: Reader):
    camera = read().frames[0].intrinsics
    assert (camera.width, camera.height, camera.cx, camera.cy) == (24, 16, 12, 8)
    assert (camera.fx, camera.fy, camera.model) == (30, 30, CameraModel.PINHOLE)


def test_angles_of_view_stand_in_for_focal_lengths(read: Reader):
    angles = {"camera_angle_x": math.radians(90), "camera_angle_y": 2 * math.atan(0.5)}
    camera = read(fl_x=None, **angles).frames[0].intrinsics
    assert camera.fx == pytest.approx(12)
    assert camera.fy == pytest.approx(16)
    assert read(**angles).frames[0].intrinsics.fx == 30


def test_frames_override_any_mixture_of_fields(read: Reader):
    capture = read(
        [
            {"fl_x": 40.0, "k1": 0.5},
            {"camera_angle_x": math.radians(90), "camera_model": "OPENCV_FISHEYE", "k4": 0.1},
            {"camera_model": "SIMPLE_PINHOLE", "k1": 0, "cx": 3},
            {},
        ],
        k1=0.2,
        fl_y=31.0,
        w=24.0,
        h=16,
    )
    first, second, third, fourth = (frame.intrinsics for frame in capture.frames)
    assert (first.fx, first.fy, first.k1, first.model) == (40, 31, 0.5, CameraModel.OPENCV)
    assert (second.model, second.k1, second.k4) == (CameraModel.OPENCV_FISHEYE, 0.2, 0.1)
    assert second.fx == pytest.approx(12)
    assert (third.model, third.k1, third.cx) == (CameraModel.PINHOLE, 0, 3)
    assert (fourth.fx, fourth.k1, fourth.model) == (30, 0.2, CameraModel.OPENCV)


def test_is_fisheye_and_camera_model_say_the_same(read: Reader):
    ours = read(is_fisheye=True, k1=0.1, k4=0.2).frames[0].intrinsics
    assert ours == read(camera_model="OPENCV_FISHEYE", k1=0.1, k4=0.2).frames[0].intrinsics
    assert ours.model == CameraModel.OPENCV_FISHEYE


def test_an_equirectangular_camera_needs_no_focal_length(read: Reader):
    camera = read(camera_model="EQUIRECTANGULAR", fl_x=None).frames[0].intrinsics
    assert camera.model == CameraModel.EQUIRECTANGULAR


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"camera_model": "FISHEYE624"}, r"frames\[0\]\.camera_model: expected one of .*'FISHEYE624'"),
        ({"camera_model": "PINHOLE", "k1": 0.1}, r"frames\[0\]\.k1: expected 0 for the model PINHOLE"),
        ({"k4": 0.1}, r"frames\[0\]\.k4: expected 0 for the model OPENCV"),
        ({"fl_x": None}, "no focal length; expected fl_x or camera_angle_x"),
        ({"w": 24.5}, r"\.w: expected a whole number of pixels, found 24\.5"),
        ({"up": [0, 0, 0]}, "up: expected three numbers"),
        ({"integer_depth_scale": -1}, "expected a positive integer_depth_scale"),
        ({"ply_file_path": "none.ply"}, "ply_file_path: no such file"),
        ({"train_filenames": "a.png"}, r"train_filenames: expected array \| null, found str"),
        ({"fl_x": "30"}, r"fl_x: expected float \| null, found str"),
    ],
)
def test_fields_that_make_no_sense_are_named(read: Reader, fields: dict, message: str):
    with pytest.raises(InputError, match=message):
        read(**fields)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"transform_matrix": IDENTITY[:3]}, r"\[1\]\.transform_matrix: expected 4 x 4 numbers, found 3 x 4"),
        ({"transform_matrix": [[1], [2, 3]]}, "found 2 x ragged"),
        ({"transform_matrix": [*IDENTITY[:3], [0, 0, 1, 1]]}, "expected 0, 0, 0, 1 as the last row"),
        (
            {"transform_matrix": [["a"]]},
            r"frames\[1\]\.transform_matrix\[0\]\[0\]: expected float, found str",
        ),
        ({"file_path": 7}, r"frames\[1\]\.file_path: expected str, found int"),
        ({"mask_path": "no.png"}, r"frames\[1\]\.mask_path: no such file: no\.png"),
        ({"depth_file_path": "no.png"}, r"frames\[1\]\.depth_file_path: no such file"),
    ],
)
def test_frames_that_make_no_sense_are_named(read: Reader, own: dict, message: str):
    with pytest.raises(InputError, match=message):
        read([{}, own])


def test_masks_and_depth_come_from_their_fields(read: Reader, tmp_path: Path):
    Image.new("L", (24, 16), 255).save(tmp_path / "mask.png")
    Image.fromarray(np.full((16, 24), 500, np.uint16)).save(tmp_path / "depth.png")
    nerfstudio = read([{"mask_path": "mask.png", "depth_file_path": "depth.png"}, {}]).frames[0]
    assert nerfstudio.ignore_mask == tmp_path / "mask.png"
    assert nerfstudio.depth_unit == 1e-3
    ngp = read([{"depth_path": "depth"}, {}], integer_depth_scale=0.5).frames[0]
    assert (ngp.depth, ngp.depth_unit) == (tmp_path / "depth.png", 0.5)


def test_masks_of_instant_ngp_are_not_taken_for_photos_and_told_of(read: Reader, tmp_path: Path):
    Image.new("L", (24, 16)).save(tmp_path / "dynamic_mask_a.png")
    (warning,) = read().warnings
    assert warning == "Images whose dynamic_mask_*.png (white = ignore) is not used: 1 (a.png)."


def test_a_mask_of_another_shape_is_refused(read: Reader, tmp_path: Path):
    Image.new("L", (16, 24)).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match=r"mask\.png: 16 x 24 pixels for an image of 24 x 16"):
        read([{"mask_path": "mask.png"}, {}])


def test_splits_come_from_lists_of_names(read: Reader):
    lists = {"train_filenames": ["a.png", "./b.png"], "test_filenames": ["c"]}
    capture = read([{}] * 4, **lists)
    assert [(frame.name, frame.split) for frame in capture.frames] == [
        ("a.png", "train"),
        ("b.png", "train"),
        ("c.png", "test"),
    ]
    assert "Images in none of the file's splits, not used: 1 (d.png)." in capture.warnings
    only_test = read([{}] * 4, test_filenames=["c.png"])
    assert [frame.split for frame in only_test.frames] == ["train", "train", "test", "train"]


def test_times_beyond_0_and_1_are_brought_into_range(read: Reader):
    capture = read([{"time": 10}, {"time": 20}, {"time": 15}])
    assert [frame.time for frame in capture.frames] == [0, 1, 0.5]
    assert capture.warnings == ("Times from 10 to 20 are brought to [0, 1].",)


def test_applied_transform_does_not_move_the_file_s_frame(read: Reader, tmp_path: Path):
    ply = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
    (tmp_path / "points.ply").write_text(ply + "end_header\n1 2 3\n4 5 6\n")
    matrix = [[1, 0, 0, 5], [0, 1, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]]
    capture = read(
        [{"transform_matrix": matrix}, {}],
        applied_transform=[[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0]],
        applied_scale=2.0,
        ply_file_path="points.ply",
    )
    np.testing.assert_allclose(capture.frames[0].raw_from_camera[:, 3], [5, 6, 7])
    np.testing.assert_allclose(points_of(capture), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("order", ["little", "big"])
def test_binary_points_are_read_past_other_properties_and_faces(order: str, tmp_path: Path):
    kind = {"little": "<", "big": ">"}[order]
    layout = np.dtype([("x", f"{kind}f4"), ("red", "u1"), ("y", f"{kind}f4"), ("z", f"{kind}f8")])
    table = np.array([(1, 255, 2, 3), (4, 0, 5, 6)], layout)
    header = (
        f"ply\r\nformat binary_{order}_endian 1.0\r\ncomment made by hand\r\nelement vertex 2\r\n"
        "property float x\r\nproperty uchar red\r\nproperty float32 y\r\nproperty double z\r\n"
        "element face 1\r\nproperty list uchar int vertex_indices\r\nend_header\r\n"
    )
    (tmp_path / "points.ply").write_bytes(header.encode() + table.tobytes() + bytes(13))
    np.testing.assert_allclose(read_points(tmp_path / "points.ply"), [[1, 2, 3], [4, 5, 6]])


def test_aabb_scale_above_1_means_an_unbounded_scene(read: Reader):
    assert read(aabb_scale=4).kind_hint == "unbounded"
    assert read(aabb_scale=1).kind_hint is None


def test_the_up_axis_is_made_unit_length(read: Reader):
    up = read(up=[0, 3, 4]).up
    assert up is not None
    np.testing.assert_allclose(up, [0, 0.6, 0.8])


def test_the_fox_has_50_of_67_images_and_one_warning(shared_data):
    capture = read_capture(shared_data("fox"), CONFIG)
    assert len(capture.frames) == 50
    (warning,) = capture.warnings
    assert warning.startswith("transforms.json: images without a file: 17 of 67 (images/0005.jpg, ")
    camera = capture.frames[0].intrinsics
    assert camera.model == CameraModel.OPENCV
    assert (camera.width, camera.height, camera.k2) == (540, 960, -0.0805099)
    assert [frame.name for frame in capture.frames] == sorted(frame.name for frame in capture.frames)
    assert capture.kind_hint == "unbounded"
