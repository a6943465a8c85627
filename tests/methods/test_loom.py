from dataclasses import replace

import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.geometry.transforms import mean_pose, se3_exp
from rayloom.kernels import use_reference
from rayloom.losses.high_frequency import ShallowFeatures
from rayloom.losses.patches import PatchLosses
from rayloom.methods.loom import PATCH_SIDE, Loom, LoomConfig
from rayloom.types import Batch, Crops, Patch, Progress, Rays, SceneInfo

OBJECT = SceneInfo(
    kind="object",
    box_low=(-0.6, -0.5, -0.7),
    box_high=(0.5, 0.6, 0.4),
    near=1.0,
    far=4.0,
    background=(1.0, 1.0, 1.0),
    has_alpha=True,
    num_images=4,
)
OPEN = replace(OBJECT, kind="unbounded", box_low=(-1.0,) * 3, box_high=(1.0,) * 3, far=100.0, has_alpha=False)


def rays_towards_the_middle(n: int) -> Rays:
    origins = 2 * torch.nn.functional.normalize(torch.randn(n, 3), dim=-1)
    directions = torch.nn.functional.normalize(0.3 * torch.randn(n, 3) - origins, dim=-1)
    return Rays(
        origins=origins,
        directions=directions,
        view_directions=directions,
        near=torch.full((n,), 1.0),
        far=torch.full((n,), 20.0),
        radii=torch.full((n,), 1e-3),
        camera_index=torch.arange(n) % 4,
        pixels=torch.zeros(n, 2),
        time=torch.zeros(n),
    )


def loom(scene: SceneInfo, **settings: object) -> Loom:
    method = Loom(replace(Loom.presets["tiny"], **settings), scene)  # type: ignore[arg-type]
    torch.nn.init.uniform_(method.field.table, -1, 1)
    return method


@pytest.mark.parametrize("scene", [OBJECT, OPEN], ids=["object", "unbounded"])
@pytest.mark.parametrize("appearance", [False, True])
def test_the_fused_picture_is_the_composed_picture(scene, appearance):
    method = loom(scene, appearance=appearance, initial_density=20.0).eval()
    rays = rays_towards_the_middle(64).reshape(8, 8)
    fused = method.render_image(rays)
    with torch.no_grad(), use_reference():
        composed = method.render(rays.reshape(64))
    torch.testing.assert_close(fused.rgb.reshape(64, 3), composed.rgb, atol=2e-3, rtol=0)
    torch.testing.assert_close(fused.opacity.reshape(64), composed.opacity, atol=2e-3, rtol=0)
    torch.testing.assert_close(fused.depth.reshape(64), composed.depth, atol=2e-2, rtol=1e-3)


def test_steps_grow_finer_where_there_is_no_end_and_are_even_in_an_objects_box():
    method = loom(OPEN, first_steps_per_fold=4, steps_per_fold=64, coarse_share=0.5)
    per_fold = [1 / method.step_rule(fraction).growth for fraction in (0.0, 0.25, 0.5, 1.0)]
    assert per_fold == pytest.approx([4, 16, 64, 64])
    # From side to side of the box, 2 wide, there are as many.
    assert method.step_rule(0.25).smallest == pytest.approx(2 / 16)
    method.before_step(Progress(0, 0.25))
    assert method.space.step == method.step_rule(0.25)
    assert loom(OPEN).space.step == loom(OPEN).step_rule(1.0), "a scene that is opened has its finest steps"
    box = loom(OBJECT, steps_per_side=50)
    assert box.step_rule(0.0) == box.step_rule(1.0)
    assert box.step_rule(0.0).smallest == pytest.approx(1.1 / 50)


@pytest.mark.parametrize("scene", [OBJECT, OPEN], ids=["object", "unbounded"])
def test_fused_and_composed_steps_ask_for_the_same_loss(scene):
    method = loom(scene, distortion=0.5).train()
    rays = rays_towards_the_middle(200)
    batch = Batch(rays, rgb=torch.rand(200, 3), alpha=torch.ones(200))
    torch.manual_seed(0)
    rendering = method.render(rays)
    composed = torch.stack(list(method.losses(rendering, batch, Progress(0, 0.0)).values())).sum().item()
    before = [parameter.detach().clone() for parameter in method.parameters()]
    losses = []
    for _ in range(20):
        report = method.fused_step(batch, Progress(0, 0.0), 1e-12)
        assert report is not None
        assert float(report.loss) > float(report.squared_error), "the distortion counts"
        losses.append(float(report.loss))
    assert all(torch.equal(one, other) for one, other in zip(before, method.parameters(), strict=True))
    # Steps and backgrounds are random in both.
    assert composed == pytest.approx(sum(losses) / 20, rel=0.2)


