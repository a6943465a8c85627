import math

import torch

from rayloom.losses import photometric, squared_error
from rayloom.rendering import composite
from rayloom.types import Batch, Intervals
from tests.sampling.test_intervals import rays


def test_squared_error_in_decibels_is_the_psnr():
    rgb = torch.full((4, 3), 0.5)
    assert math.isclose(-10 * math.log10(squared_error(rgb + 0.1, rgb).item()), 20, abs_tol=1e-4)


def test_every_sampling_level_is_supervised():
    r = rays(2)
    edges = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    dark = composite(torch.zeros(2, 1), torch.zeros(2, 1, 3), Intervals(edges), (0.0, 0.0, 0.0))
    bright = composite(torch.zeros(2, 1), torch.zeros(2, 1, 3), Intervals(edges), (1.0, 1.0, 1.0), (dark,))
    batch = Batch(r, rgb=torch.full((2, 3), 0.75), alpha=torch.ones(2))
    torch.testing.assert_close(photometric(bright, batch), torch.tensor(0.25**2 + 0.75**2))
