"""Captures that cannot be used, or only in part: one clear error or warning each."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import WRITERS, write_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import PINHOLE, SIMPLE, points_of, rewritten, small_capture

CONFIG = DataConfig()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole capture in the format with most fields."""
    write_capture(small_capture(PINHOLE), tmp_path / "out", "transforms")
    return tmp_path / "out"


def changed(folder: Path, frame: int | None = None, **fields) -> Path:
    """Changes fields of the file or of one frame."""
    path = folder / "transforms.json"
    content = json.loads(path.read_text())
    (content if frame is None else content["frames"][frame]).update(fields)
    path.write_text(json.dumps(content))
    return folder


def refused(folder: Path, message: str, config: DataConfig = CONFIG) -> None:
    with pytest.raises(InputError, match=message):
        read_capture(folder, config)


def test_broken_json_is_told_with_its_place(folder: Path):
    rewritten(folder / "transforms.json", '"fl_x":', '"fl_x"')
    refused(folder, r"transforms\.json: broken JSON at line 5, column 10")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"9" * 5000, b"\x80abc"])
def test_files_that_are_no_json_are_told(folder: Path, content: bytes):
    (folder / "transforms.json").write_bytes(content)
    refused(folder, r"transforms\.json: broken JSON")


def test_json_of_another_shape_is_told(folder: Path):
    (folder / "transforms.json").write_text("[1, 2]")
    refused(folder, r"transforms\.json: expected object, found array")
    (folder / "transforms.json").write_text("{}")
    refused(folder, "missing required field frames")


def test_no_images_at_all_are_told(folder: Path):
    refused(changed(folder, frames=[]), "no images to use")


def test_a_frame_listed_twice_is_named(folder: Path):
    refused(
        changed(folder, 1, file_path="images/../images/image_0000.png"), r"image_0000\.png: listed 2 times"
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300])
def test_a_pose_that_is_not_finite_names_its_frame(folder: Path, number: float):
    matrix = np.eye(4)
    matrix[0, 3] = number
    refused(changed(folder, 2, transform_matrix=matrix.tolist()), r"image_0002\.png: the pose has numbers")


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (np.diag([1, 1, 1.01, 1]), "not rigid: its axes are stretched by 1.01, 1, 1"),
        (np.diag([0, 0, 0, 1]), "not rigid: its axes are stretched by 0, 0, 0"),
        (np.diag([1, 1, -1, 1]), "the pose mirrors"),
    ],
)
def test_a_pose_that_is_not_rigid_names_its_frame(folder: Path, axes: np.ndarray, message: str):
    refused(changed(folder, 2, transform_matrix=axes.tolist()), rf"image_0002\.png: .*{message}")


def test_a_scale_in_the_rotation_is_removed_and_told_of(folder: Path):
    capture = read_capture(changed(folder, 1, transform_matrix=np.diag([2.0, 2, 2, 1]).tolist()), CONFIG)
    np.testing.assert_allclose(capture.frames[1].raw_from_camera[:, :3], np.diag([1, -1, -1]), atol=1e-12)
    assert capture.warnings == (
        "Poses with a scale in their rotation, now removed: 1 (images/image_0001.png).",
    )


@pytest.mark.parametrize("fields", [{"fl_x": 0}, {"fl_x": -3.0}, {"fl_y": float("inf")}])
def test_focal_lengths_must_be_positive(folder: Path, fields: dict):
    refused(changed(folder, **fields), r"image_0000\.png: expected positive focal lengths")


def test_other_camera_parameters_must_be_finite(folder: Path):
    refused(changed(folder, cx=float("nan")), "expected finite camera parameters")


@pytest.mark.parametrize("fields", [{"w": 0}, {"h": -5}, {"w": 70_000}, {"w": 1e300}])
def test_absurd_sizes_are_refused(folder: Path, fields: dict):
    refused(changed(folder, **fields), "expected sides from 1 to 65500")


@pytest.mark.parametrize(
    "size",
    [(24, 12), (16, 24), (48, 32), (7, 16)],
)
def test_an_image_that_contradicts_its_camera_is_named(folder: Path, size: tuple[int, int]):
    Image.new("RGB", size).save(folder / "images" / "image_0001.png")
    width, height = size
    refused(folder, rf"image_0001\.png: image of {width} x {height} pixels; expected the camera's 24 x 16")


def test_a_smaller_image_of_the_same_shape_scales_its_camera(folder: Path):
    Image.new("RGB", (8, 5)).save(folder / "images" / "image_0001.png")
    capture = read_capture(folder, CONFIG)
    camera = capture.frames[1].intrinsics
    assert (camera.width, camera.height, camera.fx) == (8, 5, 10)
    assert capture.warnings == ()


def test_a_photo_turned_by_its_exif_tag_fits_an_upright_camera(folder: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (16, 24)).save(folder / "images" / "image_0001.png.jpg", exif=exif)
    capture = read_capture(changed(folder, 1, file_path="images/image_0001.png.jpg"), CONFIG)
    camera = capture.frames[1].intrinsics
    assert (camera.width, camera.height, camera.fx) == (24, 16, 30)


def test_a_reduction_by_no_whole_factor_is_told_of(tmp_path: Path):
    large = replace(SIMPLE, width=240, height=160, cx=120.0, cy=80.0)
    write_capture(small_capture(large), tmp_path / "out", "transforms")
    Image.new("RGB", (160, 107)).save(tmp_path / "out" / "images" / "image_0001.png")
    (warning,) = read_capture(tmp_path / "out", CONFIG).warnings
    assert warning == "Images smaller than their cameras by no whole factor: 1 (images/image_0001.png)."


