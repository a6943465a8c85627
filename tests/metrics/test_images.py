"""PSNR and the three variants of SSIM against scikit-image and slow references."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from rayloom.metrics.images import MAX_PSNR, SSIMVariant, psnr, ssim, ssim_window_size

VARIANTS: tuple[SSIMVariant, ...] = ("gaussian-valid", "gaussian-same", "uniform-7")


def pair(height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A smooth picture and a noisy copy of it, float64 in [0, 1]."""
    g = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    clean = np.stack([0.5 + 0.5 * np.sin(x / (5 + c)) * np.cos(y / 6 + seed) for c in range(3)], axis=-1)
    noisy = np.clip(clean + 0.1 * g.standard_normal(clean.shape), 0, 1)
    return torch.from_numpy(clean), torch.from_numpy(noisy)


def slow_ssim(x: np.ndarray, y: np.ndarray, window: np.ndarray, *, padding: int, sample: bool) -> float:
    """SSIM of one channel, window by window, with variances as means of squared deviations."""
    x, y = np.pad(x, padding), np.pad(y, padding)
    size = len(window)
    unbias = size**2 / (size**2 - 1) if sample else 1.0
    values = []
    for top in range(x.shape[0] - size + 1):
        for left in range(x.shape[1] - size + 1):
            a, b = (image[top : top + size, left : left + size] for image in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a = unbias * (window * (a - mean_a) ** 2).sum()
            var_b = unbias * (window * (b - mean_b) ** 2).sum()
            cov = unbias * (window * (a - mean_a) * (b - mean_b)).sum()
            luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
            values.append(luminance * (2 * cov + 9e-4) / (var_a + var_b + 9e-4))
    return float(np.mean(values))


def gaussian_window() -> np.ndarray:
    """11 x 11 values of a normal distribution of sigma 1.5, summing to 1."""
    y, x = np.mgrid[-5:6, -5:6]
    window = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    return window / window.sum()


def test_psnr_agrees_with_scikit_image():
    clean, noisy = pair(37, 41)
    expected = peak_signal_noise_ratio(clean.numpy(), noisy.numpy(), data_range=1)
    assert psnr(noisy, clean) == pytest.approx(expected, abs=1e-9)


@given(st.floats(1e-4, 1.0))
def test_psnr_of_a_constant_error_is_minus_twenty_log10_of_it(error: float):
    truth = torch.zeros(3, 4, 3, dtype=torch.float64)
    assert psnr(truth + error, truth) == pytest.approx(-20 * np.log10(error), abs=1e-9)


def test_psnr_of_equal_pictures_is_finite():
    clean, _ = pair(8, 8)
    assert psnr(clean, clean) == MAX_PSNR


@given(st.integers(0, 2**31), st.floats(0.1, 0.9))
def test_psnr_does_not_see_pixels_that_are_not_valid(seed: int, share: float):
    g = torch.Generator().manual_seed(seed)
    clean, noisy = pair(9, 11)
    valid = torch.rand(9, 11, generator=g) < share
    valid[0, 0] = True
    spoilt = torch.where(valid[..., None], noisy, 17.0)
    assert psnr(spoilt, clean, valid) == psnr(noisy[valid], clean[valid])


def test_psnr_without_a_valid_pixel_is_an_error():
    clean, noisy = pair(8, 8)
    with pytest.raises(ValueError, match="at least one pixel"):
        psnr(noisy, clean, torch.zeros(8, 8, dtype=torch.bool))


def test_uniform_7_is_the_default_of_scikit_image():
    clean, noisy = pair(37, 41)
    expected = structural_similarity(clean.numpy(), noisy.numpy(), channel_axis=-1, data_range=1)
    assert ssim(noisy, clean, "uniform-7") == pytest.approx(expected, abs=1e-10)


def test_gaussian_valid_is_scikit_image_with_a_gaussian_and_population_covariances():
    clean, noisy = pair(37, 41)
    expected = structural_similarity(
        clean.numpy(),
        noisy.numpy(),
        channel_axis=-1,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(noisy, clean, "gaussian-valid") == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("variant", "window", "padding", "sample"),
    [
        ("gaussian-valid", gaussian_window(), 0, False),
        ("gaussian-same", gaussian_window(), 5, False),
        ("uniform-7", np.full((7, 7), 1 / 49), 0, True),
    ],
)
def test_ssim_agrees_with_its_definition(
    variant: SSIMVariant, window: np.ndarray, padding: int, sample: bool
):
    clean, noisy = pair(14, 17)
    expected = np.mean(
        [
            slow_ssim(noisy[..., c].numpy(), clean[..., c].numpy(), window, padding=padding, sample=sample)
            for c in range(3)
        ]
    )
    assert ssim(noisy, clean, variant) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
@given(seed=st.integers(0, 2**31), height=st.integers(11, 20), width=st.integers(11, 20))
def test_ssim_is_symmetric_and_one_for_equal_pictures_only(
    variant: SSIMVariant, seed: int, height: int, width: int
):
    clean, noisy = pair(height, width, seed)
    assert ssim(clean, clean, variant) == pytest.approx(1, abs=1e-12)
    assert ssim(clean, noisy, variant) == pytest.approx(ssim(noisy, clean, variant), abs=1e-12)
    assert ssim(clean, noisy, variant) < 1


@pytest.mark.parametrize("variant", ["gaussian-valid", "uniform-7"])
def test_ssim_of_flat_single_precision_pictures_is_the_luminance_term(variant: SSIMVariant):
    low, high = torch.full((16, 16, 3), 0.9), torch.full((16, 16, 3), 0.9001)
    a, b = low[0, 0, 0].item(), high[0, 0, 0].item()
    assert ssim(low, high, variant) == pytest.approx((2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4), abs=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_picture_smaller_than_the_window_is_an_error(variant: SSIMVariant):
    size = ssim_window_size(variant)
    clean, noisy = pair(size, size)
    assert ssim(noisy, clean, variant) < 1
    with pytest.raises(ValueError, match=f"{size} pixels a side; found {size} x {size - 1}"):
        ssim(noisy[:-1], clean[:-1], variant)
