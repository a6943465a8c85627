"""Captures of worlds: photos and cameras as a reader would find them, with the truth beside them."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame, Split
from rayloom.data.synthetic.defects import (
    Defects,
    Flaw,
    draw_flaw,
    mistaken_labels,
    noisy_pose,
    occluded,
    spoil,
)
from rayloom.data.synthetic.rigs import Rig
from rayloom.data.synthetic.views import Truth, optical_flow, render_view, render_views, scene_flow
from rayloom.data.synthetic.world import World

POINTS_PER_VIEW = 20
_LEAST_NEAR = 0.02
"""World units."""
_PIXELS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class SyntheticCapture:
    """A capture whose truth is known; its raw frame is the frame of the world."""

    capture: Capture
    """What a method may see."""
    worlds: tuple[World, ...]
    """One a view, as they are without defects; one object throughout where nothing differs."""
    cameras: Cameras
    """The true ones."""
    flaws: tuple[Flaw, ...]
    """What the defects did to each photo."""
    samples: int
    """Rays along each side of a pixel."""

    def truth(self, index: int) -> Truth:
        """Clean colours and geometry of a view; rendered anew at each call."""
        return render_view(self.worlds[index], self.cameras, index, samples=self.samples)

    def flow(self, index: int, other: int) -> tuple[Float[Tensor, "h w 2"], Bool[Tensor, "h w"]]:
        """True optical flow in pixels as the first view's world moves, and where both see the same matter."""
        return optical_flow(self.worlds[index], self.cameras, index, other)

    def scene_flow(self, index: int, other_time: float) -> Float[Tensor, "h w 3"]:
        """True displacement, until another time, of what a view sees."""
        return scene_flow(self.worlds[index], self.truth(index), float(self.cameras.time[index]), other_time)

    def observed_labels(self, index: int) -> Int[Tensor, "h w"]:
        """Semantic labels with the mistakes that the defects ask for; -1 where these leave none."""
        return mistaken_labels(self.truth(index).label, len(self.worlds[index].labels), self.flaws[index])

    def occluded(self, index: int) -> Bool[Tensor, "h w"]:
        """Where the occluder hides the scene."""
        intrinsics = self.capture.frames[index].intrinsics
        return occluded(self.flaws[index], intrinsics.width, intrinsics.height)


def make_capture(
    world: World | Sequence[World],
    rig: Rig,
    *,
    num_views: int,
    size: int | tuple[int, int],
    seed: int = 0,
    defects: Defects | None = None,
    holdout: int = 8,
    with_val: bool = False,
    intrinsics: Intrinsics | None = None,
    samples: int = 2,
    labels: bool = False,
    device: torch.device | str = "cpu",
) -> SyntheticCapture:
    """Photos of a world, or of one world a view where light or expression changes, from a rig.

    `size` is the width, or width and height, in pixels. Every `holdout`-th view is for testing, and with
    `with_val` those half-way between are for validation, so that captures written in formats without
    splits are split the same way by name; 0 trains on all. `intrinsics` replaces the rig's pinhole
    and `size`. With `labels`, photos come with their semantic classes, as far as the defects let them.
    """
    worlds = (world,) * num_views if isinstance(world, World) else tuple(world)
    assert len(worlds) == num_views, f"{len(worlds)} worlds for {num_views} views"
    poses = rig.poses(num_views, seed)
    if intrinsics is None:
        intrinsics = _pinhole(rig.fov_rad, size)
    cameras = _cameras(worlds, intrinsics, poses).to(device)
    splits: list[Split] = [_split(i, holdout, with_val=with_val) for i in range(num_views)]
    flaws = _draw_flaws(defects or Defects(), worlds, splits, intrinsics, seed)
    rng = np.random.default_rng([seed, 2])
    frames, points = [], [np.zeros((0, 3))]
    for i, view in enumerate(_photograph(worlds, cameras, flaws, samples)):
        has_alpha, time = worlds[i].is_open, float(cameras.time[i])
        frame = _frame(i, splits[i], view, flaws[i], intrinsics, poses[i], time, has_alpha=has_alpha)
        frames.append(_labelled(frame, view, worlds[i], flaws[i]) if labels else frame)
        if splits[i] == "train":
            points.append(_sparse_points(worlds[i], view, rng))
    capture = _as_read(worlds[0], frames, np.concatenate(points))
    return SyntheticCapture(capture, worlds, cameras, flaws, samples)


def _as_read(world: World, frames: list[Frame], points: NDArray[np.float64]) -> Capture:
    """The frames as a reader would hand them out: as NeRF-synthetic where there is alpha."""
    return Capture(
        root=Path(world.name),
        format="blender" if world.is_open else "transforms",
        frames=tuple(frames),
        points=points,
        up=np.array([0.0, 0.0, 1.0]),
        kind_hint="object" if world.is_open else None,
        background=(1.0, 1.0, 1.0) if world.is_open else None,
        label_names=world.labels if any(frame.labels is not None for frame in frames) else (),
    )


