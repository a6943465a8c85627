from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.losses.elastic import elastic
from rayloom.methods.nerfies import Nerfies
from rayloom.types import Batch, Progress, Rays, SceneInfo
from tests.methods.ball import OBJECT, UNBOUNDED, BallBatches, random_rays

close = torch.testing.assert_close


def nerfies(scene: SceneInfo = OBJECT, **settings: object) -> Nerfies:
    """A method whose photos have the times 0, 1/3, 2/3 and 1, and whose warp moves."""
    torch.manual_seed(0)
    method = Nerfies(replace(Nerfies.presets["tiny"], **settings), scene)  # type: ignore[arg-type]
    torch.nn.init.normal_(method.warp.head.weight, std=0.1)
    method.observe(views())
    return method


def views(points: np.ndarray | None = None) -> Views:
    item = Intrinsics(CameraModel.PINHOLE, 4, 4, 4.0, 4.0, 2.0, 2.0)
    cameras = Cameras.from_intrinsics([item] * 4, torch.eye(3, 4).repeat(4, 1, 1), 1.0, 3.0,
                                      times=torch.linspace(0, 1, 4))  # fmt: skip
    return Views(cameras, (), points)


def rays_of(camera_index: int, time: float) -> Rays:
    rays = random_rays(OBJECT, 8, torch.Generator().manual_seed(0))
    return replace(rays, camera_index=torch.full((8,), camera_index), time=torch.full((8,), time))


def terms(method: Nerfies, seed: int = 0) -> dict[str, torch.Tensor]:
    batch = BallBatches(OBJECT, seed).next(64)
    return method.losses(method.render(batch.rays), batch, Progress(step=0, fraction=0.0))


def test_a_held_out_photo_looks_as_a_training_photo_of_its_time():
    method = nerfies().eval()
    with torch.no_grad():
        own, same_time, between = (
            method.render(rays_of(*ray)).rgb for ray in ((2, 2 / 3), (-1, 2 / 3), (-1, 0.5))
        )
    close(own, same_time)
    assert (own - between).abs().max() > 1e-6


def test_appearance_changes_colours_and_nothing_else():
    method = nerfies().eval()
    with torch.no_grad():
        before = method.render(rays_of(1, 0.0))
        method.appearances.weight[1] += 3
        after = method.render(rays_of(1, 0.0))
    close(before.opacity, after.opacity)
    assert (before.rgb - after.rgb).abs().max() > 1e-6


def test_octaves_of_the_warp_are_let_in_over_their_share_of_the_run():
    method, found = nerfies(anneal_until=0.5), []
    for fraction in (0.0, 0.25, 0.5, 1.0):
        method.before_step(Progress(step=0, fraction=fraction))
        found.append(float(method.octaves.octaves_in))
    assert found == [0, 2, 4, 4]
    at_once = nerfies(anneal_until=0.0)
    at_once.before_step(Progress(step=0, fraction=0.0))
    assert float(at_once.octaves.octaves_in) == 4


def test_a_warp_that_turns_everything_is_free_and_one_that_stretches_is_not():
    rigid, stretching = nerfies(elastic_weight=1.0), nerfies(elastic_weight=1.0, movement="translation")
    torch.nn.init.zeros_(rigid.warp.head.weight)
    rigid.warp.head.bias.data.copy_(torch.tensor([0.3, -0.2, 0.5, 0.1, 0.2, -0.4]))
    assert terms(rigid)["elastic"] < 1e-6
    assert terms(stretching)["elastic"] > 1e-3


def test_one_drawn_point_a_ray_has_the_expectation_of_the_sum_over_all():
    method = nerfies().eval()
    rays = BallBatches(OBJECT).next(4).rays
    rendering = method.render(rays)
    coarse = rendering.coarser[0]
    points = rays.at(coarse.intervals.edges[:, :-1])  # type: ignore[union-attr]
    codes = method.codes(rays)[:, None].expand(*points.shape[:2], -1)
    energies = elastic(method.warp.jacobian(points, codes))
    expected = (coarse.weights * energies).sum(-1).mean()
    drawn = [method.elastic_energy(rendering, rays).item() for _ in range(800)]
    spread = float(np.std(drawn) / np.sqrt(len(drawn)))
    assert abs(np.mean(drawn) - expected.item()) < 5 * spread


def test_static_points_hold_the_warp_where_the_capture_has_any():
    method = nerfies(background_weight=1.0)
    assert "background" not in terms(method)
    method.observe(views(np.random.default_rng(0).normal(size=(50, 3))))
    assert terms(method)["background"] > 0.01
    torch.nn.init.zeros_(method.warp.head.weight)
    assert terms(method)["background"] == 0


def test_losses_with_weight_zero_are_not_there():
    method = nerfies(elastic_weight=0.0, background_weight=0.0)
    method.observe(views(np.zeros((5, 3))))
    assert set(terms(method)) == {"photometric"}


def test_both_levels_count_and_share_the_warp():
    method = nerfies()
    batch = BallBatches(OBJECT).next(16)
    rendering = method.render(batch.rays)
    assert rendering.weights.shape == (16, 18)
    (coarse,) = rendering.coarser
    assert coarse.weights.shape == (16, 12)
    wrong = Batch(batch.rays, rgb=coarse.rgb.detach(), alpha=batch.alpha)
    assert method.losses(rendering, wrong, Progress(0, 0.0))["photometric"] > 0


def test_density_is_that_of_the_first_moment():
    method, points = nerfies().eval(), torch.rand(4, 5, 3) - 0.5
    with torch.no_grad():
        code = method.codes.weight[:1].expand(4, -1)
        close(method.density(points), method.fine.density(method.warp(points, code)))


@pytest.mark.parametrize(("scene", "spacing"), [(OBJECT, "distance"), (UNBOUNDED, "disparity")])
def test_captures_without_end_are_sampled_evenly_in_disparity(scene: SceneInfo, spacing: str):
    assert nerfies(scene).spacing == spacing
