from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rayloom import methods
from rayloom.data.batches import scene_cameras
from rayloom.data.spilling import spilled
from rayloom.method import Method, MethodConfig, Paper
from rayloom.training.allocations import Allocations, held_bytes
from rayloom.training.config import TrainConfig
from rayloom.training.fit import build, fit
from rayloom.training.rehearsal import (
    HEAP,
    MB,
    PictureNeeds,
    estimate_training,
    picture_needs,
    rehearse,
)
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo
from tests.training.painted_scenes import make_scene

SCENE = make_scene(("train", "train", "test"))
CONFIG = TrainConfig(steps=4, device="cpu", deterministic=True)


@dataclass(frozen=True)
class KnownConfig(MethodConfig):
    """Sizes that are known beforehand."""

    rays_per_step: int = 3200
    numbers_per_ray: int = 1000
    size: int = 5000


class Known(Method[KnownConfig]):
    """Takes memory that can be counted by hand: parameters, a buffer that grows, and numbers for each ray."""

    paper = Paper("A Method of Known Size", year=2031)
    presets = {"default": KnownConfig(), "tiny": KnownConfig()}

    def __init__(self, config: KnownConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.weight = nn.Parameter(torch.ones(config.size))
        self.register_buffer("cells", torch.zeros(config.size, dtype=torch.uint8))

    def before_step(self, progress: Progress) -> None:
        """Grow by half of the size in the second half."""
        if progress.fraction > 0.5:
            self.cells = torch.zeros(3 * self.config.size // 2, dtype=torch.uint8)

    def render(self, rays: Rays) -> Rendering:
        """One interval a ray; its colour comes by way of many numbers, which are saved for the way back."""
        numbers = self.weight[0] * torch.ones(len(rays.near), self.config.numbers_per_ray)
        rgb = numbers.sigmoid().mean(-1)[:, None].expand(-1, 3)
        ones = torch.ones_like(rays.near)
        intervals = Intervals(torch.stack([rays.near, rays.far], dim=-1))
        return Rendering(rgb, ones, ones, intervals, ones[:, None], torch.zeros_like(rgb))

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error."""
        return {"photometric": (rendering.rgb - batch.rgb).square().mean()}


def known(**changes: int) -> Known:
    config = replace(KnownConfig(), **changes)
    return Known(config, SCENE.info)


def test_what_stays_is_known_to_the_byte() -> None:
    needs, _ = rehearse(known(), SCENE, CONFIG, scored=False)
    assert needs.method == 4 * 5000 + 7500, "the buffer as it has grown"
    # Adam counts its steps in a float.
    assert needs.optimizer == 4 * 3 * 5000 + 4
    assert needs.state == 4 * 3 * 5000 + 4 + 7500
    assert needs.batches < 10_000, "pixels that lie behind one another are not copied"


@pytest.mark.parametrize(("rays", "numbers"), [(3200, 1000), (6400, 1000), (3200, 4000)])
def test_a_step_takes_what_its_rays_take(rays: int, numbers: int) -> None:
    needs, _ = rehearse(known(rays_per_step=rays, numbers_per_ray=numbers), SCENE, CONFIG, scored=False)
    # Ones, their product, the sigmoid; backward a slope or two stand beside what was saved.
    assert 3 * 4 * rays * numbers < needs.step / HEAP < 4.2 * 4 * rays * numbers


def test_a_picture_takes_its_pixels_and_a_chunk() -> None:
    method = known(numbers_per_ray=2000)
    needs = picture_needs(method, SCENE, scored=False)
    assert needs.per_ray == pytest.approx(3 * 4 * 2000, rel=0.4)
    assert needs.per_pixel == 8, "one number that three channels share, one of opacity and depth"
    assert method.config.rays_per_chunk == KnownConfig().rays_per_chunk


def test_as_many_rays_at_once_as_there_is_room_for() -> None:
    needs = PictureNeeds(per_pixel=32.0, per_ray=1000.0, per_score=50.0, fixed=7.0)
    room = needs.total(10_000, 256)
    assert needs.rays_at_once(10_000, room) == 256
    assert needs.rays_at_once(10_000, room - 1) == 255
    assert needs.rays_at_once(10_000, 1000.0) < 1


def test_the_estimate_has_closed_forms() -> None:
    config = methods.load("nerf").presets["tiny"]
    method = build(methods.load("nerf"), config, SCENE.info, CONFIG)
    estimate, _ = estimate_training(lambda: method, SCENE, CONFIG, scored=False)
    weights = sum(parameter.numel() for parameter in method.parameters())
    assert estimate.photos * MB == sum({image.ctypes.data: image.size for image in SCENE.images}.values())
    assert estimate.method * MB == pytest.approx(4 * weights, rel=0.02)
    assert estimate.optimizer * MB == pytest.approx(4 * 3 * weights, rel=0.02)
    assert estimate.checkpoint * MB == pytest.approx(4 * 3 * weights, rel=0.02)
    assert estimate.picture == 0


def test_photos_on_the_disk_take_nothing() -> None:
    make = partial(build, methods.load("nerf"), methods.load("nerf").presets["tiny"], SCENE.info, CONFIG)
    estimate, _ = estimate_training(make, spilled(SCENE), CONFIG, scored=False)
    assert estimate.photos == 0


def trained(name: str, **options: Any) -> dict[str, Tensor]:
    """Weights after a few steps; with the photos on the disk, or after an estimate, if asked for."""
    method_class = methods.load(name)
    scene = spilled(SCENE) if options.get("on_disk") else SCENE
    changes = {"rays_per_step": 64} if name == "nerf" else {"grid_resolution": 32}
    config = replace(method_class.presets["tiny"], **changes)
    make = partial(build, method_class, config, scene.info, CONFIG)
    if options.get("estimated"):
        estimate_training(make, scene, CONFIG, scored=False)
    method = make()
    fit(method, scene, CONFIG)
    return method.state_dict()


@pytest.mark.parametrize("name", ["nerf", "loom"])
@pytest.mark.parametrize("change", ["on_disk", "estimated"])
def test_training_is_the_same_bit_for_bit(name: str, change: str) -> None:
    expected, found = trained(name), trained(name, **{change: True})
    assert expected.keys() == found.keys()
    assert all(found[key].equal(value) for key, value in expected.items())


def test_chunks_of_a_picture_leave_nothing_but_the_picture() -> None:
    method = known(rays_per_chunk=10, numbers_per_ray=1000)
    rays = scene_cameras(SCENE).image_rays(0)
    with Allocations() as counts, torch.no_grad():
        rays.near.sum()
        counts.begin_peak()
        before = counts.now
        image = method.render_image(rays)
        chunk = 3 * 4 * 10 * 1000
        # All chunks together would take forty times as much.
        assert counts.peak - before < 2 * chunk + 60 * rays.shape.numel()
    assert image.rgb.shape == (*rays.shape, 3)
    assert held_bytes(image) <= 2 * 20 * rays.shape.numel()


def test_a_chunk_is_gone_before_the_next_one_is_rendered() -> None:
    """Of two renderings at once the peak would be twice as high."""
    rays = scene_cameras(SCENE).image_rays(0)

    def peak(chunk: int) -> int:
        method = WithWeights(replace(KnownConfig(), rays_per_chunk=chunk), SCENE.info)
        with Allocations() as counts, torch.no_grad():
            before = counts.now
            method.render_image(rays)
            return counts.peak - before

    assert peak(54) < 0.2 * peak(432)


class WithWeights(Known):
    """Gives a thousand weights along each ray away with its rendering."""

    def render(self, rays: Rays) -> Rendering:
        """Many weights."""
        weights = torch.ones(len(rays.near), 1000)
        edges = torch.ones(1, 1001).expand(len(rays.near), -1)
        return replace(super().render(rays), weights=weights, intervals=Intervals(edges))
