from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rayloom.geometry.contraction import contract, contraction_jacobian
from rayloom.geometry.ndc import ndc_rays, world_from_ndc
from rayloom.losses import charbonnier, dense_distortion, interlevel
from rayloom.methods.mip_nerf_360 import MipNeRF360, MipNeRF360Config
from rayloom.sampling.cones import cast_cones
from rayloom.types import Batch, Gaussians, Intervals, Progress, Rays, Rendering, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, UNBOUNDED, random_rays

close = torch.testing.assert_close
START = Progress(step=0, fraction=0.0)
# As of a capture by a panoramic camera, which has no place in the cube.
PANORAMA = replace(FORWARD, ndc=None, far=100.0)
every_scene = pytest.mark.parametrize(
    "scene", [OBJECT, UNBOUNDED, FORWARD], ids=["object", "unbounded", "forward-facing"]
)


def mip_nerf_360(scene: SceneInfo = UNBOUNDED, **settings: object) -> MipNeRF360:
    return MipNeRF360(replace(MipNeRF360.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def some_rays(scene: SceneInfo, num_rays: int = 16) -> Rays:
    return random_rays(scene, num_rays, torch.Generator().manual_seed(0))


def batch_of(rays: Rays) -> Batch:
    return Batch(rays, rgb=torch.rand(rays.shape[0], 3), alpha=torch.ones(rays.shape))


def levels(rendering: Rendering) -> list[Tensor]:
    """Edges in s of the proposals and of the large network's slices."""
    return [level.extras["s"] for level in (*rendering.coarser, rendering)]


def fill_with_matter(method: MipNeRF360) -> None:
    """Let everything be opaque, so that all weight lies in the first slice."""
    with torch.no_grad():
        for head in (method.proposal.density_head, method.network.density_head):
            head.weight.zero_()
            head.bias.fill_(1e6)


def learns(network: torch.nn.Module) -> bool:
    """Whether any gradient has reached a network."""
    return any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def test_the_paper_size_has_networks_of_326913_and_8680580_parameters_that_see_504_features():
    method = MipNeRF360(MipNeRF360Config(), UNBOUNDED)
    sizes = [sum(p.numel() for p in net.parameters()) for net in (method.proposal, method.network)]
    assert sizes == [326_913, 8_680_580]
    assert sum(p.numel() for p in method.parameters()) == 9_007_493
    assert method.network.position.num_outputs == 504


def test_every_layer_begins_as_he_et_al_draw_it():
    linear = [module for module in mip_nerf_360().modules() if isinstance(module, torch.nn.Linear)]
    for layer in linear:
        bound = (6 / layer.in_features) ** 0.5
        assert not layer.bias.any()
        assert 0.75 * bound < layer.weight.abs().max() <= bound


@pytest.mark.parametrize(
    ("scene", "spacing"), [(OBJECT, "t"), (UNBOUNDED, "1/t"), (PANORAMA, "1/t"), (FORWARD, "t")]
)
def test_the_first_slices_are_even_in_distance_or_without_an_end_in_disparity(scene, spacing):
    method, rays = mip_nerf_360(scene).eval(), some_rays(scene)
    along = ndc_rays(rays, scene.ndc) if scene.ndc else rays
    first = method.render(rays).coarser[0]
    close(first.extras["s"], torch.linspace(0, 1, 17).expand(16, 17))
    edges = method.intervals(along, first.extras["s"]).edges
    assert isinstance(first.intervals, Intervals)
    assert torch.equal(first.intervals.edges, edges)
    close(edges[:, [0, -1]], torch.stack([along.near, along.far], dim=-1))
    steps = (edges if spacing == "t" else 1 / edges).diff()
    close(steps, steps.mean(-1, keepdim=True).expand_as(steps), rtol=1e-3, atol=1e-4)


@every_scene
def test_each_level_looks_closer_at_the_dilated_histogram_of_the_one_before(scene):
    method = mip_nerf_360(scene, num_proposals=(16, 8), num_samples=4).eval()
    fill_with_matter(method)
    first, second, third = (edges[0] for edges in levels(method.render(some_rays(scene))))
    close(first, torch.linspace(0, 1, 17))
    # All weight lies in the first slice, from which dilation reaches half a bin and a constant further.
    close(second, torch.linspace(0, first[1] + 0.5 / 16 + 0.0025, 9), rtol=1e-3, atol=1e-6)
    close(third, torch.linspace(0, second[1] + 0.5 / (16 * 8) + 0.0025, 5), rtol=1e-3, atol=1e-6)


def test_proposals_are_not_trusted_at_the_start_of_training_and_wholly_outside_of_it():
    method, rays = mip_nerf_360(), some_rays(UNBOUNDED)
    fill_with_matter(method)
    trusted = levels(method.eval().render(rays))
    method.before_step(START)
    for edges, again in zip(trusted, levels(method.render(rays)), strict=True):
        assert torch.equal(edges, again)
    # With the power 0 all bins count alike, also those that the proposal holds for empty.
    assert levels(method.train().render(rays))[1].amax() > 0.9
    method.before_step(Progress(step=99, fraction=1.0))
    assert levels(method.render(rays))[1].amax() < 0.2


def test_annealing_follows_schlicks_bias():
    method, exponents = mip_nerf_360(), []
    for fraction in (0.0, 0.1, 0.5, 1.0):
        method.before_step(Progress(step=0, fraction=fraction))
        exponents.append(method.annealing)
    assert exponents == pytest.approx([0, 1 / 1.9, 5 / 5.5, 1])


@pytest.mark.parametrize("scene", [UNBOUNDED, PANORAMA], ids=["unbounded", "panorama"])
def test_networks_see_all_of_space_in_a_ball_of_radius_two_unless_told_otherwise(scene):
    rays, s = some_rays(scene), torch.linspace(0, 1, 9).expand(16, 9)
    plain, contracted = mip_nerf_360(scene, contracted=False), mip_nerf_360(scene)
    intervals = plain.intervals(rays, s)
    given, seen = plain.places(rays, intervals), contracted.places(rays, intervals)
    assert torch.equal(given.means, cast_cones(rays, intervals, "cone").means)
    close(seen.means, contract(given.means, "l2"))
    jacobian = contraction_jacobian(given.means, "l2")
    close(seen.covariances, jacobian @ given.covariances @ jacobian.mT)
    assert 1.5 < seen.means.norm(dim=-1).max() < 2 < given.means.norm(dim=-1).max()


@pytest.mark.parametrize(("scene", "shape"), [(OBJECT, "cone"), (FORWARD, "cylinder")])
def test_objects_and_the_cube_are_seen_as_they_are(scene, shape):
    method, rays = mip_nerf_360(scene), replace(some_rays(scene), radii=torch.full((16,), 0.1))
    intervals = method.intervals(rays, torch.linspace(0, 1, 9).expand(16, 9))
    seen, given = method.places(rays, intervals), cast_cones(rays, intervals, shape)
    assert torch.equal(seen.means, given.means)
    assert torch.equal(seen.covariances, given.covariances)


@pytest.mark.parametrize("scene", [OBJECT, UNBOUNDED, FORWARD, PANORAMA])
def test_density_at_points_is_that_of_slices_without_width_where_networks_see_them(scene):
    method, points = mip_nerf_360(scene), 3 * torch.randn(20, 3)
    if scene.ndc is not None:
        cube = torch.rand(20, 3) - 0.5
        seen, points = cube, world_from_ndc(cube, scene.ndc)
    else:
        seen = points if scene is OBJECT else contract(points, "l2")
    expected = method.network.density(Gaussians(seen, torch.zeros(20, 3, 3)))
    close(method.density(points), expected, rtol=1e-3, atol=1e-5)


@every_scene
def test_only_objects_may_be_seen_past(scene):
    rendering = mip_nerf_360(scene).render(some_rays(scene))
    for level in (*rendering.coarser, rendering):
        if scene is OBJECT:
            assert (level.opacity < 0.999).all()
        else:
            close(level.opacity, torch.ones(16))


@pytest.mark.parametrize("scene", [FORWARD, UNBOUNDED], ids=["forward-facing", "unbounded"])
def test_opaque_matter_is_met_where_the_ray_begins_in_world_units(scene):
    method, rays = mip_nerf_360(scene).eval(), some_rays(scene)
    fill_with_matter(method)
    depth = method.render(rays).depth
    first = rays.near
    if scene.ndc is not None:
        # The near plane lies at z = 1, one unit below the average camera at z = 2.
        first = (1 - rays.origins[:, 2]) / rays.directions[:, 2]
    assert (depth >= first * (1 - 1e-6)).all()
    assert (depth <= 1.05 * first).all()


@pytest.mark.parametrize(
    ("term", "taught"),
    [("photometric", "network"), ("distortion", "network"), ("interlevel", "proposal")],
)
def test_each_loss_teaches_one_of_the_networks(term, taught):
    method, rays = mip_nerf_360(), some_rays(UNBOUNDED, 64)
    losses = method.losses(method.render(rays), batch_of(rays), START)
    torch.stack([loss for name, loss in losses.items() if name.startswith(term)]).sum().backward()
    assert learns(method.proposal) == (taught == "proposal")
    assert learns(method.network) == (taught == "network")


def test_every_round_of_proposals_learns_from_the_last_level():
    method, rays = mip_nerf_360(), some_rays(UNBOUNDED, 64)
    losses = method.losses(method.render(rays), batch_of(rays), START)
    for i in range(2):
        method.zero_grad()
        losses[f"interlevel_{i}"].backward(retain_graph=True)
        assert learns(method.proposal)


@every_scene
def test_losses_are_those_of_the_paper_over_s_and_an_object_is_not_gathered(scene):
    method, rays = mip_nerf_360(scene, interlevel=0.5, distortion=0.1), some_rays(scene)
    rendering, batch = method.render(rays), batch_of(rays)
    losses = method.losses(rendering, batch, START)
    edges = levels(rendering)
    expected = {"photometric": charbonnier(rendering.rgb, batch.rgb)}
    for i, proposal in enumerate(rendering.coarser):
        bound = interlevel(edges[-1], rendering.weights, edges[i], proposal.weights)
        expected[f"interlevel_{i}"] = 0.5 * bound
    if scene is not OBJECT:
        expected["distortion"] = 0.1 * dense_distortion(rendering.weights, edges[-1])
    close(losses, expected)
    assert all(loss > 0 for loss in losses.values())


def test_without_the_interlevel_loss_proposals_stay_as_they_begin():
    method, rays = mip_nerf_360(interlevel=0.0), some_rays(UNBOUNDED, 64)
    losses = method.losses(method.render(rays), batch_of(rays), START)
    torch.stack(list(losses.values())).sum().backward()
    assert not learns(method.proposal)
    assert learns(method.network)


@pytest.mark.parametrize("rounds", [(), (16,), (16, 8, 8)])
def test_any_number_of_rounds_leads_to_the_slices_that_are_asked_for(rounds):
    rendering = mip_nerf_360(num_proposals=rounds, num_samples=12).render(some_rays(UNBOUNDED))
    assert [level.weights.shape[1] for level in rendering.coarser] == list(rounds)
    assert rendering.weights.shape == (16, 12)


@pytest.mark.parametrize("far", [10.0, 1e3, 1e6])
@pytest.mark.parametrize("bias", [-1e3, 0.0, 1e3], ids=["empty", "untrained", "full"])
@pytest.mark.parametrize("radius", [0.0, 1e-3])
def test_gradients_are_finite_in_an_unbounded_capture(far, bias, radius):
    method, rays = mip_nerf_360(), some_rays(UNBOUNDED)
    # The middle of the ball and the end of space are where the contraction and disparity are singular.
    rays = replace(rays, origins=torch.cat([torch.zeros(8, 3), rays.origins[8:]]))
    rays = replace(rays, far=torch.full((16,), far), radii=torch.full((16,), radius))
    with torch.no_grad():
        method.proposal.density_head.bias.fill_(bias)
        method.network.density_head.bias.fill_(bias)
    method.before_step(START)
    losses = method.losses(method.render(rays), batch_of(rays), START)
    torch.stack(list(losses.values())).sum().backward()
    assert all(loss.isfinite() for loss in losses.values())
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_networks_are_clipped_apart():
    method = mip_nerf_360()
    proposal, network = method.param_groups()
    assert proposal["params"] == list(method.proposal.parameters())
    assert network["params"] == list(method.network.parameters())
    assert [(group["lr"], group["eps"]) for group in (proposal, network)] == [(5e-3, 1e-6)] * 2