@pytest.mark.parametrize("keep", [0, 1, 20])
def test_an_image_cut_off_in_its_header_is_named(folder: Path, keep: int):
    path = folder / "images" / "image_0001.png"
    path.write_bytes(path.read_bytes()[:keep])
    refused(folder, r"image_0001\.png: not a readable picture")


def test_a_picture_of_too_many_pixels_is_refused_unread(folder: Path, monkeypatch: pytest.MonkeyPatch):
    # Between once and twice the limit Pillow only warns; beyond twice it raises.
    for limit in (300, 100):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        refused(folder, rf"image_0000\.png: too many pixels; expected at most {limit}")


@pytest.mark.parametrize("path", ["../outside.png", "/etc/hostname", "images/../../outside.png"])
def test_paths_that_leave_the_folder_are_refused(folder: Path, path: str):
    Image.new("RGB", (24, 16)).save(folder.parent / "outside.png")
    for field in ("file_path", "mask_path", "depth_file_path"):
        refused(changed(folder, 1, **{field: path}), rf"{path} leaves the capture folder.*--allow-outside")


def test_links_that_leave_the_folder_are_refused(folder: Path):
    image = folder / "images" / "image_0001.png"
    image.rename(folder.parent / "elsewhere.png")
    image.symlink_to(folder.parent / "elsewhere.png")
    refused(folder, r"image_0001\.png leaves the capture folder")
    assert len(read_capture(folder, DataConfig(allow_outside=True)).frames) == 4


@pytest.mark.parametrize("format", ["llff", "colmap-text"])
def test_links_that_leave_the_folder_are_refused_where_formats_list_no_paths(format: str, tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", format)
    (tmp_path / "out" / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "images").symlink_to(tmp_path / "elsewhere")
    refused(tmp_path / "out", "leaves the capture folder")
    assert len(read_capture(tmp_path / "out", DataConfig(allow_outside=True)).frames) == 4


@pytest.mark.parametrize("path", ["", "a\0b.png", "a\nb.png", "\ud800.png"])
def test_paths_that_no_file_can_have_are_told(folder: Path, path: str):
    refused(changed(folder, 1, file_path=path), r"frames\[1\]\.file_path: expected a path")


def test_text_that_is_no_unicode_is_told(folder: Path):
    refused(changed(folder, 1, fl_x="\ud800"), r"transforms\.json: expected text, found '\\ud800")


@pytest.mark.parametrize("path", [".", "/", "images", "x" * 5000])
def test_paths_to_no_image_count_as_missing(folder: Path, path: str):
    config = DataConfig(allow_outside=True)
    capture = read_capture(changed(folder, 1, file_path=path), config)
    assert len(capture.frames) == 3
    assert "images without a file: 1 of 4" in capture.warnings[0]


def test_poses_without_images_and_images_without_poses_are_told_of(folder: Path):
    (folder / "images" / "image_0002.png").rename(folder / "images" / "other.png")
    capture = read_capture(folder, CONFIG)
    assert len(capture.frames) == 3
    assert capture.warnings == (
        "transforms.json: images without a file: 1 of 4 (images/image_0002.png).",
        "Images in the folder without a pose, not used: 1 (images/other.png).",
    )


def test_a_single_image_is_told_of(tmp_path: Path):
    write_capture(small_capture(num_images=1), tmp_path / "out", "transforms")
    assert read_capture(tmp_path / "out", CONFIG).warnings == (
        "There is only one image, so none can be held out.",
    )


def test_a_time_that_is_not_finite_is_named(folder: Path):
    refused(changed(folder, 1, time=float("nan")), r"image_0001\.png: time: expected a number")


def test_points_that_are_not_finite_are_left_out(tmp_path: Path):
    capture = small_capture()
    points_of(capture)[3] = np.nan
    write_capture(capture, tmp_path / "out", "colmap-binary")
    again = read_capture(tmp_path / "out", CONFIG)
    assert len(points_of(again)) == 6
    assert again.warnings == ("Points that are not finite, not used: 1.",)


def test_reading_needs_no_torch():
    modules = "rayloom.data.formats.detect, rayloom.data.formats.writers"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small valid capture in every format."""
    root = tmp_path_factory.mktemp("valid")
    for format in WRITERS:
        write_capture(small_capture(num_images=2), root / format, format)
    return root


@pytest.mark.parametrize("format", sorted(WRITERS))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_garbage_gives_an_input_error_or_a_capture_and_nothing_else(
    format: str, valid: Path, tmp_path: Path, data: st.DataObject
):
    copy = tmp_path / format
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(valid / format, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(files))
        path.write_bytes(_mutated(path.read_bytes(), data))
    # Of the processor: others may be busy on this machine.
    start = time.process_time()
    message = ""
    try:
        read_capture(copy, CONFIG)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert time.process_time() - start < 1


def _mutated(content: bytes, data: st.DataObject) -> bytes:
    """The bytes with a piece cut, doubled or replaced."""
    start = data.draw(st.integers(0, len(content)))
    stop = min(len(content), start + data.draw(st.integers(0, 12)))
    tokens = st.sampled_from(
        [b"", b"NaN", b"-1e400", b"null", b"[", b'"', b"\n", b"../", b"99999999999", b"\0"]
    )
    middle = data.draw(st.one_of(st.binary(max_size=9), tokens))
    return data.draw(
        st.sampled_from(
            [content[:start] + middle + content[stop:], content[:start], content + content[:start]]
        )
    )
