from dataclasses import replace

import pytest
import torch

from rayloom.methods.plenoxels import RMSPROP, Plenoxels
from rayloom.training.optimizer import Optimizer
from rayloom.types import Batch, Progress, Rays, SceneInfo
from tests.methods.ball import OBJECT, UNBOUNDED, BallBatches, random_rays

close = torch.testing.assert_close


def plenoxels(scene: SceneInfo = OBJECT, **settings: object) -> Plenoxels:
    return Plenoxels(replace(Plenoxels.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def some_rays(scene: SceneInfo = OBJECT, num_rays: int = 32) -> Rays:
    return random_rays(scene, num_rays, torch.Generator().manual_seed(0))


@torch.no_grad()
def fill_half(method: Plenoxels, density: float = 20.0) -> None:
    """Put matter where x < 0 alone."""
    grid = method.grid
    left = grid.places(torch.arange(len(grid.raw_density)))[:, 0] < (grid.rows.shape[0] - 1) / 2
    grid.raw_density.copy_(torch.where(left, density, -1.0))


def watch(method: Plenoxels, fraction: float, steps: int = 8) -> None:
    """Render some training rays at this share of a run."""
    method.train().before_step(Progress(step=1, fraction=fraction))
    for seed in range(steps):
        method.render(random_rays(method.scene, 256, torch.Generator().manual_seed(seed)))


def test_steps_are_half_a_voxel() -> None:
    assert plenoxels().steps.smallest == pytest.approx(1.2 / 15 / 2)


def test_a_stage_drops_what_had_no_weight_and_makes_the_grid_finer() -> None:
    method = plenoxels(prune_margin=1, resolutions=(16, 32))
    fill_half(method)
    watch(method, 0.35)
    assert method.after_step(Progress(step=9, fraction=0.4))
    assert method.grid.rows.shape == (32, 32, 32)
    places = method.grid.places(torch.arange(len(method.grid.raw_density)))
    assert len(places) < 0.75 * 32**3
    # Matter ends at node 8, the margin at 9, and what lies beside it at 10, which is 20.7 of the new ones.
    assert (places[:, 0] < 21).all()
    assert not method.after_step(Progress(step=10, fraction=0.41))


def test_dropping_what_has_no_weight_changes_no_picture() -> None:
    method, rays = plenoxels(prune_threshold=0.0, resolutions=(16, 16)), some_rays()
    fill_half(method)
    watch(method, 0.35, steps=60)
    before = method.eval().render(rays).rgb
    method.train().after_step(Progress(step=9, fraction=0.4))
    assert len(method.grid.raw_density) < 16**3
    # What no ray met in training may still be met by others.
    assert (method.eval().render(rays).rgb - before).abs().mean() < 0.01


@pytest.mark.parametrize("scene", [OBJECT, UNBOUNDED], ids=["object", "unbounded"])
def test_rays_step_over_what_was_dropped(scene: SceneInfo) -> None:
    method = plenoxels(scene, mask_resolution=32)
    fill_half(method)
    watch(method, 0.35)
    before = method.eval().render(some_rays(scene)).weights.numel()
    method.train().after_step(Progress(step=9, fraction=0.4))
    # Voxels are half as wide now, and steps as well.
    assert method.eval().render(some_rays(scene)).weights.numel() < 2 * before


def test_weights_are_watched_in_the_second_half_of_a_stage_that_another_follows() -> None:
    method = plenoxels()
    for fraction, watching in ((0.1, False), (0.25, True), (0.39, True)):
        method.before_step(Progress(step=1, fraction=fraction))
        assert method.watching == watching
    method.stage.fill_(1)
    method.before_step(Progress(step=1, fraction=0.9))
    assert not method.watching


def test_samples_without_weight_need_no_colour() -> None:
    """The picture is that with all colours, as their weights are all but zero."""
    method, rays = plenoxels(), some_rays()
    fill_half(method)
    torch.nn.init.normal_(method.grid.harmonics)
    rendering = method.eval().render(rays)
    samples = method.march(rays)
    points, view = rays.at_samples(samples), rays.view_directions[samples.ray_index]
    whole = torch.zeros(32, 3).index_add(
        0, samples.ray_index, rendering.weights[:, None] * method.grid.color(points, view)
    )
    close(rendering.rgb, whole + (1 - rendering.opacity)[:, None], atol=2e-3, rtol=0)


def test_total_variation_smooths_and_weighs_as_configured() -> None:
    rough, smooth = plenoxels(density_tv=1.0, color_tv=0.0, tv_share=1.0), plenoxels()
    torch.nn.init.uniform_(rough.grid.raw_density)
    batch: Batch = BallBatches(OBJECT).next(16)
    progress = Progress(step=0, fraction=0.0)
    terms = rough.losses(rough.render(batch.rays), batch, progress)
    assert set(terms) == {"photometric", "density_tv"}
    assert terms["density_tv"] > 0
    flat = smooth.losses(smooth.render(batch.rays), batch, progress)
    close(flat["density_tv"], torch.tensor(0.0), atol=1e-8, rtol=0)


def test_rmsprop_moves_density_and_harmonics_at_their_own_rates() -> None:
    method = plenoxels(lr_warmup=0.0)
    optimizer = Optimizer(method)
    density, harmonics = method.grid.raw_density.detach().clone(), method.grid.harmonics.detach().clone()
    loss = 1e3 * method.grid.raw_density[7] + 1e-3 * method.grid.harmonics[7, 3]
    optimizer.step(loss, 0.0)
    # RMSProp's first step is the rate itself, however large the slope; nothing else moves.
    close(method.grid.raw_density - density, -5.0 * torch.eye(len(density))[7], atol=1e-4, rtol=0)
    moved = method.grid.harmonics - harmonics
    close(moved[7, 3], torch.tensor(-0.05), atol=1e-4, rtol=0)
    assert (moved != 0).sum() == 1
    assert RMSPROP[0] == 0
