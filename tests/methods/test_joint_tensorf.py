from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.geometry.ndc import ndc_rays
from rayloom.losses import squared_error
from rayloom.losses.edges import edge_guided
from rayloom.methods.joint_tensorf import JointTensoRF, JointTensoRFConfig, annealed
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.types import Batch, Progress, Rays, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, BallBatches, random_rays

close = torch.testing.assert_close
START = Progress(step=0, fraction=0.0)
SIZE = 12


def joint_tensorf(scene: SceneInfo = OBJECT, **settings: object) -> JointTensoRF:
    smallest = {"first_resolution": 8, "resolution": 12, "num_samples": 16, **settings}
    return JointTensoRF(replace(JointTensoRF.presets["tiny"], **smallest), scene)  # type: ignore[arg-type]


def some_rays(scene: SceneInfo = OBJECT, num_rays: int = 24) -> Rays:
    return random_rays(scene, num_rays, torch.Generator().manual_seed(0))


def views() -> Views:
    """Four noisy photos from the side."""
    intrinsics = [Intrinsics(CameraModel.PINHOLE, SIZE, SIZE, 15.0, 15.0, 6.0, 6.0)] * 4
    poses = np.tile(np.eye(3, 4), (4, 1, 1)) + np.arange(4)[:, None, None] * np.eye(3, 4, 3) * 0.1
    cameras = Cameras.from_intrinsics(intrinsics, poses, 1.0, 3.0, image_index=np.arange(4))
    rng = np.random.default_rng(0)
    return Views(cameras, tuple(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for _ in range(4)))


def batch_of(rays: Rays) -> Batch:
    """Pixels that the photos have."""
    pixels = torch.randint(SIZE, rays.pixels.shape) + 0.5
    truth = torch.rand(rays.shape[0], 3)
    return Batch(replace(rays, pixels=pixels), rgb=truth, alpha=torch.ones(rays.shape))


def with_matter(method: JointTensoRF) -> JointTensoRF:
    """Let features be large enough for something to be seen, and colour be the same from all sides."""
    field = method.filtered.field
    with torch.no_grad():
        for factor in field.density_factors.parameters():
            factor.mul_(12)
        weight, _ = field.network[0].parameters()
        weight[:, field.feature_encoding.num_outputs :] = 0
    return method


def in_float64(scene: SceneInfo) -> tuple[JointTensoRF, Rays]:
    """A method at places of samples that do not depend on its cameras, as the gradient has it."""
    method, rays = with_matter(joint_tensorf(scene)).double().eval(), some_rays(scene)
    rays = rays.map(lambda x: x.double() if x.is_floating_point() else x)
    assert method.cameras is not None
    with torch.no_grad():
        method.cameras.twists.copy_(0.05 * torch.randn_like(method.cameras.twists))
        method.filtered.width.fill_(0.1)
    seen = method.cameras.corrected(rays)
    fixed = method.intervals(seen if scene.ndc is None else ndc_rays(seen, scene.ndc))
    method.intervals = lambda rays: fixed  # type: ignore[method-assign]
    return method, rays


@pytest.mark.parametrize("scene", [OBJECT, FORWARD], ids=["object", "forward-facing"])
def test_the_slope_of_the_loss_over_twists_is_its_central_difference(scene):
    method, rays = in_float64(scene)
    assert method.cameras is not None
    truth, twists = torch.rand(24, 3, dtype=torch.float64), method.cameras.twists
    loss = squared_error(method.render(rays).rgb, truth)
    (slopes,) = torch.autograd.grad(loss, twists)
    step, found = 1e-6, torch.zeros_like(slopes[:2])
    with torch.no_grad():
        for place in np.ndindex(*found.shape):
            sides: list[Tensor] = []
            for sign in (1, -1):
                twists[place] += sign * step
                sides.append(squared_error(method.render(rays).rgb, truth))
                twists[place] -= sign * step
            found[place] = (sides[0] - sides[1]) / (2 * step)
    assert slopes.abs().max() > 1e-5
    close(slopes[:2], found, rtol=1e-3, atol=1e-7)


def test_cameras_learn_through_the_places_of_samples_alone():
    method = with_matter(joint_tensorf()).train()
    assert method.cameras is not None
    field, truth = method.filtered.field, torch.rand(24, 3)
    unit = field.unit
    field.unit = lambda points: unit(points.detach())  # type: ignore[method-assign]
    squared_error(method.render(some_rays()).rgb, truth).backward()
    assert method.cameras.twists.grad is None or not method.cameras.twists.grad.any()
    field.unit = unit  # type: ignore[method-assign]
    squared_error(method.render(some_rays()).rgb, truth).backward()
    assert method.cameras.twists.grad is not None
    assert (method.cameras.twists.grad.abs().amax(-1) > 0).all()


def test_the_filter_is_gone_at_the_end_and_kept_with_the_weights_before():
    method = with_matter(joint_tensorf()).eval()
    plain = joint_tensorf(filter_3d=False).eval()
    rays = some_rays()
    for fraction, same in ((0.0, False), (0.15, False), (0.3, True), (1.0, True)):
        for each in (method, plain):
            each.before_step(Progress(step=0, fraction=fraction))
        plain.filtered.field.load_state_dict(method.filtered.field.state_dict())
        assert torch.equal(method.render(rays).rgb, plain.render(rays).rgb) == same
        loaded = joint_tensorf().eval()
        loaded.load_state_dict(method.state_dict())
        assert torch.equal(loaded.render(rays).rgb, method.render(rays).rgb)


