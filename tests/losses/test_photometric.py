import math

import pytest
import torch

from rayloom.losses import charbonnier, photometric, squared_error
from rayloom.rendering import composite
from rayloom.types import Batch, Intervals, Rendering
from tests.sampling.test_intervals import rays


def test_squared_error_in_decibels_is_the_psnr():
    rgb = torch.full((4, 3), 0.5)
    assert math.isclose(-10 * math.log10(squared_error(rgb + 0.1, rgb).item()), 20, abs_tol=1e-4)


def test_a_pixel_counts_as_many_times_as_the_pixels_that_it_stands_for():
    rgb, truth = torch.rand(3, 3), torch.rand(3, 3)
    area = torch.tensor([1.0, 4.0, 16.0])
    times = area.long()
    repeated = squared_error(rgb.repeat_interleave(times, 0), truth.repeat_interleave(times, 0))
    torch.testing.assert_close(squared_error(rgb, truth, area), repeated)


def test_equal_areas_change_nothing():
    rgb, truth = torch.rand(2, 5, 3), torch.rand(2, 5, 3)
    torch.testing.assert_close(squared_error(rgb, truth, torch.full((2, 5), 4.0)), squared_error(rgb, truth))


def test_the_charbonnier_loss_is_a_parabola_near_zero_and_a_line_far_away():
    truth = torch.zeros(4, 3, dtype=torch.float64)
    near, far = 1e-5, 1.0
    assert charbonnier(truth, truth).item() == pytest.approx(1e-3)
    assert charbonnier(truth + near, truth).item() - 1e-3 == pytest.approx(near**2 / 2e-3, rel=1e-3)
    assert charbonnier(truth + far, truth).item() == pytest.approx(far, rel=1e-6)
    assert charbonnier(truth, truth, padding=0.5).item() == pytest.approx(0.5)


def test_gradients_are_true_also_where_the_colours_agree():
    rgb, truth = torch.rand(2, 4, 3, dtype=torch.float64)
    area = torch.tensor([1.0, 4.0, 16.0, 64.0], dtype=torch.float64)
    truth[0] = rgb[0]
    rgb.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: squared_error(x, truth, area), rgb)
    # The bend at zero is as wide as the padding: the default is too narrow for differences of 1e-6.
    assert torch.autograd.gradcheck(lambda x: charbonnier(x, truth, padding=0.1), rgb)
    (slope,) = torch.autograd.grad(charbonnier(rgb, truth), rgb)
    assert torch.equal(slope[0], torch.zeros(3, dtype=torch.float64))


def two_levels(area: torch.Tensor | None) -> tuple[Rendering, Batch]:
    """A white rendering over a black coarser one; the truth is a light and a dark grey."""
    edges = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    dark = composite(torch.zeros(2, 1), torch.zeros(2, 1, 3), Intervals(edges), (0.0, 0.0, 0.0))
    bright = composite(torch.zeros(2, 1), torch.zeros(2, 1, 3), Intervals(edges), (1.0, 1.0, 1.0), (dark,))
    truth = torch.tensor([[0.75] * 3, [0.25] * 3])
    return bright, Batch(rays(2), rgb=truth, alpha=torch.ones(2), area=area)


def test_every_sampling_level_is_supervised():
    rendering, batch = two_levels(area=None)
    torch.testing.assert_close(photometric(rendering, batch), torch.tensor(2 * (0.25**2 + 0.75**2) / 2))


def test_the_coarse_level_may_count_less_and_a_large_pixel_more():
    rendering, batch = two_levels(area=torch.tensor([3.0, 1.0]))
    fine, coarse = (3 * 0.25**2 + 0.75**2) / 4, (3 * 0.75**2 + 0.25**2) / 4
    found = photometric(rendering, batch, coarse_weight=0.1)
    torch.testing.assert_close(found, torch.tensor(fine + 0.1 * coarse))


def test_an_area_counts_as_often_as_so_many_pixels():
    rgb, truth = torch.rand(2, 3), torch.rand(2, 3)
    repeated = [x[torch.tensor([0, 1, 1, 1, 1])] for x in (rgb, truth)]
    for loss in (squared_error, charbonnier):
        assert loss(rgb, truth, torch.tensor([1.0, 4.0])).item() == pytest.approx(loss(*repeated).item())