def test_a_fused_step_lowers_the_loss_it_reports():
    method = loom(OBJECT).train()
    batch = Batch(rays_towards_the_middle(256), rgb=torch.full((256, 3), 0.2), alpha=torch.ones(256))
    losses = []
    for step in range(30):
        report = method.fused_step(batch, Progress(step, 0.0), 1.0)
        assert report is not None
        losses.append(float(report.loss))
    assert losses[-1] < 0.2 * losses[0]


def test_preparing_changes_no_parameter():
    method = loom(OPEN, appearance=True)
    before = [p.detach().clone() for p in method.parameters()]
    method.prepare()
    for old, new in zip(before, method.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)


def test_photos_with_alpha_train_before_changing_backgrounds():
    rays = rays_towards_the_middle(8)
    assert loom(OBJECT).train().background_of(rays).std() > 0.1
    assert loom(OPEN).train().background_of(rays).std() > 0.1
    opaque = loom(replace(OBJECT, has_alpha=False, background=(0.0, 0.0, 0.0))).train()
    assert (opaque.background_of(rays) == 0).all()
    assert (loom(OBJECT).eval().background_of(rays) == 1).all()


def test_rays_follow_the_budget_of_samples():
    method = loom(OBJECT, samples_per_step=1 << 13)
    method.budget.follow(4.0)
    assert method.rays_per_step() == 2048
    method.budget.follow(1000.0)
    assert method.rays_per_step() == 256


def seen_by(method: Loom, n: int = 512) -> Batch:
    rays = rays_towards_the_middle(n)
    return Batch(rays=rays, rgb=torch.rand(n, 3), alpha=torch.ones(n))


@pytest.mark.parametrize("poses", ["given", "refine", "none"])
def test_fine_levels_wait_while_cameras_that_are_not_trusted_learn(poses):
    method = loom(OPEN, poses=poses, fine_from=0.5).train()
    finest = method.field.table[method.field.layout.levels[-1].offset :]
    for fraction, waits in ((0.0, True), (0.49, True), (0.5, False)):
        method.fused_step(seen_by(method), Progress(20, fraction), 1.0)
        method.after_step(Progress(20, fraction))
        assert (finest == 0).all() == (waits and poses != "given")


def test_cameras_that_begin_at_one_place_learn_four_times_as_fast():
    refined, found = (loom(OPEN, poses=poses, pose_lr=1e-3) for poses in ("refine", "none"))
    rates = [method.param_groups()[1]["lr"] for method in (refined, found)]
    assert rates == [1e-3, 4e-3]


