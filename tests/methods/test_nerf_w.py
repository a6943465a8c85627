from dataclasses import replace
from typing import Any

import torch

from rayloom.methods.nerf_w import NeRFW, NeRFWConfig
from rayloom.types import Progress, Rays
from tests.methods.ball import OBJECT, BallBatches
from tests.methods.test_loom import rays_towards_the_middle

close = torch.testing.assert_close
START = Progress(step=0, fraction=0.0)


def nerf_w(**settings: Any) -> NeRFW:
    tiny = NeRFW.presets["tiny"]
    assert isinstance(tiny, NeRFWConfig)
    return NeRFW(replace(tiny, **settings), OBJECT)


def rays_of(photo: int) -> Rays:
    rays = rays_towards_the_middle(16)
    return of_photo(rays, photo)


def of_photo(rays: Rays, photo: int) -> Rays:
    return replace(rays, camera_index=torch.full_like(rays.camera_index, photo))


def test_light_differs_between_photos_and_shape_does_not():
    method = nerf_w().eval()
    torch.nn.init.normal_(method.appearance.weight)
    rays = rays_towards_the_middle(16)
    first, second = (method.render(of_photo(rays, photo)) for photo in (0, 1))
    assert (first.rgb - second.rgb).abs().max() > 1e-3
    close(first.opacity, second.opacity)
    close(first.depth, second.depth)
    assert torch.equal(first.coarser[0].weights, second.coarser[0].weights)


def test_what_is_transient_is_seen_in_training_alone():
    method, rays = nerf_w().eval(), rays_of(1)
    before = method.render(rays).rgb
    assert method.transient is not None
    # Dense black matter everywhere.
    torch.nn.init.constant_(method.transient.head.bias, -20.0)
    torch.nn.init.constant_(method.transient.head.bias[:1], 20.0)
    assert torch.equal(method.render(rays).rgb, before)
    assert method.train().render(rays).rgb.max() < 0.5 < before.max()


def test_the_deviation_of_a_ray_is_the_least_one_and_that_of_the_transient_matter_it_meets():
    method, rays = nerf_w(least_deviation=0.2).train(), rays_of(0)
    assert method.transient is not None
    torch.nn.init.zeros_(method.transient.head.weight)
    bias = method.transient.head.bias
    with torch.no_grad():
        bias.copy_(torch.tensor([-50.0, 0, 0, 0, 1.0]))
    close(method.render(rays).extras["deviation"], torch.full((16,), 0.2))
    with torch.no_grad():
        bias[0] = 50.0
    met = method.render(rays).extras["deviation"]
    # The first interval is opaque, so that the uncertainty of one place counts.
    close(met, torch.full((16,), 0.2 + float(torch.nn.functional.softplus(torch.tensor(1.0)))))


def test_the_likelihood_is_that_of_a_normal_distribution_in_each_channel():
    method, batch = nerf_w(), BallBatches(OBJECT).next(32)
    rendering = method.render(batch.rays)
    deviation = 0.1 + torch.rand(32)
    rendering = replace(rendering, extras={**rendering.extras, "deviation": deviation})
    normal = torch.distributions.Normal(rendering.rgb, deviation[:, None])
    expected = -normal.log_prob(batch.rgb).mean() - 0.5 * torch.log(torch.tensor(2 * torch.pi))
    losses = method.losses(rendering, batch, START)
    close(losses["likelihood"], expected)
    close(losses["transient"], 0.01 * rendering.extras["transient"].mean())


def test_without_codes_it_is_a_nerf():
    method, batch = nerf_w(appearance_size=0, transient_size=0), BallBatches(OBJECT).next(8)
    assert method.photo_codes() is None
    assert method.transient is None
    rendering = method.render(batch.rays)
    errors = [(level.rgb - batch.rgb).square().mean() for level in (rendering, *rendering.coarser)]
    close(method.losses(rendering, batch, START), {"photometric": 0.5 * torch.stack(errors).sum()})
