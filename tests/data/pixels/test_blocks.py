import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom.data.pixels.blocks import any_of_blocks, block_means, block_middles
from rayloom.data.pixels.resize import area_resize

SIDES, BLOCKS = st.integers(1, 40), st.sampled_from([1, 2, 4, 8])


def noise(height, width, channels, seed):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def block_of(array, row, column, block):
    """The pixels that one pixel of a copy covers."""
    return array[row * block : (row + 1) * block, column * block : (column + 1) * block]


@given(SIDES, SIDES, BLOCKS, st.integers(0, 2**31))
def test_every_pixel_is_the_mean_of_its_block(height, width, block, seed):
    picture = noise(height, width, 3, seed)
    means = block_means(picture, block)
    assert means.shape == (height // block, width // block, 3)
    for row, column in np.ndindex(*means.shape[:2]):
        exact = block_of(picture, row, column, block).astype(float).mean((0, 1))
        assert np.abs(means[row, column] - exact).max() <= 0.5 + 1e-4


@given(SIDES, SIDES, BLOCKS, st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_copy_over_any_background_is_the_mean_of_the_picture_over_it(height, width, block, seed, level):
    picture = noise(height, width, 4, seed)
    # Pixels that are fully transparent or opaque are the rule.
    picture[..., 3] = np.random.default_rng(seed).choice([0, 255, 100], picture.shape[:2])
    means = block_means(picture, block)

    def over(pixels):
        alpha = pixels[..., 3:] / 255
        return alpha * pixels[..., :3] / 255 + (1 - alpha) * level

    for row, column in np.ndindex(*means.shape[:2]):
        exact = over(block_of(picture, row, column, block).astype(float)).mean((0, 1))
        # Colour and alpha are each rounded to the nearest of 256 levels.
        assert np.abs(over(means[row, column].astype(float)) - exact).max() <= 1.001 / 255


def test_what_lies_behind_transparent_pixels_does_not_bleed_in():
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[0] = (200, 100, 50, 255)
    picture[1] = (0, 255, 0, 0)
    assert block_means(picture, 2).tolist() == [[[200, 100, 50, 128]]]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("block", [2, 4, 8])
def test_whole_multiples_give_what_the_area_filter_gives_over_many_strips(channels, block):
    picture = noise(150 * block, 5 * block, channels, seed=0)
    # The two round quotients near a half differently.
    difference = block_means(picture, block).astype(int) - area_resize(picture, 5, 150)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.05


@pytest.mark.parametrize("channels", [3, 4])
def test_sums_of_the_brightest_pixels_are_exact(channels):
    picture = np.full((64, 64, channels), 255, np.uint8)
    picture[..., 0] = 254
    assert (block_means(picture, 64) == picture[:1, :1]).all()


@given(SIDES, SIDES, BLOCKS, st.integers(0, 2**31))
def test_a_mask_holds_where_it_holds_anywhere_in_the_block(height, width, block, seed):
    mask = np.random.default_rng(seed).uniform(size=(height, width)) < 0.05
    copy = any_of_blocks(mask, block)
    assert copy.shape == (height // block, width // block)
    for row, column in np.ndindex(*copy.shape):
        assert copy[row, column] == block_of(mask, row, column, block).any()


@given(SIDES, SIDES, BLOCKS, st.integers(0, 2**31))
def test_depth_is_picked_next_to_the_middle_of_the_block(height, width, block, seed):
    depth = np.random.default_rng(seed).uniform(size=(height, width)).astype(np.float32)
    copy = block_middles(depth, block)
    assert copy.shape == (height // block, width // block)
    for row, column in np.ndindex(*copy.shape):
        assert copy[row, column] == block_of(depth, row, column, block)[block // 2, block // 2]
