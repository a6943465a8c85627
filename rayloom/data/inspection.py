"""What was understood of a capture: as plain data, as lines of text, and as a picture."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel
from rayloom.data.placement.bounds import UNBOUNDED_FAR
from rayloom.data.placement.orientation import scale_of
from rayloom.data.scene import Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def inspect_scene(scene: Scene) -> dict[str, Any]:
    """What was understood, ready for JSON; near and far are in training units.

    `used` leaves out images that are masked whole; `moments` counts different times, 1 where nothing says
    them; `masks` counts the images with each kind of mask.
    """
    masked_whole = sum(mask is not None and bool(mask.all()) for mask in scene.ignore)
    return {
        "format": scene.format,
        "images": len(scene.names),
        "used": len(scene.names) - masked_whole,
        "resolution": _usual_size(scene),
        "camera_models": sorted({str(camera.model) for camera in scene.intrinsics}),
        "moments": len(np.unique(scene.times)),
        "near": scene.info.near,
        "far": scene.info.far,
        "split": {name: scene.split.count(name) for name in ("train", "val", "test")},
        "masks": {
            "ignore": sum(mask is not None for mask in scene.ignore),
            "empty": len(scene.images) if scene.info.has_alpha else 0,
        },
        "warnings": list(scene.warnings),
    }


def describe_scene(scene: Scene) -> list[str]:
    """The same in lines for people, with lengths in the capture's own units."""
    report = inspect_scene(scene)
    scale = scale_of(scene.raw_from_world)
    used = f"{report['used']} of {report['images']} used" if report["used"] < report["images"] else "all used"
    width, height = report["resolution"]
    split = ", ".join(f"{count} {name}" for name, count in report["split"].items() if count)
    low, high = np.array(scene.info.box_low), np.array(scene.info.box_high)
    far = "no limit" if scene.info.far >= UNBOUNDED_FAR else f"{scene.info.far * scale:.4g}"
    lines = [
        f"format       {scene.format}, {scene.info.kind}",
        f"images       {report['images']} ({used}), {width} x {height}, {', '.join(report['camera_models'])}",
        f"split        {split}",
        f"masks        {report['masks']['ignore']} ignore, {report['masks']['empty']} empty (alpha)",
        f"scale        1 training unit is {scale:.4g} of the capture's",
        f"box          {_sizes((high - low) * scale)} of the capture's units",
        f"near, far    {scene.info.near * scale:.4g}, {far}",
    ]
    if report["moments"] > 1:
        lines.append(f"time         {report['moments']} moments")
    return lines + [f"warning      {warning}" for warning in scene.warnings]


def plot_scene(scene: Scene, out: Path) -> None:
    """Write a picture of cameras, scene box and sparse points, from above and from the side."""
    # Matplotlib takes most of a second to import, and only the picture needs it.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 6.2), layout="constrained")
    figure.suptitle(f"{scene.format}, {scene.info.kind}, {len(scene.names)} images; training units")
    reach = _reach(scene)
    for axes, (x, y), title in zip(
        figure.subplots(1, 2), ((0, 1), (0, 2)), ("from above", "from the side"), strict=True
    ):
        _draw(axes, scene, x, y)
        axes.set(title=title, xlabel="xyz"[x], ylabel="xyz"[y], aspect="equal", xlim=reach[x], ylim=reach[y])
        axes.grid(alpha=0.2)
    figure.axes[0].legend(loc="upper right")
    figure.savefig(out, dpi=110)


def _draw(axes: "Axes", scene: Scene, x: int, y: int) -> None:
    """One view: points below, then the box, then the cameras."""
    if scene.points is not None:
        axes.plot(scene.points[:, x], scene.points[:, y], ".", ms=1, color="0.6", label="points", zorder=1)
    low, high = scene.info.box_low, scene.info.box_high
    corners = np.array([[low[x], low[y]], [high[x], low[y]], [high[x], high[y]], [low[x], high[y]]])
    axes.fill(*corners.T, fill=False, ec="C2", lw=1.5, label="box", zorder=2)
    size = 0.08 * float(np.median(np.linalg.norm(scene.world_from_camera[:, :, 3], axis=-1)))
    for name, colour in (("train", "C0"), ("val", "C4"), ("test", "C3")):
        lines = [_frustum(scene, i, size) for i, split in enumerate(scene.split) if split == name]
        if lines:
            joined = np.concatenate(lines)
            axes.plot(joined[:, x], joined[:, y], color=colour, lw=0.8, label=f"{name} cameras", zorder=3)


def _frustum(scene: Scene, index: int, size: float) -> NDArray[np.float64]:
    """One line, ended by NaN, along the edges of a camera's pyramid."""
    camera, pose = scene.intrinsics[index], scene.world_from_camera[index]
    wide = camera.width / max(camera.width, camera.height) / 2
    high = camera.height / max(camera.width, camera.height) / 2
    deep = wide * 2 * camera.fx / camera.width if camera.model is not CameraModel.EQUIRECTANGULAR else 0.5
    apex = np.zeros(3)
    a, b, c, d = (np.array([sx * wide, sy * high, min(deep, 1.5)]) for sx, sy in _CORNERS)
    local = size * np.array([apex, a, b, apex, c, b, c, d, apex, d, a])
    return np.concatenate([local @ pose[:, :3].T + pose[:, 3], np.full((1, 3), np.nan)])


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _reach(scene: Scene) -> list[tuple[float, float]]:
    """Limits of the axes: all cameras, the box, and the bulk of the points; equal lengths."""
    parts = [scene.world_from_camera[:, :, 3], np.array([scene.info.box_low, scene.info.box_high])]
    if scene.points is not None:
        parts.append(np.percentile(scene.points, (5, 95), axis=0))
    everything = np.concatenate(parts)
    low, high = everything.min(0), everything.max(0)
    half = 0.56 * float((high - low).max())
    return [(float(middle - half), float(middle + half)) for middle in (low + high) / 2]


def _usual_size(scene: Scene) -> list[int]:
    """Width and height that most images have."""
    sizes = Counter((camera.width, camera.height) for camera in scene.intrinsics)
    return list(sizes.most_common(1)[0][0])


def _sizes(lengths: NDArray[np.float64]) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)
