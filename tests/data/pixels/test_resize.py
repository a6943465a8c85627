import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rayloom.data.pixels.resize import area_means, area_resize


def brute_force(values, width, height):
    """Cut every pixel into pieces that fit both grids, and average the pieces."""
    pieces = values.repeat(height, axis=0).repeat(width, axis=1)
    rows, columns = values.shape[:2]
    return pieces.reshape(height, rows, width, columns, -1).mean((1, 3))


@settings(max_examples=40)
@given(*[st.integers(1, 9)] * 4, st.integers(0, 2**31))
def test_every_new_pixel_is_the_mean_of_the_area_it_covers(rows, columns, height, width, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    exact = brute_force(picture.astype(float), width, height)
    # The result is rounded to whole levels.
    assert np.abs(area_resize(picture, width, height) - exact).max() <= 0.5 + 1e-9


@settings(max_examples=40)
@given(*[st.integers(1, 9)] * 4, st.integers(0, 2**31))
def test_colours_are_averaged_with_alpha_as_their_weight(rows, columns, height, width, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (rows, columns, 4), dtype=np.uint8)
    alpha = picture[..., 3:] / 255
    exact_alpha = brute_force(alpha, width, height)
    exact = brute_force(picture[..., :3] * alpha, width, height)
    resized = area_resize(picture, width, height)
    assert np.abs(resized[..., 3:] - 255 * exact_alpha).max() <= 0.5 + 1e-9
    visible = exact_alpha[..., 0] > 1e-6
    straight = exact[visible] / exact_alpha[visible]
    assert np.abs(resized[visible][:, :3] - straight).max(initial=0) <= 0.5 + 1e-9


def test_what_lies_behind_transparent_pixels_does_not_bleed_in():
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[0] = (200, 100, 50, 255)
    picture[1] = (0, 255, 0, 0)
    assert area_resize(picture, 1, 1).tolist() == [[[200, 100, 50, 128]]]


@pytest.mark.parametrize("factor", [2, 3])
def test_whole_factors_agree_with_pillow_over_many_strips(factor):
    picture = np.random.default_rng(0).integers(0, 256, (180 * factor, 7 * factor, 3), dtype=np.uint8)
    pillow = np.asarray(Image.fromarray(picture).reduce(factor)).astype(int)
    # Pillow rounds halves up, we round them to even.
    assert np.abs(area_resize(picture, 7, 180) - pillow).max() <= 1


def test_the_same_size_changes_nothing():
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8)
    assert area_resize(picture, 6, 5) is picture


def test_means_over_unequal_steps():
    values = np.array([1.0, 3.0, 5.0])
    np.testing.assert_allclose(area_means(values, np.array([0.5, 1.0, 3.0]), axis=0), [1.0, 4.0])
