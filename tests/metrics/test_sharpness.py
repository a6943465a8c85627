"""Gradient energy of sines, whose derivatives are known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rayloom.metrics.sharpness import gradient_energy, gradient_ratio


def sine(frequency: float, width: int = 64) -> Tensor:
    """A sine along the rows of a picture, over whole periods."""
    x = torch.arange(width + 1, dtype=torch.float64)
    return (0.5 + 0.5 * torch.sin(frequency * x)).expand(5, -1)[..., None]


@given(st.floats(0.0, 3.0), st.integers(0, 1000))
def test_contrast_counts_with_its_square(contrast: float, seed: int):
    truth = torch.rand(6, 7, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert gradient_ratio(contrast * truth + 0.2, truth) == pytest.approx(contrast**2)


@pytest.mark.parametrize("periods", [2, 4, 16])
def test_a_box_of_three_pixels_lowers_it_by_its_response_squared(periods: int):
    frequency = 2 * math.pi * periods / 64
    sharp = sine(frequency)
    ring = torch.cat([sharp[:, -2:-1], sharp, sharp[:, 1:2]], dim=1)
    blurred = (ring[:, :-2] + ring[:, 1:-1] + ring[:, 2:]) / 3
    expected = ((1 + 2 * math.cos(frequency)) / 3) ** 2
    assert gradient_ratio(blurred, sharp) == pytest.approx(expected)
    assert expected < 1


def test_energy_is_the_sum_over_right_and_lower_neighbours():
    image = torch.tensor([[0.0, 1.0], [3.0, 7.0]])[..., None]
    everything = torch.ones(2, 2, dtype=torch.bool)
    assert gradient_energy(image, everything) == 1 + 16 + 9 + 36
    corner = torch.tensor([[True, True], [False, True]])
    assert gradient_energy(image, corner) == 1 + 36


def test_pixels_that_are_not_valid_have_no_neighbours():
    truth, valid = torch.rand(6, 7, 3), torch.rand(6, 7) < 0.7
    spoilt = torch.where(valid[..., None], truth, 9.0)
    assert gradient_ratio(spoilt, truth, valid) == 1


def test_a_flat_photo_has_no_ratio():
    assert gradient_ratio(torch.rand(4, 4, 3), torch.full((4, 4, 3), 0.5)) is None
