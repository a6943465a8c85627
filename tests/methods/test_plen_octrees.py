from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.geometry.transforms import look_at
from rayloom.methods.plen_octrees import PlenOctrees, PlenOctreesConfig
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.training.optimizer import Optimizer
from rayloom.training.weights import load_weights, save_weights
from rayloom.types import PackedSamples, Progress, SceneInfo
from tests.methods.ball import OBJECT, SCENES, BallBatches, random_rays

close = torch.testing.assert_close
every_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)


def plen_octrees(scene: SceneInfo = OBJECT, **settings: object) -> PlenOctrees:
    torch.manual_seed(0)
    return PlenOctrees(replace(PlenOctrees.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def dense_inside(method: PlenOctrees, radius: float, density: float) -> None:
    """Let the network know a ball and nothing else; the frame of a box is 1 where the world is 0.6."""

    def known(places: torch.Tensor) -> torch.Tensor:
        return density * (places.norm(dim=-1) < radius / 0.6).float()

    method.field.network.density = known
    method.field.network.coefficients = lambda places: (known(places), places.repeat(1, 16))


def views_from_around(num: int) -> Views:
    camera = Intrinsics(CameraModel.PINHOLE, width=24, height=24, fx=30.0, fy=30.0, cx=12.0, cy=12.0)
    origins = random_rays(OBJECT, num, torch.Generator().manual_seed(0)).origins
    poses = torch.stack([look_at(eye, torch.zeros(3), torch.tensor([0.1, 0.2, 1.0])) for eye in origins])
    images = (np.zeros((24, 24, 3), np.uint8),) * num
    return Views(Cameras.from_intrinsics([camera] * num, poses, 0.5, 4.0), images)


def test_at_the_papers_size_the_network_has_49_outputs_and_leaves_are_512_a_side():
    method = PlenOctrees(PlenOctreesConfig(), OBJECT)
    network = method.field.network
    assert network.density_head.out_features + network.harmonics_head.out_features == 49
    assert network.trunk.num_outputs == 256
    assert method.tree.grid.resolution == 512


@every_scene
def test_the_tree_is_made_once_when_it_is_time(scene: SceneInfo):
    method = plen_octrees(scene, network_share=0.5)
    assert not method.after_step(Progress(step=9, fraction=0.49))
    assert not method.planted
    assert len(method.tree.log_depths) == 0
    assert method.after_step(Progress(step=10, fraction=0.5))
    assert method.planted
    assert len(method.tree.log_depths) > 100
    assert not method.after_step(Progress(step=11, fraction=0.6))
    assert method.rays_per_step() == method.config.leaf_rays


@pytest.mark.parametrize("colors", ["harmonics", "directions"])
def test_the_tree_shows_what_the_network_shows(colors: str):
    method = plen_octrees(leaves=32, network_share=0.99, colors=colors)
    train(method, BallBatches(OBJECT), TrainConfig(steps=40))
    method.plant()
    rays = random_rays(OBJECT, 256, torch.Generator().manual_seed(0))
    with torch.no_grad():
        network, leaves = method.eval().render_network(rays), method.render_leaves(rays)
    assert (network.rgb - leaves.rgb).square().mean() < 1e-3
    assert (network.opacity - leaves.opacity).abs().mean() < 0.05


def test_only_leaves_that_a_photo_shows_are_kept():
    method, rays = plen_octrees(leaves=32), random_rays(OBJECT, 200, torch.Generator().manual_seed(1))
    dense_inside(method, radius=0.4, density=150.0)
    method.plant()
    # A leaf is as wide as a sixteenth of the unit, and light gets through two or three.
    distance = method.tree.grid.middles(method.tree.levels, leaf_cells(method)).norm(dim=-1)
    assert distance.min() < 0.1
    whole = len(method.tree.log_depths)
    method.observe(views_from_around(12))
    method.plant()
    assert len(method.tree.log_depths) < 0.8 * whole
    distance = method.tree.grid.middles(method.tree.levels, leaf_cells(method)).norm(dim=-1)
    assert distance.min() > 0.2
    assert distance.max() < 0.46
    assert method.render_leaves(rays).opacity.isfinite().all()


def leaf_cells(method: PlenOctrees) -> torch.Tensor:
    """The cell of each leaf, all of one level: by asking the middle of every cell."""
    levels, cells = method.tree.grid.cells()
    leaf = method.tree.nodes.leaf_at(method.tree.grid.middles(levels, cells))
    return cells[leaf >= 0][leaf[leaf >= 0].argsort()]


def test_a_tree_in_which_no_photo_shows_anything_keeps_its_leaves():
    method = plen_octrees(min_weight=2.0)
    method.plant()
    assert len(method.tree.log_depths) > 0


def test_the_prior_is_the_mean_opacity_of_random_places():
    method, batch = plen_octrees(sparsity=0.5, sparsity_length=0.1), BallBatches(OBJECT).next(8)
    method.field.network.density = lambda places: torch.full_like(places[:, 0], 7.0)
    terms = method.losses(method.render(batch.rays), batch, Progress(step=0, fraction=0.0))
    # The box is 1.2 wide.
    close(terms["sparsity"], 0.5 * -torch.expm1(torch.tensor(-7.0 * 0.12)))
    method.plant()
    assert set(method.losses(method.render(batch.rays), batch, Progress(step=1, fraction=1.0))) == {
        "photometric"
    }


def test_rates_of_leaves_fall_tenfold_from_when_they_begin():
    method = plen_octrees(network_share=0.6, depth_lr=0.05, harmonics_lr=0.02)
    optimizer = Optimizer(method)
    method.after_step(Progress(step=0, fraction=0.6))
    optimizer.renew()
    for fraction, factor in ((0.6, 1.0), (0.8, 10**-0.5), (1.0, 0.1)):
        optimizer.step(method.tree.log_depths.sum() + method.tree.harmonics.sum(), fraction)
        rates = [group["lr"] for group in optimizer.adam.param_groups]
        assert rates[1:] == pytest.approx([0.05 * factor, 0.02 * factor])


@every_scene
def test_leaves_learn_what_the_photos_show_and_the_network_rests(scene: SceneInfo):
    method, batches = plen_octrees(scene).train(), BallBatches(scene)
    method.after_step(Progress(step=0, fraction=1.0))
    batch = batches.next(128)
    sum(method.losses(method.render(batch.rays), batch, Progress(step=1, fraction=1.0)).values()).backward()  # type: ignore[union-attr]
    moved = {name.partition(".")[0] for name, p in method.named_parameters() if p.grad is not None}
    assert moved == {"tree"}
    assert method.tree.log_depths.grad is not None
    assert method.tree.log_depths.grad.any()


@every_scene
def test_weights_survive_saving_after_the_tree_was_made(scene: SceneInfo, tmp_path: Path):
    saved, loaded = plen_octrees(scene), plen_octrees(scene)
    saved.after_step(Progress(step=0, fraction=1.0))
    save_weights(tmp_path, saved)
    load_weights(tmp_path, loaded)
    rays = BallBatches(scene).next(64).rays
    with torch.no_grad():
        assert torch.equal(saved.eval().render(rays).rgb, loaded.eval().render(rays).rgb)


def test_what_is_baked_is_what_is_rendered():
    method = plen_octrees()
    method.after_step(Progress(step=0, fraction=1.0))
    rays = random_rays(OBJECT, 20, torch.Generator().manual_seed(0))
    samples = method.render_leaves(rays).intervals
    assert isinstance(samples, PackedSamples)
    points, directions = rays.at_samples(samples), rays.view_directions[samples.ray_index]
    density, rgb = method.density(points), method.color(points, directions[:, None])[:, 0]
    leaf = method.tree.nodes.leaf_at(points)
    assert (leaf >= 0).all()
    close(density, method.tree.density(leaf))
    assert ((rgb > 0) & (rgb < 1)).all()
