from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rayloom.geometry.ndc import ndc_from_world
from rayloom.losses.factors import sparsity
from rayloom.methods.tensorf import TensoRF, TensoRFConfig
from rayloom.training.optimizer import Optimizer
from rayloom.training.weights import load_weights, save_weights
from rayloom.types import Batch, PackedSamples, Progress, Rays, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, SCENES, UNBOUNDED, BallBatches, random_rays

close = torch.testing.assert_close
START = Progress(step=0, fraction=0.0)
every_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)


def tensorf(scene: SceneInfo = OBJECT, **settings: object) -> TensoRF:
    return TensoRF(replace(TensoRF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def some_rays(scene: SceneInfo = OBJECT, num_rays: int = 32) -> Rays:
    return random_rays(scene, num_rays, torch.Generator().manual_seed(0))


@torch.no_grad()
def fill(method: TensoRF, share: float = 0.5, amount: float = 5.0) -> None:
    """Put matter into the middle of the box, so wide along every axis, and nothing around it."""
    factors = method.field.density_factors
    for plane, line in zip(factors.planes, factors.lines, strict=True):
        places = [torch.linspace(-1, 1, n).abs() <= share for n in (*plane.shape[1:], line.shape[1])]
        plane.copy_((places[0][:, None] & places[1]).expand_as(plane))
        line.copy_(amount * places[2].expand_as(line))


def trained_to(method: TensoRF, fraction: float) -> bool:
    return method.after_step(Progress(step=10, fraction=fraction))


def at(method: TensoRF, share: float) -> Tensor:
    """Points in a box so large as a share of the object's."""
    high = torch.tensor(method.scene.box_high)
    return share * high * (2 * torch.rand(200, 3) - 1)


def test_the_paper_size_has_the_components_and_the_network_of_vm_192():
    method = TensoRF(TensoRFConfig(), OBJECT)
    density, appearance = method.field.density_factors, method.field.appearance_factors
    assert density.resolution == appearance.resolution == (128, 128, 128)
    assert density.num_components + appearance.num_components == 192
    # 27 features and 3 directions, each with 2 octaves of sines and cosines: 150 inputs.
    assert [tuple(p.shape) for p in method.field.networks()] == [
        (27, 144), (128, 150), (128,), (128, 128), (128,), (3, 128), (3,)
    ]  # fmt: skip
    method.field.upsample(300.0)
    assert sum(p.numel() for p in method.parameters()) == pytest.approx(17.95e6, rel=0.05)


def test_a_box_of_unequal_edges_has_cubic_voxels_and_as_many_in_all():
    long = replace(OBJECT, box_low=(-0.8, -0.4, -0.2), box_high=(0.8, 0.4, 0.2))
    nodes = tensorf(long, first_resolution=16).field.density_factors.resolution
    assert nodes == (32, 16, 8)


def test_before_training_space_is_all_but_empty_at_any_scale_of_the_world():
    """As in the paper's box, 3 wide with 25 as factor: sigma delta is 75 softplus(-10) / 256 in a step."""
    large = replace(OBJECT, box_low=(-6.0,) * 3, box_high=(6.0,) * 3)
    for scene in (OBJECT, large):
        method = tensorf(scene, first_resolution=128)
        for parameter in method.field.density_factors.parameters():
            torch.nn.init.zeros_(parameter)
        depth = method.density(at(method, 1.0)) * method.steps.smallest
        close(depth, torch.full_like(depth, 75 * 4.54e-5 / 254), rtol=1e-3, atol=0)


@every_scene
def test_steps_are_half_a_voxel_and_grow_only_where_there_is_no_end(scene: SceneInfo):
    method = tensorf(scene).eval()
    samples = method.march(some_rays(scene))
    widths = samples.ends - samples.starts
    assert method.steps.smallest == pytest.approx(method.field.voxel_width / 2)
    if scene is UNBOUNDED:
        assert widths.max() > 5 * widths.min()
    else:
        close(widths, torch.full_like(widths, method.steps.smallest), rtol=1e-3, atol=0)


def test_a_sample_without_weight_has_no_colour_of_its_own_and_is_unlike_the_background():
    rays = some_rays()
    for background, faint in ((1.0, 0.0), (0.0, 1.0)):
        method = tensorf(replace(OBJECT, background=(background,) * 3), color_threshold=2.0).eval()
        rendering = method.render(rays)
        expected = background + rendering.opacity * (faint - background)
        close(rendering.rgb, expected[:, None].expand(-1, 3))


def test_colour_below_the_threshold_changes_little():
    rays = some_rays()
    method = tensorf().eval()
    fill(method)
    exact = TensoRF(replace(method.config, color_threshold=0.0), OBJECT).eval()
    exact.load_state_dict(method.state_dict())
    method.config = replace(method.config, color_threshold=1e-4)
    close(method.render(rays).rgb, exact.render(rays).rgb, atol=1e-2, rtol=0)


def test_photographs_are_trained_before_black_and_white_and_objects_before_their_background():
    method = tensorf(UNBOUNDED).train()
    seen = {float(method.random_background()[0]) for _ in range(50)}
    assert seen == {0.0, 1.0}
    assert torch.equal(method.eval().random_background(), method.background)
    objects = tensorf(OBJECT).train()
    assert all(torch.equal(objects.random_background(), objects.background) for _ in range(20))


def test_matter_keeps_its_density_when_the_box_shrinks_and_beyond_it_there_is_none():
    method = tensorf(upsample_shares=(0.9,))
    fill(method)
    points = at(method, 0.6)
    before = method.density(points)
    assert trained_to(method, 0.3)
    assert (method.field.box.high - method.field.box.low < 1.0).all()
    # Density is hundreds times the features, of which float32 keeps seven digits.
    close(method.density(points), before, rtol=1e-4, atol=1e-4 * before.max().item())
    assert (method.density(at(method, 3.0)[:50].abs() + 0.7) == 0).all()


def test_the_mask_drops_samples_and_no_light():
    rays, method = some_rays(num_rays=128), tensorf(upsample_shares=()).eval()
    fill(method, share=0.3)
    before = method.render(rays)
    trained_to(method, 0.3)
    after = method.render(rays)
    assert len(after.weights) < 0.5 * len(before.weights)
    # Another box moves the lattice of steps, by which opacity at an edge depends.
    assert (after.opacity - before.opacity).abs().mean() < 0.02


def test_where_nothing_would_be_left_neither_box_nor_mask_changes():
    method = tensorf(mask_threshold=0.5)
    assert not trained_to(method, 0.29)
    trained_to(method, 0.3)
    assert int(method.num_masks) == 1
    assert method.mask.occupied_share == 1
    close(method.field.box.high, torch.tensor(OBJECT.box_high))


def test_all_of_space_never_shrinks():
    method = tensorf(UNBOUNDED, upsample_shares=())
    fill(method, share=0.3)
    assert not trained_to(method, 1.0)
    assert method.mask.occupied_share < 0.5
    close(method.field.box.high, torch.ones(3))


def test_numbers_of_voxels_grow_by_equal_factors():
    shares = (0.1, 0.2, 0.3, 0.4)
    method = tensorf(first_resolution=16, resolution=81, upsample_shares=shares, mask_shares=())
    edges = [16]
    for share in shares:
        assert not trained_to(method, share - 0.01)
        assert trained_to(method, share)
        edges.append(method.field.density_factors.resolution[0])
    assert edges == [16, 24, 36, 54, 81]


def test_rates_are_those_of_the_start_at_each_upsampling():
    method = tensorf(lr=0.02, lr_final=0.002, network_lr=1e-3, upsample_shares=(0.3, 0.5), mask_shares=())
    optimizer = Optimizer(method)

    def rates(fraction: float) -> list[float]:
        optimizer.step(torch.stack([p.sum() for p in method.parameters()]).sum(), fraction)
        return [group["lr"] for group in optimizer.adam.param_groups]

    assert rates(0.0) == pytest.approx([0.02, 1e-3])
    assert rates(0.3) == pytest.approx([0.02 * 10**-0.3, 1e-3 * 10**-0.3])
    for share in (0.3, 0.5):
        assert trained_to(method, share)
        optimizer.renew()
        assert rates(share) == pytest.approx([0.02, 1e-3])
        assert rates(share + 0.1) == pytest.approx([0.02 * 10**-0.1, 1e-3 * 10**-0.1])


def test_after_the_second_mask_rays_that_meet_nothing_do_not_count():
    method, batches = tensorf(upsample_shares=()), BallBatches(OBJECT)
    fill(method, share=0.3)
    batch = batches.next(256)
    for fraction, counts in ((0.3, False), (0.6, True)):
        trained_to(method, fraction)
        rendering = method.render(batch.rays)
        assert isinstance(rendering.intervals, PackedSamples)
        hit = torch.bincount(rendering.intervals.ray_index, minlength=256) > 0
        assert 0.05 < hit.float().mean() < 0.6
        errors = (rendering.rgb - batch.rgb).square().mean(-1)
        loss = method.losses(rendering, batch, START)["photometric"]
        close(loss, errors[hit].mean() if counts else errors.mean())
    assert method.rays_per_step() == round(method.config.rays_per_step / hit.float().mean().item())


def test_rays_that_all_miss_leave_a_loss_that_is_a_number():
    method = tensorf(upsample_shares=())
    fill(method, share=0.3)
    trained_to(method, 1.0)
    method.num_masks.fill_(2)
    rays = some_rays()
    away = replace(rays, directions=-rays.directions)
    batch = Batch(away, rgb=torch.rand(32, 3), alpha=torch.ones(32))
    assert all(loss.isfinite() for loss in method.losses(method.render(away), batch, START).values())


def test_the_weight_of_sparsity_falls_with_the_first_mask_and_total_variation_with_the_rates():
    method, batch = tensorf(density_tv=0.5, appearance_tv=0.25), BallBatches(OBJECT).next(16)
    factors = list(method.field.density_factors.parameters())
    rendering = method.render(batch.rays)
    first = method.losses(rendering, batch, START)
    close(first["sparsity"], method.config.density_l1 * sparsity(factors))
    method.num_masks.fill_(1)
    later = method.losses(rendering, batch, Progress(step=1, fraction=1.0))
    close(later["sparsity"], method.config.density_l1_later * sparsity(factors))
    for name in ("density_tv", "appearance_tv"):
        close(later[name], 0.1 * first[name])


def test_lines_alone_learn_too():
    method, batches = tensorf(decomposition="cp", density_tv=0.1), BallBatches(OBJECT)
    batch = batches.next(64)
    sum(method.losses(method.render(batch.rays), batch, START).values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.parameters())
    assert trained_to(method, 1.0)
    assert method.render(batch.rays).rgb.isfinite().all()


@every_scene
def test_gradients_reach_the_rays(scene: SceneInfo):
    method, rays = tensorf(scene).eval(), some_rays(scene)
    fill(method, share=0.7)
    origins = rays.origins.clone().requires_grad_()
    directions = rays.directions.clone().requires_grad_()
    moved = replace(rays, origins=origins, directions=directions)
    method.render(moved).rgb.square().sum().backward()
    for leaf in (origins, directions):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert leaf.grad.any()


def test_depth_of_forward_facing_captures_is_the_worlds():
    method, rays = tensorf(FORWARD).eval(), some_rays(FORWARD)
    fill(method, share=0.6, amount=50.0)
    rendering = method.render(rays)
    seen = rendering.opacity > 0.99
    assert seen.sum() > 3
    points = (rays.origins + rendering.depth[:, None] * rays.directions)[seen]
    assert FORWARD.ndc is not None
    surface = ndc_from_world(points, FORWARD.ndc)[:, 2]
    # Matter begins at -0.6 along the cube; light comes from a few steps behind its surface.
    assert ((surface > -0.75) & (surface < 0)).all()


@every_scene
def test_weights_survive_saving_after_upsampling_and_shrinking(scene: SceneInfo, tmp_path: Path):
    saved, loaded = tensorf(scene), tensorf(scene)
    fill(saved)
    for fraction in (0.3, 0.6):
        trained_to(saved, fraction)
    save_weights(tmp_path, saved)
    load_weights(tmp_path, loaded)
    assert loaded.field.density_factors.resolution == saved.field.density_factors.resolution != (16, 16, 16)
    rays = some_rays(scene)
    with torch.no_grad():
        assert torch.equal(saved.eval().render(rays).rgb, loaded.eval().render(rays).rgb)
    # The schedule goes on where it was.
    assert not loaded.after_step(Progress(step=11, fraction=0.6))
    assert [group["lr"] for group in loaded.param_groups()] == [g["lr"] for g in saved.param_groups()]
