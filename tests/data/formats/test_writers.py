"""What is written and read again is the same capture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.data.capture import Capture
from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import WRITERS, write_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import (
    ALL_CAMERAS,
    OPENCV,
    PINHOLE,
    SIMPLE,
    assert_same_cameras,
    pixels_of,
    points_of,
    small_capture,
)

FORMATS = sorted(WRITERS)


def written_and_read(capture: Capture, folder: Path, format: str) -> Capture:
    write_capture(capture, folder, format)
    return read_capture(folder, DataConfig())


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=5)
@given(seed=st.integers(0, 2**31), num_images=st.integers(2, 5))
def test_every_format_gives_back_the_rays_and_pixels(
    format: str, seed: int, num_images: int, tmp_path_factory: pytest.TempPathFactory
):
    capture = small_capture(SIMPLE, num_images=num_images, seed=seed)
    again = written_and_read(capture, tmp_path_factory.mktemp("out"), format)
    assert_same_cameras(again, capture)
    for ours, theirs in zip(again.frames, capture.frames, strict=True):
        np.testing.assert_array_equal(pixels_of(ours), theirs.image)
    assert again.warnings == ()


@pytest.mark.parametrize("format", ["transforms", "colmap-text", "colmap-binary"])
def test_formats_with_full_cameras_hold_a_mixture_of_all_models(format: str, tmp_path: Path):
    capture = small_capture(*ALL_CAMERAS, num_images=6)
    again = written_and_read(capture, tmp_path / "out", format)
    assert_same_cameras(again, capture)
    np.testing.assert_allclose(points_of(again), points_of(capture))


@pytest.mark.parametrize("format", ["blender", "tiny", "llff"])
@pytest.mark.parametrize("camera", [PINHOLE, OPENCV])
def test_formats_with_one_focal_length_refuse_other_cameras(format: str, camera, tmp_path: Path):
    with pytest.raises(InputError, match="cannot hold the camera"):
        write_capture(small_capture(camera), tmp_path / "out", format)


@pytest.mark.parametrize("format", ["blender", "transforms", "colmap-text", "llff"])
def test_alpha_survives_formats_that_keep_files(format: str, tmp_path: Path):
    capture = small_capture(channels=4)
    again = written_and_read(capture, tmp_path / "out", format)
    np.testing.assert_array_equal(pixels_of(again.frames[1]), capture.frames[1].image)


def test_tiny_composites_alpha_over_black(tmp_path: Path):
    capture = small_capture(channels=4)
    again = written_and_read(capture, tmp_path / "out", "tiny")
    rgba = pixels_of(capture.frames[0]).astype(np.float64)
    np.testing.assert_allclose(pixels_of(again.frames[0]), rgba[..., :3] * rgba[..., 3:] / 255, atol=0.51)


@pytest.mark.parametrize("format", ["blender", "transforms"])
def test_splits_and_times_survive_formats_that_have_them(format: str, tmp_path: Path):
    capture = small_capture(num_images=3)
    splits = ("train", "val", "test")
    frames = [
        replace(frame, split=split, time=index / 2)
        for index, (frame, split) in enumerate(zip(capture.frames, splits, strict=True))
    ]
    again = written_and_read(replace(capture, frames=tuple(frames)), tmp_path / "out", format)
    assert [(frame.split, frame.time) for frame in again.frames] == [("train", 0), ("val", 0.5), ("test", 1)]


@pytest.mark.parametrize("format", ["transforms", "colmap-text", "llff"])
def test_masks_survive_formats_that_have_them(format: str, tmp_path: Path):
    from PIL import Image  # noqa: PLC0415

    mask = tmp_path / "mask.png"
    Image.new("L", (24, 16), 255).save(mask)
    capture = small_capture()
    frames = (replace(capture.frames[0], ignore_mask=mask), *capture.frames[1:])
    again = written_and_read(replace(capture, frames=frames), tmp_path / "out", format)
    assert [frame.ignore_mask is not None for frame in again.frames] == [True, False, False, False]


def test_transforms_keeps_depth_its_unit_and_the_up_axis(tmp_path: Path):
    from PIL import Image  # noqa: PLC0415

    depth = tmp_path / "depth.png"
    Image.fromarray(np.full((16, 24), 700, np.uint16)).save(depth)
    capture = small_capture()
    frames = (replace(capture.frames[0], depth=depth, depth_unit=0.25), *capture.frames[1:])
    up = np.array([0.0, 0.6, 0.8])
    capture = replace(capture, frames=frames, up=up, kind_hint="unbounded")
    again = written_and_read(capture, tmp_path / "out", "transforms")
    assert again.frames[0].depth is not None
    assert again.frames[0].depth_unit == 0.25
    assert again.kind_hint == "unbounded"
    assert again.up is not None
    np.testing.assert_allclose(again.up, up)


def test_llff_takes_missing_bounds_from_the_points(tmp_path: Path):
    capture = small_capture(num_images=2)
    position = np.zeros(3)
    pose = np.column_stack([np.eye(3), position])
    frames = tuple(replace(frame, raw_from_camera=pose, near=None, far=None) for frame in capture.frames)
    points = np.column_stack([np.zeros((101, 2)), np.linspace(2, 6, 101)])
    again = written_and_read(replace(capture, frames=frames, points=points), tmp_path / "out", "llff")
    assert again.frames[0].near == pytest.approx(2, abs=0.01)
    assert again.frames[0].far == pytest.approx(6, abs=0.01)
    with pytest.raises(InputError, match="near and far"):
        write_capture(replace(capture, frames=frames, points=None), tmp_path / "none", "llff")


def test_names_in_folders_stay_apart(tmp_path: Path):
    capture = small_capture(num_images=2)
    names = ("left/shot.0001", "right/shot.0001")
    frames = tuple(replace(frame, name=name) for frame, name in zip(capture.frames, names, strict=True))
    for format in ("transforms", "llff", "colmap-text", "blender"):
        assert_same_cameras(
            written_and_read(replace(capture, frames=frames), tmp_path / format, format), capture
        )


def test_names_that_lead_to_one_file_are_refused(tmp_path: Path):
    capture = small_capture(num_images=2)
    names = ("images/a.png", "a.png")
    frames = tuple(replace(frame, name=name) for frame, name in zip(capture.frames, names, strict=True))
    with pytest.raises(InputError, match=r"a\.png: two frames"):
        write_capture(replace(capture, frames=frames), tmp_path / "out", "llff")


def test_a_folder_with_files_is_never_written_to(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="nothing is overwritten"):
        write_capture(small_capture(), tmp_path, "transforms")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path):
    with pytest.raises(InputError, match="colmap-binary"):
        write_capture(small_capture(), tmp_path, "bundler")
