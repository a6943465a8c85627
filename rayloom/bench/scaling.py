"""How the fused step's speed changes with threads, table, photos and their size."""

from dataclasses import replace

import numpy as np

from rayloom.bench.contenders import PROGRESS, still_copy
from rayloom.bench.rows import Curve
from rayloom.bench.timing import Effort, best_seconds, seconds_of
from rayloom.data.batches import PixelBatches
from rayloom.data.scene import Scene
from rayloom.methods.loom import Loom
from rayloom.types import Batch

SIDE = 100
"""Pixels along a side of the photos when their number grows."""
NUM_PHOTOS = 20
"""When their size grows."""


def scaling_curves(method: Loom, scene: Scene, effort: Effort) -> list[Curve]:
    """All curves; none where there is no fused step."""
    if still_copy(method).field.fused() is None:
        return []
    return [
        over_threads(method, scene, effort),
        over_table(method, scene, effort),
        over_resolution(method, scene, effort),
        over_photos(method, scene, effort),
    ]


def over_threads(method: Loom, scene: Scene, effort: Effort) -> Curve:
    """Samples per second of the fused gradient, without Adam, on 1, 2, 4, ... and all threads."""
    batch = PixelBatches(scene, 0).next(method.rays_per_step())
    all_threads = len(_gradients_on(still_copy(method), None))
    counts = sorted({*(2**k for k in range(all_threads.bit_length())), all_threads})
    points = [(float(n), _gradient_rate(method, batch, n, effort) / 1e6) for n in counts]
    return Curve("threads", "threads", "M samples/s", tuple(points))


def over_table(method: Loom, scene: Scene, effort: Effort) -> Curve:
    """Samples per second of the whole step over the table's size, each table trained for a moment first."""
    points: list[tuple[float, float]] = []
    for log2_rows in effort.log2_rows:
        other = Loom(replace(method.config, log2_rows=log2_rows), method.scene).train()
        other.grid.load_state_dict(method.grid.state_dict())
        other.budget.num_rays = method.budget.num_rays
        batches = PixelBatches(scene, 0)
        run_steps(other, batches, effort.seconds)
        _, samples = run_steps(other, batches, effort.seconds)
        points.append((other.field.table.nbytes / 2**20, samples / 1e6))
    return Curve("table", "hash table, MiB", "M samples/s", tuple(points))


def over_resolution(method: Loom, scene: Scene, effort: Effort) -> Curve:
    """Rays per second, drawing of pixels included, over the number of pixels of a photo."""
    sides = effort.photo_sides
    points = [(float(s * s), _ray_rate(method, noise(scene, NUM_PHOTOS, s), effort)) for s in sides]
    return Curve("resolution", "pixels of a photo", "k rays/s", tuple(points))


def over_photos(method: Loom, scene: Scene, effort: Effort) -> Curve:
    """Rays per second, drawing of pixels included, over the number of photos."""
    points = [(float(n), _ray_rate(method, noise(scene, n, SIDE), effort)) for n in effort.num_photos]
    return Curve("photos", "photos", "k rays/s", tuple(points))


def noise(scene: Scene, num_photos: int, side: int) -> Scene:
    """Square photos of noise from the cameras of a scene, taken in turn; all of them train."""
    cameras = scene.indices("train")
    chosen = [cameras[i % len(cameras)] for i in range(num_photos)]
    shape = (num_photos, side, side, scene.images[0].shape[2])
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return replace(
        scene,
        names=tuple(f"noise_{i}" for i in range(num_photos)),
        images=tuple(pixels),
        ignore=(None,) * num_photos,
        depths=(None,) * num_photos,
        coarser=(),
        intrinsics=tuple(scene.intrinsics[i].resized(side, side) for i in chosen),
        world_from_camera=scene.world_from_camera[chosen],
        near=scene.near[chosen],
        far=scene.far[chosen],
        times=scene.times[chosen],
        split=("train",) * num_photos,
    )


def run_steps(method: Loom, batches: PixelBatches, seconds: float) -> tuple[float, float]:
    """Fused steps for some seconds, drawing included: rays per second and samples per second."""
    rays = samples = 0
    elapsed, step = 0.0, 0

    def take() -> None:
        nonlocal rays, samples
        batch = batches.next(method.rays_per_step())
        report = method.fused_step(batch, replace(PROGRESS, step=step), 1.0)
        assert report is not None, "the field has a fused form"
        rays, samples = rays + len(batch.rgb), samples + report.samples

    while elapsed < seconds or step < 2:
        elapsed += seconds_of(take)
        step += 1
    return rays / elapsed, samples / elapsed


def _ray_rate(method: Loom, scene: Scene, effort: Effort) -> float:
    copy, batches = still_copy(method), PixelBatches(scene, 0)
    copy.budget.num_rays = method.budget.num_rays
    run_steps(copy, batches, 0.0)
    return run_steps(copy, batches, effort.seconds)[0] / 1e3


def _gradient_rate(method: Loom, batch: Batch, threads: int, effort: Effort) -> float:
    """Samples per second of the fused gradient on some threads."""
    copy = still_copy(method)
    _gradients_on(copy, threads)
    field, background = copy.field.fused(), copy.background_of(batch.rays)
    assert field is not None, "the field has a fused form"
    truth, jitter = batch.over(copy.background, background), copy.jitter(batch.rays)
    work = (batch.rays, truth, background, copy.space, jitter)
    samples = field.accumulate(*work).num_samples
    return samples / best_seconds(lambda: field.accumulate(*work), effort)


def _gradients_on(method: Loom, threads: int | None) -> np.ndarray:
    """Keep the gradients of so many threads; the fused field runs on one thread for each it has room for."""
    field = method.field.fused()
    assert field is not None, "the field has a fused form"
    if threads is not None:
        field.grads = type(field.grads)(*(rows[:threads] for rows in field.grads))
    return field.grads.sums