def _cameras(worlds: Sequence[World], intrinsics: Intrinsics, poses: Float[Tensor, "n 3 4"]) -> Cameras:
    """The true cameras; time runs from 0 to 1 where anything changes."""
    changes = worlds[0].moves or any(world is not worlds[0] for world in worlds)
    distance, radius = torch.linalg.vector_norm(poses[:, :, 3], dim=-1), worlds[0].radius
    return Cameras.from_intrinsics(
        [intrinsics] * len(poses),
        poses,
        near=(distance - radius).clamp(min=_LEAST_NEAR),
        far=distance + radius,
        times=np.linspace(0, 1, len(poses)) if changes else np.zeros(len(poses)),
    )


def _draw_flaws(
    defects: Defects, worlds: Sequence[World], splits: Sequence[Split], intrinsics: Intrinsics, seed: int
) -> tuple[Flaw, ...]:
    """One flaw a view; that of a held-out view is none."""
    rng = np.random.default_rng([seed, 1])
    width, height = intrinsics.width, intrinsics.height
    return tuple(
        draw_flaw(defects if split == "train" else Defects(), rng, width, height, len(world.objects))
        for world, split in zip(worlds, splits, strict=True)
    )


def _photograph(
    worlds: Sequence[World], cameras: Cameras, flaws: Sequence[Flaw], samples: int
) -> Iterator[Truth]:
    """Each view through its flaw; some views of the same world and time are rendered together."""
    scenes = [world.swayed(flaw.sway) for world, flaw in zip(worlds, flaws, strict=True)]
    together = max(1, _PIXELS_AT_ONCE // int(cameras.size[0].prod()))
    batches: list[list[int]] = []
    for _, run in groupby(range(len(scenes)), lambda i: (id(scenes[i]), float(cameras.time[i]))):
        indices = list(run)
        batches.extend(indices[start : start + together] for start in range(0, len(indices), together))

    def render(indices: list[int]) -> tuple[Truth, ...]:
        shifts = [flaws[i].shift for i in indices]
        return render_views(scenes[indices[0]], cameras, indices, samples=samples, shifts=shifts)

    # The pictures, not torch's operations, are what the cores share.
    num_threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(num_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for views in pool.map(render, batches):
                yield from views
    finally:
        torch.set_num_threads(num_threads)


def _pinhole(fov_rad: float, size: int | tuple[int, int]) -> Intrinsics:
    """A camera without distortion, its principal point in the middle."""
    width, height = (size, size) if isinstance(size, int) else size
    focal = width / 2 / math.tan(fov_rad / 2)
    return Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, width / 2, height / 2)


def _split(index: int, holdout: int, *, with_val: bool) -> Split:
    """What a view is for."""
    if holdout and index % holdout == 0:
        return "test"
    return "val" if with_val and holdout and index % holdout == holdout // 2 else "train"


def _frame(
    index: int,
    split: Split,
    view: Truth,
    flaw: Flaw,
    intrinsics: Intrinsics,
    pose: Float[Tensor, "3 4"],
    time: float,
    *,
    has_alpha: bool,
) -> Frame:
    """The photo of a view and the camera that is handed out with it."""
    rgba = spoil(torch.cat([view.rgb, view.alpha[..., None]], -1), flaw).cpu()
    depth = (view.points[view.mask].double().cpu() - pose[:, 3]) @ pose[:, 2]
    pixels = (rgba if has_alpha else rgba[..., :3]) * 255
    return Frame(
        name=f"images/{index:04d}.png",
        image=pixels.round().to(torch.uint8).numpy(),
        intrinsics=intrinsics,
        raw_from_camera=noisy_pose(pose, flaw).numpy(),
        split=split,
        time=time,
        near=float(depth.min()) if len(depth) else None,
        far=float(depth.max()) if len(depth) else None,
    )


def _labelled(frame: Frame, view: Truth, world: World, flaw: Flaw) -> Frame:
    """The frame with its classes; the largest number of their type means unknown, as in pictures."""
    classes = mistaken_labels(view.label, len(world.labels), flaw)
    return replace(frame, labels=classes.cpu().numpy().astype(np.uint8))


def _sparse_points(world: World, view: Truth, rng: np.random.Generator) -> NDArray[np.float64]:
    """A few points of what a view sees and does not move, as reconstruction from photos would give them."""
    still = torch.tensor([not item.moves for item in world.objects], device=view.mask.device)
    points = view.points[view.mask & still[view.object_index]].double().cpu().numpy()
    return rng.permutation(points)[:POINTS_PER_VIEW]
