import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rayloom.sfm.detail import LONGER_SIDE, grey_levels, measured_size, sharpness, texture
from tests.sfm.pictures import noise_picture

pictures = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))


@given(pictures)
def test_measures_are_finite_and_a_share_is_a_share(rgb):
    grey = grey_levels(rgb)
    assert grey.shape == rgb.shape[:2]
    assert 0 <= texture(grey) <= 1
    assert 0 <= sharpness(grey) < np.inf


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_sizes_shrink_to_a_limit_and_never_grow(width, height):
    small = measured_size(width, height)
    assert 1 <= min(small) <= max(small) == min(LONGER_SIDE, max(width, height))
    if max(width, height) <= LONGER_SIDE:
        assert small == (width, height)


def test_sharpness_is_the_variance_of_the_laplacian():
    grey = np.zeros((7, 9), np.float32)
    grey[3, 4] = 10.0
    # The 5-point Laplacian of an impulse is -4 in the middle and 1 at its four neighbours.
    values = np.array([-40.0, 10.0, 10.0, 10.0, 10.0] + [0.0] * (63 - 5))
    assert sharpness(grey) == pytest.approx(values.var())


@pytest.mark.parametrize("gain", [0.5, 0.25])
def test_sharpness_grows_with_the_square_of_contrast_and_ignores_brightness(gain):
    grey = grey_levels(noise_picture())
    assert sharpness(gain * grey + 30) == pytest.approx(gain**2 * sharpness(grey), rel=1e-4)


def test_more_blur_is_less_sharp():
    grey = grey_levels(noise_picture())
    values = [
        sharpness(np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.float32)) for sigma in (0.5, 1, 2, 4)
    ]
    assert sharpness(grey) > values[0]
    assert values == sorted(values, reverse=True)


def test_texture_is_the_share_of_tiles_with_contrast():
    grey = np.full((64, 64), 100.0, np.float32)
    assert texture(grey) == 0
    grey[:, :16] = 80 + 40 * (np.indices((64, 16)).sum(0) % 2)
    assert texture(grey) == 0.25
    noise = np.random.default_rng(0).normal(100, 2, (64, 64)).astype(np.float32)
    assert texture(noise) == 0, "noise of a sensor is no texture"


def test_a_picture_smaller_than_a_tile_has_texture_all_the_same():
    grey = 200 * (np.indices((5, 7)).sum(0) % 2).astype(np.float32)
    assert texture(grey) == 1
    assert texture(np.zeros((5, 7), np.float32)) == 0
