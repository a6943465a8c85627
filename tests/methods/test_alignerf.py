from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.losses import charbonnier, dense_distortion, interlevel
from rayloom.losses.alignment import alignment, anchor
from rayloom.losses.high_frequency import ShallowFeatures, high_frequency
from rayloom.methods.alignerf import AligNeRF, AligNeRFConfig
from rayloom.methods.mip_nerf_360 import MipNeRF360, MipNeRF360Config
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.types import Batch, Crops, Patch, Progress, Rays, Rendering, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, UNBOUNDED, random_rays

close = torch.testing.assert_close
START, LATE = Progress(step=0, fraction=0.0), Progress(step=60, fraction=0.6)
SIDE, MARGIN = 8, 4
every_scene = pytest.mark.parametrize(
    "scene", [OBJECT, UNBOUNDED, FORWARD], ids=["object", "unbounded", "forward-facing"]
)


@pytest.fixture(autouse=True)
def _derivatives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features that every machine has."""
    monkeypatch.setattr("rayloom.methods.alignerf.ShallowFeatures", lambda: ShallowFeatures("derivatives"))


def alignerf(scene: SceneInfo = UNBOUNDED, **settings: object) -> AligNeRF:
    method = AligNeRF(replace(AligNeRF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]
    method.observe(views())
    return method


def mip_nerf_360(scene: SceneInfo) -> MipNeRF360:
    """The base, of the same size."""
    preset = MipNeRF360.presets["tiny"]
    assert isinstance(preset, MipNeRF360Config)
    return MipNeRF360(preset, scene)


def views() -> Views:
    intrinsics = [Intrinsics(CameraModel.PINHOLE, 16, 16, 20.0, 20.0, 8.0, 8.0)]
    cameras = Cameras.from_intrinsics(intrinsics, np.eye(3, 4)[None], 1.0, 3.0, image_index=np.arange(1))
    return Views(cameras, (np.zeros((16, 16, 3), np.uint8),))


def with_neighbors(method: AligNeRF) -> AligNeRF:
    """Let the CNN have something to say."""
    torch.nn.init.normal_(method.neighborhood.head.weight)
    return method


def patch_batch(scene: SceneInfo, patches: int = 3) -> Batch:
    """Rays that form patches of noise; each patch belongs to a photo of its own."""
    rays = random_rays(scene, patches * SIDE**2, torch.Generator().manual_seed(0))
    image = torch.arange(patches).repeat_interleave(SIDE**2)
    size = SIDE + 2 * MARGIN
    rgb = torch.rand(patches, size, size, 3)
    crops = Crops(rgb, torch.ones(rgb.shape[:3]), torch.ones(rgb.shape[:3], dtype=torch.bool))
    inner = rgb[:, MARGIN:-MARGIN, MARGIN:-MARGIN].reshape(-1, 3)
    return Batch(replace(rays, camera_index=image), inner, torch.ones(len(inner)), crops=crops)


def patches_of(method: AligNeRF, rendering: Rendering) -> torch.Tensor:
    features = rendering.extras["features"].reshape(-1, SIDE, SIDE, method.config.num_features)
    return rendering.rgb.reshape(-1, SIDE, SIDE, 3) + method.neighborhood(features)


def some_image(scene: SceneInfo, height: int = 9, width: int = 7) -> Rays:
    return random_rays(scene, height * width, torch.Generator().manual_seed(1)).reshape(height, width)


@every_scene
def test_untrained_it_is_its_base_ray_by_ray_and_picture_by_picture(scene):
    method = alignerf(scene).eval()
    base = mip_nerf_360(scene).eval()
    base.load_state_dict(method.state_dict(), strict=False)
    rays = some_image(scene)
    ours, theirs = method.render_image(rays), base.render_image(rays)
    for field in ("rgb", "opacity", "depth"):
        assert torch.equal(getattr(ours, field), getattr(theirs, field))


@every_scene
def test_at_first_it_learns_as_its_base(scene):
    method, base = alignerf(scene), mip_nerf_360(scene)
    base.load_state_dict(method.state_dict(), strict=False)
    batch = replace(patch_batch(scene), crops=None)
    terms: list[dict[str, torch.Tensor]] = []
    for each in (method, base):
        each.before_step(LATE)
        torch.manual_seed(3)
        terms.append(each.losses(each.render(batch.rays), batch, START))
    assert terms[0].keys() == terms[1].keys()
    for name, loss in terms[0].items():
        close(loss, terms[1][name])


def test_patches_begin_when_it_is_time_and_rays_stay_as_many():
    method, counts, kinds = alignerf(pixel_share=0.6), set[int](), list[Patch | None]()
    for fraction in (0.0, 0.59, 0.6, 1.0):
        method.before_step(Progress(step=0, fraction=fraction))
        kinds.append(method.patch())
        counts.add(method.rays_per_step())
    assert kinds == [None, None, Patch(SIDE, MARGIN), Patch(SIDE, MARGIN)]
    assert len(counts) == 1
    for preset in AligNeRF.presets.values():
        assert isinstance(preset, AligNeRFConfig)
        assert preset.rays_per_step % preset.patch_side**2 == 0


@every_scene
def test_later_the_terms_are_least_costs_and_features_of_the_matched_patch(scene):
    method, batch = (
        with_neighbors(alignerf(scene, displacement=1e-3, anchor=0.2, high_frequency=0.3)),
        patch_batch(scene),
    )
    rendering = method.render(batch.rays)
    terms = method.losses(rendering, batch, LATE)
    assert batch.crops is not None
    assert method.shallow is not None
    patches = patches_of(method, rendering)
    found = alignment(patches, batch.crops, 1e-3)
    s, weights = rendering.extras["s"], rendering.weights
    expected = {
        "align": found.loss,
        "anchor": 0.2 * anchor(patches, batch.crops),
        "high_frequency": 0.3 * high_frequency(patches, found.matched, method.shallow),
    }
    for i, proposal in enumerate(rendering.coarser):
        expected[f"interlevel_{i}"] = interlevel(s, weights, proposal.extras["s"], proposal.weights)
    if scene is not OBJECT:
        expected["distortion"] = 0.01 * dense_distortion(weights, s)
    assert terms.keys() == expected.keys()
    for name, loss in terms.items():
        close(loss, expected[name])


def test_every_parameter_learns_from_patches():
    method, batch = with_neighbors(alignerf()), patch_batch(UNBOUNDED)
    torch.stack(list(method.losses(method.render(batch.rays), batch, LATE).values())).sum().backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_parts_can_be_left_out():
    batch = patch_batch(UNBOUNDED)
    assert batch.crops is not None
    without = alignerf(high_frequency=0.0, patch_margin=MARGIN)
    assert without.shallow is None
    assert "high_frequency" not in without.losses(without.render(batch.rays), batch, LATE)
    fixed = alignerf(convolution=False)
    for _ in range(2):
        optimizer = torch.optim.Adam(fixed.param_groups())
        torch.stack(list(fixed.losses(fixed.render(batch.rays), batch, LATE).values())).sum().backward()
        optimizer.step()
    assert not fixed.neighborhood.head.weight.any()
    crops = batch.crops.map(lambda image: image[:, MARGIN:-MARGIN, MARGIN:-MARGIN])
    trusting = alignerf(patch_margin=0, high_frequency=0.0)
    rendering = trusting.render(batch.rays)
    loss = trusting.losses(rendering, replace(batch, crops=crops), LATE)["align"]
    close(loss, (rendering.rgb - batch.rgb).square().mean())


def test_displacements_are_remembered_by_photo_and_with_the_weights():
    method, batch = alignerf(displacement=0.0, high_frequency=0.0), patch_batch(UNBOUNDED)
    assert batch.crops is not None
    rendering = method.render(batch.rays)
    # What is rendered, a photo shows 2 pixels to the right and 1 above, and another one in its place.
    crops = replace(batch.crops, rgb=batch.crops.rgb.clone())
    colors = rendering.rgb.detach().reshape(-1, SIDE, SIDE, 3)
    crops.rgb[0, MARGIN - 1 : MARGIN - 1 + SIDE, MARGIN + 2 : MARGIN + 2 + SIDE] = colors[0]
    crops.rgb[2, MARGIN:-MARGIN, MARGIN:-MARGIN] = colors[2]
    method.losses(rendering, replace(batch, crops=crops), LATE)
    means = method.displacements.means()
    assert means.shape == (UNBOUNDED.num_images, 2)
    assert means[[0, 2, 3]].tolist() == [[2, -1], [0, 0], [0, 0]]
    loaded = alignerf()
    loaded.load_state_dict(method.state_dict())
    assert torch.equal(loaded.displacements.means(), means)


def test_neighbours_are_seen_in_pictures_alone():
    method, rays = with_neighbors(alignerf()).eval(), some_image(UNBOUNDED)
    with torch.no_grad():
        rendering = method.render(rays.reshape(63))
        expected = rendering.rgb.reshape(9, 7, 3) + method.neighborhood(
            rendering.extras["features"].reshape(9, 7, -1)
        )
    picture = method.render_image(rays)
    close(picture.rgb, expected)
    assert (picture.rgb - rendering.rgb.reshape(9, 7, 3)).abs().max() > 1e-3
    method.config = replace(method.config, rays_per_chunk=10)
    close(method.render_image(rays).rgb, picture.rgb, atol=1e-5, rtol=1e-4)


def test_networks_are_clipped_apart_and_the_late_one_forgets_sooner():
    method = alignerf()
    proposal, network, late = method.param_groups()
    assert proposal["params"] == list(method.proposal.parameters())
    assert network["params"] == list(method.network.parameters())
    names = {name for name, p in method.named_parameters() if any(p is other for other in late["params"])}
    assert all(name.startswith(("neighborhood.", "feature_head.")) for name in names)
    assert sum(len(group["params"]) for group in (proposal, network, late)) == len(list(method.parameters()))
    assert late["betas"][1] < 0.999


class PatchBatches:
    """Patches or pixels of noise, as the method asks."""

    def __init__(self) -> None:
        self.asked: list[Patch | None] = []

    def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
        self.asked.append(patch)
        batch = patch_batch(UNBOUNDED, num_rays // SIDE**2)
        return batch if patch else replace(batch, crops=None)


def test_a_run_has_two_stages_and_moves_the_late_networks_in_the_second_alone():
    method, batches = alignerf(rays_per_step=4 * SIDE**2), PatchBatches()
    head = method.feature_head.weight.clone()
    outcome = train(method, batches, TrainConfig(steps=10))
    assert outcome.rays == 10 * 4 * SIDE**2
    assert [patch is None for patch in batches.asked] == [True] * 6 + [False] * 4
    assert method.neighborhood.head.weight.any()
    assert not torch.equal(method.feature_head.weight, head)
    assert method.displacements.count.sum() == 4 * 4
    first = alignerf(pixel_share=1.0)
    train(first, PatchBatches(), TrainConfig(steps=3))
    assert not first.neighborhood.head.weight.any()


def test_the_first_stage_is_charbonnier_on_the_colours_of_rays():
    method, batch = alignerf(), replace(patch_batch(UNBOUNDED), crops=None)
    rendering = method.render(batch.rays)
    close(method.losses(rendering, batch, START)["photometric"], charbonnier(rendering.rgb, batch.rgb))
