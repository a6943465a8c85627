from dataclasses import replace

import torch

from rayloom.geometry.spheres import outward_distance
from rayloom.methods.nerf_plus_plus import NeRFPlusPlus
from rayloom.types import Rays, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, UNBOUNDED, random_rays

close = torch.testing.assert_close


def nerf_plus_plus(scene: SceneInfo = UNBOUNDED) -> NeRFPlusPlus:
    return NeRFPlusPlus(NeRFPlusPlus.presets["tiny"], scene).eval()  # type: ignore[arg-type]


def rays_from_within(num: int = 16) -> Rays:
    rays = random_rays(UNBOUNDED, num, torch.Generator().manual_seed(0))
    return replace(rays, origins=0.3 * rays.origins)


@torch.no_grad()
def fill(network: torch.nn.Module, raw_density: float) -> None:
    """The same raw density everywhere."""
    network.density_head.weight.zero_()  # type: ignore[union-attr, operator]
    network.density_head.bias.fill_(raw_density)  # type: ignore[union-attr, operator]


def test_only_what_is_unbounded_has_an_outside() -> None:
    assert nerf_plus_plus().fine.outside is not None
    for scene in (OBJECT, FORWARD):
        assert nerf_plus_plus(scene).fine.outside is None


def test_inside_points_end_where_outside_ones_begin_and_distances_rise() -> None:
    method, rays = nerf_plus_plus(), rays_from_within()
    rendering = method.render(rays)
    edges = rendering.intervals.edges  # type: ignore[union-attr]
    assert rendering.weights.shape == (16, 48)
    assert (edges.diff(dim=-1) >= 0).all()
    sphere = outward_distance(rays.origins, rays.directions, rays.near)[:, None]
    assert (edges[:, :24] <= sphere + 1e-5).all()
    assert (edges[:, 24:] >= sphere - 1e-5).all()


def test_an_opaque_inside_hides_the_outside_and_an_empty_one_shows_it() -> None:
    method, rays = nerf_plus_plus(), rays_from_within()
    assert method.fine.outside is not None
    fill(method.fine.inside, 1e4)
    inner = method.render(rays).weights[:, :24].sum(-1)
    close(inner, torch.ones(16))
    fill(method.fine.inside, -1e4)
    fill(method.fine.outside, 1.0)
    outer = method.render(rays)
    close(outer.weights[:, 24:].sum(-1), torch.ones(16))
    close(outer.opacity, torch.ones(16))


def test_outside_light_fades_by_the_inverse_radius_it_passes() -> None:
    """Density 1 per unit of 1/r lets exp(-1 + 1/r) of the light through to radius r."""
    method, rays = nerf_plus_plus(), rays_from_within()
    assert method.fine.outside is not None
    fill(method.fine.inside, -1e4)
    # softplus(x - 1) is 1 where x is 1 + log(e - 1).
    fill(method.fine.outside, 1 + float(torch.tensor(torch.e - 1).log()))
    rendering = method.render(rays)
    edges = rendering.intervals.edges[:, 25:-1]  # type: ignore[union-attr]
    radius = rays.at(edges).norm(dim=-1)
    passed = 1 - rendering.weights[:, 24:-1].cumsum(-1)
    near_enough = edges < 50
    close(passed[near_enough], (-1 + 1 / radius).exp()[near_enough], atol=1e-4, rtol=1e-3)


def test_density_outside_is_per_world_unit() -> None:
    method = nerf_plus_plus()
    assert method.fine.outside is not None
    fill(method.fine.outside, 1e3)
    along_x = torch.tensor([[2.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
    close(method.density(along_x), torch.tensor([999.0 / 4, 999.0 / 100]))
