"""What a training takes in memory, found by a twin of the method that goes through the run with few rays.

All but the rays is as large as it will be, also what grows while a run goes on; what rays take is as good as
proportional to their number, and is measured for few.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from rayloom.data.batches import PixelBatches, scene_cameras
from rayloom.data.scene import Scene
from rayloom.data.views import training_views
from rayloom.method import Method
from rayloom.metrics.scores import Judge
from rayloom.training.allocations import Allocations, held_bytes
from rayloom.training.budget import Estimate
from rayloom.training.config import TrainConfig
from rayloom.training.localize import frozen
from rayloom.training.loop import composed_step, fused_step
from rayloom.training.memory import give_back_free_memory, private_memory_mb
from rayloom.training.optimizer import Optimizer
from rayloom.training.snapshot import Snapshot
from rayloom.types import Patch, Progress, Rays

MOMENTS = (0.0, 0.25, 0.5, 0.75, 0.999)
"""Shares of the run at which the twin is looked at: methods grow, and change what they do."""
STEP = 255
"""After a step of this number occupancy grids are looked at as a whole."""
SHARE, MOST = 1 / 32, 128
"""Of a step's rays, that the twin sees, and how many at most; and then twice as many."""
SIDE, CHUNK = 16, 64
"""Pixels a side of the picture that is rendered, and rays at once; and then twice as many."""
RAY_BYTES = 68
"""Of a picture's rays: three vectors, three distances, camera, pixel and time."""
SCORE_BYTES, SCORE_BYTES_WITHOUT_VGG = 1850.0, 710.0
"""Of a pixel while it is compared with its photo, as measured: features of LPIPS, else moments of SSIM."""
HEAP = 1.6
"""What the C library takes for what torch asks of it in a step: 1.3 to 1.8, measured on seven methods."""
MB = 2**20


@dataclass(frozen=True)
class Needs:
    """The most bytes that a twin took."""

    batches: int = 0
    """Masks and depths of all pixels, in the order in which they are drawn."""
    method: int = 0
    """What hangs on it, without gradients that torch keeps."""
    optimizer: int = 0
    step: float = 0.0
    state: int = 0
    """What a checkpoint holds, which is copied while it is written."""

    def or_more(self, other: "Needs") -> "Needs":
        """The larger of each part."""
        return Needs(*map(max, vars(self).values(), vars(other).values()))


@dataclass(frozen=True)
class PictureNeeds:
    """Bytes that a picture takes."""

    per_pixel: float
    """For each pixel, however many rays are rendered at once."""
    per_ray: float
    """For each ray that is rendered at once."""
    per_score: float = 0.0
    """For each pixel while the picture is compared with its photo; 0 where it is not."""
    fixed: float = 0.0
    """Networks that judge pictures."""

    def total(self, pixels: int, rays_at_once: int) -> float:
        """Of a picture of so many pixels."""
        rendered = (RAY_BYTES + self.per_pixel) * pixels + self.per_ray * min(rays_at_once, pixels)
        return self.fixed + max(rendered, self.per_score * pixels)

    def rays_at_once(self, pixels: int, room: float) -> int:
        """As many as there is room for; may be less than one."""
        left = room - self.fixed - (RAY_BYTES + self.per_pixel) * pixels
        return int(left / max(self.per_ray, 1.0))


def estimate_training(
    make: Callable[[], Method[Any]], scene: Scene, config: TrainConfig, *, scored: bool
) -> tuple[Estimate, PictureNeeds]:
    """Where memory will go when a method is trained, and what its pictures take; `make` makes the twin.

    The twin is gone afterwards, and there should be no other: two would take more than training does. The
    base is what the process holds then besides photos. On a GPU neither steps nor pictures count, as their
    memory is the GPU's. Random numbers stay as they were.
    """
    known = set[int]()
    photos = held_bytes([scale.images for scale in scene.scales], known=known)
    masks = held_bytes(scene.scales, known=known)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        twin = make()
        needs, pictures = rehearse(twin, scene, config, scored=scored)
    on_cpu, chunk = next(twin.parameters()).device.type == "cpu", twin.config.rays_per_chunk
    del twin
    # By now all libraries and kernels that training calls are there.
    give_back_free_memory()
    now = private_memory_mb() * MB
    if not on_cpu:
        needs, pictures = Needs(needs.batches, state=needs.state), PictureNeeds(0.0, 0.0)
    picture = pictures.total(largest_picture(scene), chunk) if scored else 0.0
    parts = (
        max(now - photos - masks, 0), photos, masks + needs.batches, needs.method, needs.optimizer,
        needs.step, needs.state, picture,
    )  # fmt: skip
    return Estimate(*(part / MB for part in parts)), pictures