@pytest.mark.parametrize("scene", [OBJECT, OPEN], ids=["object", "unbounded"])
def test_the_fused_step_moves_cameras_down_the_composed_slope(scene):
    method = loom(scene, poses="refine", pose_lr=1e-3, initial_density=5.0, distortion=0.01).train()
    with torch.no_grad():
        method.cameras.twists.normal_(std=0.05)
    batch, progress = seen_by(method), Progress(0, 0.5)
    method.before_step(progress)
    start = method.cameras.twists.detach().clone()
    # The two forms draw their random numbers in another order.
    method.jitter = lambda rays: torch.full_like(rays.near, 0.3)
    method.background_of = lambda rays: torch.full_like(rays.origins, 0.4)
    losses = method.losses(method.render(batch.rays), batch, progress)
    (slope,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), [method.cameras.twists])
    assert method.fused_step(batch, progress, 1.0) is not None
    # The first step of Adam is as long as its rate, down the sign of each slope; half of a hundredfold
    # fall is over.
    steep = slope.abs() > 1e-2 * slope.abs().max()
    assert steep.any()
    moved = (method.cameras.twists.detach() - start)[steep]
    torch.testing.assert_close(moved, -1e-4 * slope[steep].sign(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("fraction", [0.0, 0.049])
def test_cameras_rest_while_all_is_fog(fraction):
    method = loom(OPEN, poses="refine", initial_density=5.0).train()
    batch, progress = seen_by(method), Progress(0, fraction)
    method.before_step(progress)
    assert method.fused_step(batch, progress, 1.0) is not None
    assert (method.cameras.twists == 0).all()
    assert not method.cameras.twists.requires_grad
    method.before_step(Progress(1, 0.05))
    assert method.fused_step(batch, Progress(1, 0.05), 1.0) is not None
    assert (method.cameras.twists != 0).any()


def test_without_learned_cameras_rays_stay_as_they_are():
    method = loom(OBJECT)
    rays = rays_towards_the_middle(5)
    assert method.learned_cameras() is None
    assert method.cameras.corrected(rays) is rays


@pytest.mark.parametrize("poses", ["refine", "none"])
def test_cameras_begin_where_they_are_given_or_all_in_one_place(poses):
    method = loom(OBJECT, poses=poses)
    given = se3_exp(0.1 * torch.randn(4, 6))
    intrinsics = [Intrinsics(CameraModel.PINHOLE, 8, 8, 8.0, 8.0, 4.0, 4.0)] * 4
    cameras = Cameras.from_intrinsics(intrinsics, given, 0.1, 5.0, image_index=torch.arange(4))
    method.observe(Views(cameras, ()))
    expected = given if poses == "refine" else mean_pose(given).expand(4, 3, 4)
    assert method.learned_cameras() is method.cameras
    torch.testing.assert_close(method.cameras.world_from_camera(), expected)


PATCH_REACH, PATCHES = 2, Progress(4 * PatchLosses.every, 0.9)


def sharp(scene: SceneInfo, **settings: object) -> Loom:
    """A small loom whose patches have come, with a network that adds something."""
    method = loom(scene, patch_share=0.5, patch_reach=PATCH_REACH, initial_density=5.0, **settings)
    method.patches.features = ShallowFeatures("derivatives")
    assert method.patches.network is not None
    torch.nn.init.normal_(method.patches.network.head.weight, std=0.05)
    method.before_step(PATCHES)
    return method


def patches_seen_by(method: Loom, count: int = 2) -> Batch:
    """Rays of patches, which need not lie beside each other, and photos of anything."""
    side = PATCH_SIDE + 2 * PATCH_REACH
    shape, inner = (count, side, side), slice(PATCH_REACH, -PATCH_REACH)
    crops = Crops(torch.rand(*shape, 3), torch.full(shape, 0.75), torch.ones(shape, dtype=torch.bool))
    rgb, alpha = (image[:, inner, inner].flatten(0, 2) for image in (crops.rgb, crops.alpha))
    return Batch(rays_towards_the_middle(len(rgb)), rgb, alpha, crops=crops)


def test_patches_end_the_run_of_the_sharp_preset_alone():
    method = sharp(OPEN).train()
    assert method.patch() == Patch(PATCH_SIDE, PATCH_REACH)
    method.before_step(replace(PATCHES, fraction=0.4))
    assert method.patch() is None
    sharpest = Loom.presets["sharp"]
    assert isinstance(sharpest, LoomConfig)
    assert sharpest.patch_share > 0
    plain = loom(OPEN).train()
    plain.before_step(PATCHES)
    assert plain.patch() is None


@pytest.mark.parametrize("scene", [OBJECT, OPEN], ids=["object", "unbounded"])
def test_the_fused_step_of_patches_has_the_composed_gradients(scene):
    method = sharp(scene, distortion=0.01, high_frequency=0.1).train()
    batch, progress = patches_seen_by(method), PATCHES
    # The two forms draw their random numbers in another order.
    method.jitter = lambda rays: torch.full_like(rays.near, 0.3)
    method.background_of = lambda rays: torch.full_like(rays.origins, 0.4)
    terms = method.losses(method.render(batch.rays), batch, progress)
    assert set(terms) == {"alignment", "high_frequency", "distortion"}
    parameters = [method.field.table, *method.field.density_mlp, *method.field.color_mlp]
    loss = torch.stack(list(terms.values())).sum()
    composed = torch.autograd.grad(loss, parameters)
    fused = method.field.fused()
    assert fused is not None
    fused.adam_step = lambda step, rule: None
    report = method.fused_step(batch, progress, 1.0)
    assert report is not None
    assert float(report.loss) == pytest.approx(loss.item(), rel=1e-3)
    for found, expected in zip(fused.gradients(), composed, strict=False):
        # A sample at the edge of what can be seen may count in one form alone.
        assert (found - expected).norm() < 5e-3 * expected.norm()


def test_the_network_learns_in_the_fused_step_too():
    method = sharp(OBJECT).train()
    batch, progress = patches_seen_by(method), PATCHES
    before = [parameter.detach().clone() for parameter in method.patches.parameters()]
    assert method.fused_step(batch, progress, 1.0) is not None
    assert all((old != new).any() for old, new in zip(before, method.patches.parameters(), strict=True))


def test_the_sharp_picture_is_the_composed_one_with_what_neighbours_add():
    method = sharp(OPEN).eval()
    assert method.patches.network is not None
    rays = rays_towards_the_middle(20 * 24).reshape(20, 24)
    fused = method.render_image(rays)
    with torch.no_grad(), use_reference():
        plain = method.render(rays.reshape(480)).rgb.reshape(20, 24, 3)
        expected = plain + method.patches.network(plain)
    torch.testing.assert_close(fused.rgb, expected, atol=2e-3, rtol=0)
    assert (fused.rgb - plain).abs().max() > 1e-2


def test_there_is_no_density_where_rays_look_for_none():
    method = loom(OBJECT, initial_density=5.0)
    box = method.field.box
    points = box.low + torch.rand(300, 3) * (box.high - box.low)
    assert torch.equal(method.density(points), method.field.density(points))
    assert (method.density(points + 2 * (box.high - box.low)) == 0).all()
    method.grid.bits.zero_()
    assert (method.density(points) == 0).all()
