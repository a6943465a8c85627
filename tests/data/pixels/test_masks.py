from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rayloom.data.pixels.masks import load_depths, load_ignore
from rayloom.errors import InputError
from tests.data.camera_rings import capture_of, ring_poses

SIZE = (16, 12)


def frame_with(tmp_path, **pictures):
    paths = {}
    for field, levels in pictures.items():
        paths[field] = tmp_path / f"{field}.png"
        Image.fromarray(levels).save(paths[field])
    return replace(capture_of(ring_poses(1)).frames[0], **paths)


def test_black_is_ignored(tmp_path):
    levels = np.full((12, 16), 255, np.uint8)
    levels[3, 4] = 0
    (mask,) = load_ignore([frame_with(tmp_path, ignore_mask=levels)], [SIZE])
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[3, 4]]


def test_a_pixel_that_covers_an_ignored_one_is_ignored(tmp_path):
    levels = np.full((48, 64), 255, np.uint8)
    levels[13, 19] = 0
    (mask,) = load_ignore([frame_with(tmp_path, ignore_mask=levels)], [SIZE])
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[3, 4]]


def test_frames_without_pictures_have_none():
    frames = capture_of(ring_poses(2)).frames
    assert load_ignore(frames, [SIZE] * 2) == (None, None)
    assert load_depths(frames, [SIZE] * 2) == (None, None)


@pytest.mark.parametrize("load", [load_ignore, load_depths])
def test_a_picture_of_another_shape_is_refused(tmp_path, load):
    square = np.full((16, 16), 255, np.uint8)
    frame = frame_with(tmp_path, ignore_mask=square, depth=square)
    with pytest.raises(InputError, match=r"size 16 x 16 does not fit its image; expected 16 x 12"):
        load([frame], [SIZE])


def test_depth_is_picked_and_never_averaged(tmp_path):
    levels = np.full((24, 32), 1000, np.uint16)
    levels[:, 16:] = 5000
    levels[0:2, 0:2] = 0
    frame = replace(frame_with(tmp_path, depth=levels), depth_unit=0.01)
    (depth,) = load_depths([frame], [SIZE])
    assert depth is not None
    assert depth.dtype == np.float32
    assert set(np.unique(depth).tolist()) == {0.0, 10.0, 50.0}
    assert depth[0, 0] == 0
