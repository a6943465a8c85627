"""How fast a trained field is rendered: in one kernel, and composed of several."""

import torch

from rayloom.bench.goals import frame_goal
from rayloom.bench.rows import Bar, Curve, Report, Row
from rayloom.bench.timing import Effort, median_seconds, seconds_of
from rayloom.cameras.camera import Cameras
from rayloom.data.scene import Scene
from rayloom.method import Method
from rayloom.methods.loom import Loom
from rayloom.rendering.progressive import progressively
from rayloom.types import Image, Rays


def measure_rendering(method: Loom, scene: Scene, effort: Effort) -> Report:
    """Seconds per frame at several sizes, and how far the two forms of rendering lie apart."""
    method.eval()
    rows: list[Row] = []
    points: list[tuple[float, float]] = []
    for width, height in frame_sizes(scene, effort):
        rays = frame_rays(scene, width, height, method.background.device)
        found = frame_rows(method, rays, effort, frame_goal(scene, width, height))
        rows += found
        fastest = next(row.value for row in found if row.value is not None)
        points.append((float(width * height), fastest))
    label = "fused" if method.field.fused() is not None else "composed"
    curve = Curve("frames", "pixels of a frame", f"s/frame, {label}", tuple(sorted(points)))
    return Report("render", tuple(rows), (curve,))


def frame_sizes(scene: Scene, effort: Effort) -> list[tuple[int, int]]:
    """Width and height of the frames: those of any capture, and those of its own photos."""
    own = scene.intrinsics[0]
    return list(dict.fromkeys((*effort.frame_sizes, (own.width, own.height))))


def frame_rays(scene: Scene, width: int, height: int, device: torch.device) -> Rays:
    """The rays of the first held-out view, else the first of all, in another size."""
    index = next(iter((*scene.indices("test"), *scene.indices("val"), 0)))
    camera = Cameras.from_intrinsics(
        [scene.intrinsics[index].resized(width, height)],
        scene.world_from_camera[[index]],
        scene.near[[index]],
        scene.far[[index]],
        times=scene.times[[index]],
    )
    return camera.to(device).image_rays(0)


def frame_rows(method: Loom, rays: Rays, effort: Effort, goal: Bar | None = None) -> list[Row]:
    """Seconds of a frame, fused and composed, and of the first sight of it; how far the two forms differ."""
    height, width = rays.shape
    size = f"{width} x {height}"
    if method.field.fused() is None:
        composed(method, rays)
        note = f"no fused kernel on {rays.near.device.type} here"
        return [
            Row(f"{size}, fused", None, "s/frame", better="lower", note=note),
            Row(f"{size}, composed", seconds_of(lambda: composed(method, rays)), "s/frame", better="lower"),
        ]
    # The two pictures that are compared warm up the kernels, so that each is timed alone.
    gap = (method.render_image(rays).rgb - composed(method, rays).rgb).abs().max().item()
    fused, sight = median_seconds(
        [lambda: method.render_image(rays), lambda: next(progressively(method.render_image, rays))], effort
    )
    slow = seconds_of(lambda: composed(method, rays))
    against = "against composed"
    return [
        Row(f"{size}, fused", fused, "s/frame", reference=slow, bar=goal, better="lower", note=against),
        Row(f"{size}, first sight", sight, "s", better="lower", note="every 8th pixel of both axes"),
        Row(f"{size}, composed", slow, "s/frame", better="lower"),
        Row(f"{size}, largest difference", gap, "of 1", bar=Bar("value", 2e-3), better="lower"),
    ]


def composed(method: Loom, rays: Rays) -> Image:
    """The picture by way of `render`, chunk after chunk, as methods without a fused kernel do."""
    return Method.render_image(method, rays)
