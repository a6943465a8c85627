import torch
from torch import Tensor

from rayloom.rendering.plane import render_plane
from tests.methods.ball import OBJECT, random_rays


def test_a_ray_shows_where_it_meets_the_plane_and_how_far_that_is() -> None:
    rays = random_rays(OBJECT, 32, torch.Generator().manual_seed(0))
    asked: list[Tensor] = []

    def color(xy: Tensor) -> Tensor:
        asked.append(xy)
        return torch.cat([xy, xy[:, :1]], dim=-1)

    rendering = render_plane(rays, color)
    met = rays.origins + rendering.depth[:, None] * rays.directions
    torch.testing.assert_close(met[:, 2], torch.zeros(32), atol=1e-5, rtol=0)
    torch.testing.assert_close(asked[0], met[:, :2])
    torch.testing.assert_close(rendering.rgb, color(met[:, :2]))
    assert (rendering.opacity == 1).all()
    assert rendering.weights.shape == (32, 1)
