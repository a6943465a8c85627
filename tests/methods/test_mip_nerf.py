from dataclasses import replace

import pytest
import torch

from rayloom.fields import FrequencyEncoding
from rayloom.geometry.ndc import ndc_rays, world_from_ndc
from rayloom.methods.mip_nerf import MipNeRF, MipNeRFConfig
from rayloom.rendering import composite
from rayloom.sampling.cones import cast_cones_diagonal
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, UNBOUNDED, random_rays

close = torch.testing.assert_close
integrated = pytest.mark.parametrize("integrated", [True, False])


def mip_nerf(scene: SceneInfo = OBJECT, **settings: object) -> MipNeRF:
    return MipNeRF(replace(MipNeRF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def some_rays(scene: SceneInfo, num_rays: int = 16, radius: float = 0.02) -> Rays:
    rays = random_rays(scene, num_rays, torch.Generator().manual_seed(0))
    return replace(rays, radii=torch.full((num_rays,), radius))


def dense_intervals(rendering: Rendering) -> Intervals:
    assert isinstance(rendering.intervals, Intervals)
    return rendering.intervals


def test_the_paper_size_has_one_network_of_612740_parameters():
    for shared, num in ((True, 612_740), (False, 2 * 612_740)):
        method = MipNeRF(MipNeRFConfig(shared_network=shared), OBJECT)
        assert sum(parameter.numel() for parameter in method.parameters()) == num


def test_one_network_learns_from_both_levels_unless_the_coarse_level_has_its_own():
    rays = some_rays(OBJECT)
    for shared in (True, False):
        method = mip_nerf(shared_network=shared)
        method.render(rays).coarser[0].rgb.sum().backward()
        assert (method.network.color_head.weight.grad is not None) == shared
        assert (method.coarse_network is None) == shared
        if method.coarse_network is not None:
            assert method.coarse_network.color_head.weight.grad is not None


def test_black_and_white_lie_where_the_sigmoid_still_has_a_slope():
    method, rays = mip_nerf(), some_rays(OBJECT)
    intervals = Intervals(torch.linspace(1, 3, 9).expand(16, 9))
    means, variances = cast_cones_diagonal(rays, intervals, "cone")
    for bias, reached in ((1e3, 1.001), (-1e3, -0.001)):
        with torch.no_grad():
            method.network.color_head.bias.fill_(bias)
            _, rgb = method.network((means, variances), rays.view_directions)
        close(rgb, torch.full_like(rgb, reached), rtol=0, atol=1e-6)


def test_every_layer_begins_as_glorot_and_bengio_draw_it():
    linear = [module for module in mip_nerf().modules() if isinstance(module, torch.nn.Linear)]
    for layer in linear:
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        assert not layer.bias.any()
        assert 0.9 * bound < layer.weight.abs().max() <= bound


@pytest.mark.parametrize(("scene", "spacing"), [(OBJECT, "t"), (UNBOUNDED, "1/t"), (FORWARD, "t")])
def test_the_first_intervals_are_even_in_distance_or_without_an_end_in_disparity(scene, spacing):
    method, rays = mip_nerf(scene).eval(), some_rays(scene)
    edges = dense_intervals(method.render(rays).coarser[0]).edges
    along = ndc_rays(rays, scene.ndc) if scene.ndc else rays
    ends = torch.stack([along.near, along.far], dim=-1)
    close(edges[:, [0, -1]], ends)
    steps = (edges if spacing == "t" else 1 / edges).diff()
    close(steps, steps.mean(-1, keepdim=True).expand_as(steps), rtol=1e-3, atol=1e-4)


def test_in_training_every_ray_has_its_own_intervals_at_both_levels():
    fine = mip_nerf().train().render(some_rays(OBJECT))
    for level in (fine, fine.coarser[0]):
        assert len(dense_intervals(level).edges.unique(dim=0)) == 16


@pytest.mark.parametrize("training", [True, False])
def test_the_fine_level_has_as_many_intervals_of_its_own_and_sees_no_coarse_edge_again(training):
    rendering = mip_nerf().train(training).render(some_rays(OBJECT))
    fine, coarse = dense_intervals(rendering).edges, dense_intervals(rendering.coarser[0]).edges
    assert fine.shape == coarse.shape == (16, 17)
    assert (fine.diff() >= 0).all()
    assert ((fine >= coarse[:, :1]) & (fine <= coarse[:, -1:])).all()
    # Without jitter the new edges reach from one end to the other, so that these two are the same.
    inner = fine if training else fine[:, 1:-1]
    assert not (inner[:, :, None] == coarse[:, None, :]).any()


def test_new_intervals_lie_where_the_coarse_level_met_matter():
    method, rays = mip_nerf().eval(), some_rays(OBJECT)
    with torch.no_grad():
        for parameter in method.network.density_head.parameters():
            parameter.zero_()
        empty = dense_intervals(method.render(rays)).widths
        method.network.density_head.bias.fill_(1e4)
        wall = dense_intervals(method.render(rays)).edges
    # The density before training is the same everywhere, and thin matter makes almost even weights.
    assert empty.max() < 2 * empty.min()
    # A blurred weight of 1 fills two of the 16 intervals, 2 wide in all; one percent is laid on each.
    ahead = rays.near[:, None] + 2 * 2 / 16
    close((wall < ahead).float().mean(-1), torch.full((16,), 15 / 17))


def test_without_variance_the_features_are_those_of_points():
    method, points = mip_nerf(), torch.randn(50, 3, dtype=torch.float64)
    waves = method.network.position((points, torch.zeros_like(points)))
    # The encoding of points keeps the points themselves in front.
    close(waves, FrequencyEncoding(8)(points)[:, 3:])


@integrated
@pytest.mark.parametrize("scene", [OBJECT, FORWARD], ids=["cone", "cylinder"])
def test_the_width_of_a_pixel_is_seen_unless_points_are_asked_for(scene, integrated):
    method, rays = mip_nerf(scene, integrated=integrated).eval(), some_rays(scene)
    along = ndc_rays(rays, scene.ndc) if scene.ndc else rays
    wide = replace(along, radii=8 * along.radii)
    intervals = Intervals(torch.linspace(1, 2, 9).expand(16, 9))
    narrow_rgb, wide_rgb = (method.march(method.network, cut, intervals).rgb for cut in (along, wide))
    # The moments of a cone are not those of a cylinder, and only its variances depend on the radius.
    assert torch.equal(narrow_rgb, wide_rgb) != integrated
    means, variances = cast_cones_diagonal(along, intervals, "cylinder" if scene.ndc else "cone")
    variances = variances if integrated else torch.zeros_like(variances)
    density, rgb = method.network((means, variances), along.view_directions)
    close(narrow_rgb, composite(density, rgb, intervals, (1.0, 1.0, 1.0)).rgb)


def test_a_pixel_so_wide_that_every_wave_fades_is_of_one_colour_everywhere():
    method = mip_nerf().eval()
    rays = replace(some_rays(OBJECT), radii=torch.full((16,), 1e4))
    rays = replace(rays, view_directions=rays.view_directions[:1].expand(16, 3))
    rgb = method.render(rays).rgb
    close(rgb, rgb[:1].expand(16, 3))


def test_the_density_of_a_forward_facing_scene_is_asked_in_the_cube():
    method, cube = mip_nerf(FORWARD), torch.rand(20, 3) - 0.5
    assert FORWARD.ndc is not None
    inside = method.network.density((cube, torch.zeros_like(cube)))
    close(method.density(world_from_ndc(cube, FORWARD.ndc)), inside, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("scene", [FORWARD, UNBOUNDED], ids=["forward-facing", "unbounded"])
def test_opaque_matter_is_met_where_the_ray_begins_in_world_units(scene):
    method, rays = mip_nerf(scene).eval(), some_rays(scene)
    with torch.no_grad():
        method.network.density_head.bias.fill_(1e6)
        found = method.render(rays)
    close(found.opacity, torch.ones(16))
    along = ndc_rays(rays, scene.ndc) if scene.ndc else rays
    met = along.at(dense_intervals(found).midpoints[:, :1])[:, 0]
    met = world_from_ndc(met, scene.ndc) if scene.ndc else met
    close(found.depth, (met - rays.origins).square().sum(-1).sqrt(), rtol=1e-4, atol=1e-5)
    # The near plane lies at z = 1, one unit below the average camera.
    first = (1 - rays.origins[:, 2]) / rays.directions[:, 2] if scene.ndc else rays.near
    # New intervals are a fraction of the first of 16, which NDC and disparity keep short.
    assert ((found.depth >= first) & (found.depth <= 1.1 * first)).all()


def test_noise_is_for_photographs_in_training_only():
    intervals = Intervals(torch.linspace(1, 3, 9).expand(16, 9))
    for scene, training, same in ((OBJECT, True, True), (UNBOUNDED, True, False), (UNBOUNDED, False, True)):
        method = mip_nerf(scene, density_noise=5.0).train(training)
        first, second = (method.march(method.network, some_rays(scene), intervals).rgb for _ in range(2))
        assert torch.equal(first, second) == same


def test_the_coarse_level_counts_a_tenth_and_pixels_count_by_their_area():
    method, rays = mip_nerf().eval(), some_rays(OBJECT)
    rendering = method.render(rays)
    truth, area = torch.rand(16, 3), 4.0 ** (torch.arange(16) % 4)
    batch = Batch(rays, rgb=truth, alpha=torch.ones(16), area=area)
    coarse, fine = (
        (level.rgb - truth).square().mean(-1) @ area / area.sum()
        for level in (rendering.coarser[0], rendering)
    )
    losses = method.losses(rendering, batch, Progress(step=0, fraction=0.0))
    close(losses, {"photometric": 0.1 * coarse + fine})
