"""LLFF folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import small_capture

CONFIG = DataConfig()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_capture(small_capture(), tmp_path / "out", "llff")
    return tmp_path / "out"


def test_columns_are_down_right_back(folder: Path):
    rows = np.load(folder / "poses_bounds.npy")
    size = [16, 24, 30]
    down, right, back, position = [0, -1, 0], [1, 0, 0], [0, 0, 1], [7, 8, 9]
    rows[:, :15] = np.stack([down, right, back, position, size], axis=1).ravel()
    np.save(folder / "poses_bounds.npy", rows)
    pose = read_capture(folder, CONFIG).frames[0].raw_from_camera
    # A camera upright in an OpenGL world: its image's down is -y, it looks along -z.
    np.testing.assert_array_equal(pose, [[1, 0, 0, 7], [0, -1, 0, 8], [0, 0, -1, 9]])


def test_rows_follow_the_lexicographic_order_of_names(folder: Path):
    images = folder / "images"
    for index, name in enumerate(("shot_1.png", "shot_10.png", "shot_2.png", "shot_3.png")):
        (images / f"image_{index:04}.png").rename(images / name)
    before = small_capture().frames
    for frame, expected in zip(read_capture(folder, CONFIG).frames, before, strict=True):
        np.testing.assert_allclose(frame.raw_from_camera, expected.raw_from_camera, atol=1e-12)
    assert read_capture(folder, CONFIG).frames[1].name == "images/shot_10.png"


def test_numbers_of_poses_and_images_that_differ_are_both_told(folder: Path):
    (folder / "images" / "image_0003.png").unlink()
    with pytest.raises(InputError, match="4 poses for 3 images in images"):
        read_capture(folder, CONFIG)


def test_a_list_of_used_images_settles_which_ones_have_poses(folder: Path):
    (folder / "images" / "image_0000.png").rename(folder / "images" / "unused.png")
    rows = np.load(folder / "poses_bounds.npy")
    np.save(folder / "poses_bounds.npy", rows[1:])
    (folder / "view_imgs.txt").write_text("image_0001.png\nimage_0002.png\nimage_0003.png\n")
    capture = read_capture(folder, CONFIG)
    assert len(capture.frames) == 3
    assert capture.warnings == ("Images in the folder without a pose, not used: 1 (images/unused.png).",)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_cameras_are_scaled_to_the_folder_of_smaller_images(folder: Path, factor: int):
    (folder / "images").rename(folder / f"images_{factor}")
    for path in (folder / f"images_{factor}").iterdir():
        with Image.open(path) as picture:
            picture.resize((24 // factor, 16 // factor)).save(path)
    capture = read_capture(folder, CONFIG)
    camera = capture.frames[0].intrinsics
    assert (camera.width, camera.fx, camera.cx) == (24 / factor, 30 / factor, 12 / factor)
    assert capture.warnings == ()


def test_rows_of_another_length_are_refused(folder: Path):
    np.save(folder / "poses_bounds.npy", np.zeros((4, 15)))
    with pytest.raises(InputError, match=r"poses_bounds\.npy: expected N x 17 numbers, found 4 x 15"):
        read_capture(folder, CONFIG)


def test_a_row_with_nan_is_named(folder: Path):
    rows = np.load(folder / "poses_bounds.npy")
    rows[2, 3] = np.nan
    np.save(folder / "poses_bounds.npy", rows)
    with pytest.raises(InputError, match=r"poses_bounds\.npy: row 2"):
        read_capture(folder, CONFIG)


def test_without_images_the_folders_looked_in_are_told(folder: Path):
    (folder / "images").rename(folder / "elsewhere")
    with pytest.raises(InputError, match="images, images_2, images_4, images_8"):
        read_capture(folder, CONFIG)


def test_fern_looks_forward_through_an_eighth_of_the_photos(shared_data):
    capture = read_capture(shared_data("llff_fern"), CONFIG)
    assert len(capture.frames) == 20
    camera = capture.frames[0].intrinsics
    assert (camera.width, camera.height) == (504, 378)
    assert camera.fx == pytest.approx(3260.52633288 / 8)
    assert capture.frames[0].near == pytest.approx(17.74708748)
    forward = np.array([frame.raw_from_camera[:, 2] for frame in capture.frames])
    assert (forward @ forward.mean(axis=0) > 0.9).all()


def test_the_cafe_table_lies_in_the_middle_of_the_views(shared_data):
    capture = read_capture(shared_data("cafe_table_360"), CONFIG)
    assert len(capture.frames) == 64
    poses = np.array([frame.raw_from_camera for frame in capture.frames])
    forward, position = poses[:, :, 2], poses[:, :, 3]
    # The point closest to all optical axes is in front of every camera.
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    centre = np.linalg.solve(across.sum(0), (across @ position[..., None]).sum(0))[:, 0]
    assert (((centre - position) * forward).sum(1) > 0).all()


def test_the_statues_masks_keep_the_statue(shared_data):
    capture = read_capture(shared_data("statue_of_liberty_wild"), CONFIG)
    assert len(capture.frames) == 135
    masks = [frame.ignore_mask for frame in capture.frames if frame.ignore_mask is not None]
    assert len(masks) == 135
    with Image.open(masks[0]) as picture:
        mask = np.asarray(picture.convert("L"))
    assert mask[:20, :20].max() == 0, "sky is ignored"
    assert mask[300, 200] == 255, "the statue is used"
