"""What the pictures of an evaluation show."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from rayloom.metrics.pictures import (
    FULL_ERROR,
    depth_picture,
    depth_range,
    eight_bit,
    error_picture,
    label_picture,
    opacity_picture,
    side_by_side,
    write_png,
)


@given(st.integers(0, 255))
def test_eight_bit_values_survive_the_way_to_floats_and_back(level: int):
    assert eight_bit(np.array([level / 255], dtype=np.float32)) == level


def test_values_outside_the_unit_interval_are_clipped():
    assert eight_bit(np.array([-0.5, 1.5])).tolist() == [0, 255]


def test_larger_errors_are_brighter_and_no_error_is_nearly_black():
    truth = np.zeros((1, 8, 3), dtype=np.float32)
    rendered = truth + np.linspace(0, FULL_ERROR, 8, dtype=np.float32)[None, :, None]
    luminance = error_picture(rendered, truth) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance[0]) > 0).all()
    assert luminance[0, 0] < 2


def test_pixels_that_are_not_valid_are_grey_in_the_error():
    truth = np.zeros((2, 2, 3), dtype=np.float32)
    valid = np.array([[True, False], [True, True]])
    picture = error_picture(truth + 1, truth, valid)
    assert picture[0, 1].tolist() == [96, 96, 96]
    assert len({tuple(pixel) for pixel in picture[valid]}) == 1


def test_near_depths_are_red_far_depths_blue_and_transparency_white():
    depth = np.array([[1.0, 9.0, 1.0]])
    near, far, nothing = depth_picture(depth, np.array([[1.0, 1.0, 0.0]]), 1.0, 9.0)[0].astype(int)
    assert near[0] > 2 * near[2]
    assert far[2] > far[0]
    assert nothing.tolist() == [255, 255, 255]


def test_the_depth_range_leaves_out_transparent_pixels_and_outliers():
    depth = np.concatenate([np.linspace(2, 4, 1000), [1e6], np.full(500, 0.01)])
    opacity = np.concatenate([np.ones(1001), np.zeros(500)])
    near, far = depth_range(depth, opacity)
    assert 2 <= near < 2.1
    assert 3.9 < far <= 4


def test_depths_can_be_drawn_where_they_are_missing_infinite_or_all_equal():
    empty = np.zeros((2, 2))
    assert (depth_picture(empty, empty, *depth_range(empty, empty)) == 255).all()
    odd = np.array([[np.nan, np.inf, 0.0, 3.0, 4.0]])
    assert depth_range(odd, np.ones((1, 5))) == (3.01, 3.99)
    assert len(np.unique(depth_picture(odd, np.ones((1, 5)), 3.0, 4.0)[0], axis=0)) == 2
    flat, opaque = np.full((2, 2), 3.0), np.ones((2, 2))
    assert len(np.unique(depth_picture(flat, opaque, *depth_range(flat, opaque)).reshape(-1, 3), axis=0)) == 1


def test_opacity_goes_from_black_to_white():
    assert opacity_picture(np.array([[0.0, 1.0]])).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_twenty_classes_have_a_colour_each_and_unknown_ones_are_grey():
    picture = label_picture(np.arange(-1, 20)[None])
    assert len({tuple(color) for color in picture[0].tolist()}) == 21
    assert picture[0, 0].tolist() == [96, 96, 96]
    assert np.array_equal(label_picture(np.array([[23]])), label_picture(np.array([[3]])))


def test_panels_stand_in_a_row_with_their_pixels_unchanged():
    left = np.full((300, 400, 3), 10, dtype=np.uint8)
    right = np.full((300, 400, 3), 200, dtype=np.uint8)
    sheet = side_by_side([("left", left), ("right", right)])
    assert (sheet[-300:, :400] == 10).all()
    assert (sheet[-300:, -400:] == 200).all()
    captions = sheet[:-300]
    assert captions.min() < 100
    assert (captions[:, :2] == captions.max()).all()


def test_small_pictures_are_enlarged_by_a_whole_factor():
    picture = np.random.default_rng(0).integers(0, 256, (50, 100, 3), dtype=np.uint8)
    sheet = side_by_side([("small", picture)])
    assert sheet.shape[1] == 300
    assert (sheet[-150::3, ::3] == picture).all()


def test_large_pictures_are_reduced_by_a_whole_factor():
    picture = np.full((30, 2600, 3), 7, dtype=np.uint8)
    sheet = side_by_side([("large", picture), ("larger", picture)])
    assert sheet.shape[1] == 867 + 4 + 867
    assert (sheet[-10:, :867] == 7).all()


def test_a_written_picture_reads_back_unchanged(tmp_path: Path):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_png(picture, tmp_path / "deep" / "picture.png")
    assert (np.asarray(PILImage.open(tmp_path / "deep" / "picture.png")) == picture).all()