def test_widths_fall_in_straight_pieces():
    found = [annealed((0.1, 0.05, 0.0), 0.4, fraction) for fraction in (0.0, 0.1, 0.2, 0.3, 0.4, 0.9)]
    assert found == pytest.approx([0.1, 0.075, 0.05, 0.025, 0, 0])


def test_at_the_size_of_the_paper_filters_are_four_to_eight_voxels_wide_while_there_are_any():
    c = JointTensoRFConfig()
    edges = np.array([0.0, 0.05, 0.15, 0.1875, 0.225])
    growth = (c.resolution / c.first_resolution) ** 0.25
    for done, (first, last) in enumerate(zip(edges, [*edges[1:], 0.25], strict=True)):
        cells = c.first_resolution * growth**done
        for fraction in (first, last):
            assert 3.4 < cells * annealed(c.filter_widths, c.filter_share, fraction) < 8


def test_grids_grow_by_equal_factors_and_load_at_any_size():
    method, sizes = joint_tensorf(first_resolution=8, resolution=32, upsample_shares=(0.25, 0.5)), []
    for fraction in (0.0, 0.3, 0.4, 0.6, 1.0):
        replaced = method.after_step(Progress(step=0, fraction=fraction))
        sizes.append((method.filtered.field.density_factors.resolution[0], replaced))
    assert sizes == [(8, False), (16, True), (16, False), (32, True), (32, False)]
    loaded = joint_tensorf(first_resolution=8, resolution=32).eval()
    loaded.load_state_dict(method.state_dict())
    rays = some_rays()
    assert torch.equal(loaded.render(rays).rgb, method.eval().render(rays).rgb)


def test_random_scales_are_for_training_and_blur_density_alone():
    torch.manual_seed(0)
    method, rays = with_matter(joint_tensorf()), some_rays(num_rays=2)
    method.before_step(START)
    asked: list[float] = []
    density = method.filtered.density

    def heard(points: Tensor, scale: float = 1.0) -> Tensor:
        asked.append(scale)
        return density(points, scale)

    method.filtered.density = heard  # type: ignore[method-assign]
    for _ in range(40):
        method.train().render(rays)
    assert set(asked) == {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}
    asked.clear()
    method.eval().render(rays)
    method.config = replace(method.config, random_scales=False)
    method.train().render(rays)
    assert asked == [1.0, 1.0]


def test_at_first_photos_are_blurred_and_every_other_step_prefers_edges():
    method = joint_tensorf(random_scales=False)
    method.observe(views())
    method.before_step(START)
    assert method.photos is not None
    batch = batch_of(some_rays())
    rendering = method.render(batch.rays)
    truth, edges = method.photos.rgb(batch, 1.0), method.photos.on_edges(batch)
    assert edges.any()
    assert not torch.equal(truth, batch.rgb)
    for step, fraction, expected in (
        (0, 0.0, squared_error(rendering.rgb, truth)),
        (1, 0.0, edge_guided(rendering.rgb, truth, edges)),
        (1, 0.25, squared_error(rendering.rgb, truth)),
    ):
        losses = method.losses(rendering, batch, Progress(step=step, fraction=fraction))
        close(losses["photometric"], expected)
        assert losses["sparsity"] > 0


def test_later_photos_are_seen_as_they_are_and_not_kept():
    method, batch = joint_tensorf(), batch_of(some_rays())
    method.observe(views())
    method.before_step(Progress(step=1, fraction=0.34))
    assert method.photos is None
    rendering = method.render(batch.rays)
    losses = method.losses(rendering, batch, Progress(step=1, fraction=0.34))
    close(losses["photometric"], squared_error(rendering.rgb, batch.rgb))


def test_the_blur_of_the_photos_follows_the_schedule_and_its_scale_is_drawn():
    method, batch = joint_tensorf(blur_widths=(0.3, 0.0), edge_loss=False), batch_of(some_rays())
    method.observe(views())
    rendering, seen = method.render(batch.rays), set[float]()
    for fraction in (0.0, 0.001, 0.2):
        method.before_step(Progress(step=0, fraction=fraction))
        assert method.photos is not None
        assert method.photos.version == int(fraction * 80)
        loss = [method.losses(rendering, batch, START)["photometric"].item() for _ in range(40)]
        expected = {
            squared_error(rendering.rgb, method.photos.rgb(batch, s)).item() for s in method.photos.rows
        }
        assert set(loss) == expected
        assert len(expected) == 5
        seen |= expected
    # The photos themselves are among those of both widths.
    assert len(seen) == 9


def test_given_cameras_are_the_start_and_may_be_trusted():
    method, trusting = joint_tensorf(), joint_tensorf(learn_cameras=False)
    method.observe(views())
    learned = method.learned_cameras()
    assert learned is not None
    assert torch.equal(learned.world_from_camera(), views().cameras.world_from_camera)
    assert learned.side == "world"
    assert trusting.learned_cameras() is None
    train(trusting, BallBatches(OBJECT), TrainConfig(steps=2))


def test_cameras_have_rates_of_their_own():
    method = joint_tensorf(pose_lr=0.5, pose_lr_final=0.25)
    assert method.cameras is not None
    group = method.param_groups()[2]
    assert group["params"] == list(method.cameras.parameters())
    assert (group["lr"], group["lr_final"]) == (0.5, 0.25)