def rehearse(
    twin: Method[Any], scene: Scene, config: TrainConfig, *, scored: bool
) -> tuple[Needs, PictureNeeds]:
    """What an untrained method takes at the moments of a run, and what its pictures take at the end."""
    twin.train()
    twin.prepare()
    views = training_views(scene)
    twin.observe(views)
    batches = PixelBatches(scene, config.seed, next(twin.parameters()).device)
    snapshot, known = Snapshot(twin), set[int]()
    held_bytes(views.images, known=known)
    needs = Needs(batches=held_bytes(batches, known=known))
    for fraction in MOMENTS:
        progress = Progress(STEP, fraction)
        twin.before_step(progress)
        needs = needs.or_more(_at_moment(twin, batches, progress, snapshot, set(known)))
    return needs, picture_needs(twin, scene, scored=scored)


def picture_needs(method: Method[Any], scene: Scene, *, scored: bool) -> PictureNeeds:
    """What pictures of a method take, and, if they are `scored`, their scores."""
    rays = scene_cameras(scene).image_rays(0)
    stride = max(min(rays.shape) // SIDE, 1)
    rays = rays.map(lambda tensor: tensor[::stride, ::stride][:SIDE, :SIDE].contiguous())
    rays = rays.to(next(method.parameters()).device)
    half = rays[: max(rays.shape[0] // 2, 1)]
    with frozen(method), Allocations() as counts:
        _of_picture(counts, method, half, CHUNK)
        less, all_of_it = (_of_picture(counts, method, part, CHUNK) for part in (half, rays))
        at_once = _of_picture(counts, method, rays, 2 * CHUNK)
    judge = Judge.on(rays.near.device, quick=False) if scored else None
    more = max(rays.shape.numel() - half.shape.numel(), 1)
    return PictureNeeds(
        per_pixel=max((all_of_it - less) / more, 0.0),
        per_ray=max((at_once - all_of_it) / CHUNK, 0.0),
        per_score=0.0 if judge is None else SCORE_BYTES if judge.vgg else SCORE_BYTES_WITHOUT_VGG,
        fixed=float(held_bytes(judge)),
    )


@contextmanager
def rendered_in_chunks(method: Method[Any], rays: int) -> Iterator[None]:
    """A block in which a method renders so many rays at once."""
    config = method.config
    method.config = replace(config, rays_per_chunk=rays)
    try:
        yield
    finally:
        method.config = config


def largest_picture(scene: Scene) -> int:
    """Pixels of the largest photo."""
    return max(camera.width * camera.height for camera in scene.intrinsics)


def _at_moment(
    twin: Method[Any], batches: PixelBatches, progress: Progress, snapshot: Snapshot, known: set[int]
) -> Needs:
    """What one moment takes, of which `known` memory is no part."""
    with Allocations() as counts:
        optimizer = Optimizer(twin)
        for tensor in twin.state_dict().values():
            tensor.detach()
        rays, patch = twin.rays_per_step(), twin.patch()
        few = min(max(round(SHARE * rays), 1), MOST)
        _of_step(counts, twin, batches, progress, optimizer, few, patch)
        (n, less), (m, more) = (
            _of_step(counts, twin, batches, progress, optimizer, number, patch) for number in (few, 2 * few)
        )
        step = more + max(more - less, 0) / max(m - n, 1) * max(rays - m, 0)
        gradients = [parameter.grad for parameter in twin.parameters()]
        adam = held_bytes(dict(optimizer.adam.state), known=known)
        own_gradients = held_bytes(gradients, known=known)
        method = held_bytes(twin, known=known)
        state = held_bytes(twin.state_dict(), snapshot.changed()) + adam
        del gradients
        counts.begin_peak()
        before = counts.now
        twin.after_step(progress)
        grown = counts.peak - before
    return Needs(0, method, adam + own_gradients, max(step, HEAP * grown), state)


def _of_step(
    counts: Allocations,
    twin: Method[Any],
    batches: PixelBatches,
    progress: Progress,
    optimizer: Optimizer,
    number: int,
    patch: Patch | None,
) -> tuple[int, float]:
    """Rays of a step, and its bytes beside what stays."""
    counts.begin_peak()
    before = counts.now
    batch = batches.next(number, patch)
    composed = fused_step(twin, batch, progress) is None
    if composed:
        composed_step(twin, batch, progress, optimizer)
    taken = max(counts.peak - before, 0)
    return len(batch.rgb), HEAP * taken if composed else float(taken)


def _of_picture(counts: Allocations, method: Method[Any], rays: Rays, chunk: int) -> int:
    with rendered_in_chunks(method, chunk):
        counts.begin_peak()
        before = counts.now
        method.render_image(rays)
    return counts.peak - before
