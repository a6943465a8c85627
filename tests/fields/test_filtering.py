import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter as scipy_filter

from rayloom.fields.filtering import gaussian_filter, gaussian_taps

close = torch.testing.assert_close
sigmas = st.floats(1e-4, 10)


def dense(lines: list[torch.Tensor], planes: list[torch.Tensor]) -> torch.Tensor:
    """The grid (z, y, x) of a sum of outer products; plane i spans the axes that line i does not."""
    terms = ("rz, ryx -> zyx", "ry, rzx -> zyx", "rx, rzy -> zyx")
    return sum(
        (torch.einsum(term, line, plane) for term, line, plane in zip(terms, lines, planes, strict=True)),
        torch.zeros(()),
    )


def factors(seed: int, rank: int = 3) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    z, y, x = 7, 9, 12

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(rank, *shape, generator=generator, dtype=torch.float64)

    return [draw(z), draw(y), draw(x)], [draw(y, x), draw(z, x), draw(z, y)]


@given(sigmas)
def test_normalised_taps_sum_to_one_and_are_symmetric(sigma: float):
    taps = gaussian_taps(sigma)
    assert math.isclose(taps.sum().item(), 1, abs_tol=1e-12)
    assert torch.equal(taps, taps.flip(0))
    assert len(taps) == 2 * math.ceil(4 * sigma) + 1


def test_taps_of_the_paper_sum_to_nearly_nine_percent_too_much_before_the_filter_vanishes():
    sums = {
        sigma: gaussian_taps(sigma, normalized=False).sum().item()
        for sigma in np.arange(0.1, 8, 0.01).round(2)
    }
    widest = max(sums, key=sums.__getitem__)
    assert widest == pytest.approx(0.4, abs=0.011)
    assert 1.08 < sums[widest] < 1.09
    assert sums[7.99] == pytest.approx(1, abs=1e-4)


def test_taps_of_the_paper_are_the_bell_itself_cut_off_at_one():
    bell = [math.exp(-(n**2) / 18) / (math.sqrt(2 * math.pi) * 3) for n in range(-5, 6)]
    close(gaussian_taps(3.0, normalized=False, radius=5), torch.tensor(bell, dtype=torch.float64))
    assert gaussian_taps(0.3, normalized=False, radius=1)[1] == 1


@pytest.mark.parametrize("normalized", [True, False])
def test_no_deviation_leaves_one_tap_and_a_tiny_one_does_too(normalized):
    for sigma in (0.0, 1e-12):
        taps = gaussian_taps(sigma, normalized=normalized, radius=2)
        assert torch.equal(taps, torch.tensor([0, 0, 1, 0, 0], dtype=torch.float64))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5, 6.0])
def test_filtering_agrees_with_scipy_also_where_kernels_are_longer_than_the_grid(sigma):
    values = torch.rand(5, 11, 8, dtype=torch.float64)
    radius = math.ceil(4 * sigma)
    expected = scipy_filter(values.numpy(), sigma, mode="nearest", axes=(1, 2), radius=radius)
    close(gaussian_filter(values, sigma, (1, 2)), torch.from_numpy(expected), atol=1e-13, rtol=0)


@given(st.integers(0, 50), st.floats(0.05, 8), st.booleans())
def test_filtered_factors_make_the_filtered_dense_grid(seed: int, sigma: float, normalized: bool):
    lines, planes = factors(seed)
    expected = gaussian_filter(dense(lines, planes), sigma, (0, 1, 2), normalized=normalized)
    found = dense(
        [gaussian_filter(line, sigma, (1,), normalized=normalized) for line in lines],
        [gaussian_filter(plane, sigma, (1, 2), normalized=normalized) for plane in planes],
    )
    close(found, expected, atol=1e-12, rtol=0)


def test_constants_stay_and_zero_changes_nothing():
    close(gaussian_filter(torch.full((4, 6), 0.7), 2.0, (0, 1)), torch.full((4, 6), 0.7))
    values = torch.rand(3, 5)
    assert gaussian_filter(values, 0.0, (0, 1)) is values


def test_axes_may_be_counted_from_the_end_and_their_order_does_not_matter():
    values = torch.rand(2, 5, 6, 3, dtype=torch.float64)
    close(gaussian_filter(values, 1.3, (1, 2)), gaussian_filter(values, 1.3, (-2, -3)), atol=1e-14, rtol=0)


def test_two_filters_are_one_of_both_variances_away_from_the_ends():
    values = torch.zeros(101, dtype=torch.float64)
    values[50] = 1
    twice = gaussian_filter(gaussian_filter(values, 3.0, (0,)), 4.0, (0,))
    close(twice, gaussian_filter(values, 5.0, (0,)), atol=1e-4, rtol=0)


def test_gradients_are_those_of_the_filter():
    values = torch.rand(3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gaussian_filter(x, 0.9, (1, 2)), values)
