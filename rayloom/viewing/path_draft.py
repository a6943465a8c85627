"""A camera path in the making: keyframes, what flies through them, and the file that keeps both."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.path_files import (
    FARTHEST,
    CameraPath,
    Degrees,
    Moment,
    read_camera_path,
    write_camera_path,
)
from rayloom.cameras.splines import smooth_curve
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.geometry.transforms import invert_similarity, opencv_from_opengl
from rayloom.metrics.poses import moved_poses
from rayloom.viewing.sights import Sight, sight_of


@dataclass(frozen=True)
class PathDraft:
    """Keyframes in their order, and how the camera goes from one to the next."""

    keyframes: tuple[Sight, ...] = ()
    seconds: float = 2.0
    """From each keyframe to the next."""
    fps: float = 24.0
    loop: bool = False
    """Whether the last keyframe leads on to the first."""

    @property
    def num_frames(self) -> int:
        """Frames of the film; a loop does not show its first one twice."""
        transitions = len(self.keyframes) - (not self.loop)
        return round(transitions * self.seconds * self.fps) + (not self.loop)

    def sights(self) -> list[Sight]:
        """From where each frame is seen; raises InputError for fewer than two keyframes.

        Place, turn, the logarithm of the image's width and the moment are smooth curves over the film.
        """
        if len(self.keyframes) < 2:
            raise InputError("path", f"has {len(self.keyframes)} keyframes; expected at least two")
        frames, knots = list(self.keyframes), torch.arange(len(self.keyframes), dtype=torch.float64)
        if self.loop:
            # One more keyframe before and two after make the curve smooth where it closes.
            frames = [frames[-1], *frames, frames[0], frames[1]]
            knots = torch.arange(-1, len(frames) - 1, dtype=torch.float64)
        at = torch.arange(self.num_frames, dtype=torch.float64) / (self.fps * self.seconds)
        curve = smooth_curve(knots, _rows(frames), at.clamp_max(knots[-1]))
        turns = torch.nn.functional.normalize(curve[:, 3:7], dim=-1)
        return [
            Sight((x, y, z), (w, i, j, k), 2 * math.atan(math.exp(zoom)), min(max(time, 0.0), 1.0))
            for (x, y, z), (w, i, j, k), (zoom, time) in zip(
                curve[:, :3].tolist(), turns.tolist(), curve[:, 7:].tolist(), strict=True
            )
        ]

    def film(self, width: int, height: int, *, near: float, far: float) -> CameraPath:
        """The frames as cameras of one size."""
        sights = self.sights()
        focals = [0.5 * height / math.tan(sight.fov_rad / 2) for sight in sights]
        lenses = [
            Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, width / 2, height / 2)
            for focal in focals
        ]
        poses = torch.stack([sight.world_from_camera for sight in sights])
        times = [sight.time for sight in sights]
        return CameraPath(Cameras.from_intrinsics(lenses, poses, near, far, times=times), self.fps)


class _Keyframe(msgspec.Struct):
    matrix: Annotated[list[float], msgspec.Meta(min_length=16, max_length=16)]
    fov: Degrees
    render_time: Moment | None = None


class _Editor(msgspec.Struct):
    """What a camera-path file says to an editor, beside what it says to a renderer."""

    keyframes: list[_Keyframe] = []
    default_transition_sec: Annotated[float, msgspec.Meta(ge=1e-3, le=3600)] = PathDraft.seconds
    is_cycle: bool = False


def save_path(
    file: Path, draft: PathDraft, width: int, height: int, raw_from_world: NDArray[np.float64]
) -> None:
    """Writes a nerfstudio camera path that `rayloom render` films and `load_path` gives back.

    Raises InputError for fewer than two keyframes and where the file cannot be written.
    """
    film = draft.film(width, height, near=0.0, far=1.0)
    to_raw = torch.from_numpy(raw_from_world)[:3]
    poses = torch.stack([sight.world_from_camera for sight in draft.keyframes])
    matrices = torch.zeros(len(poses), 4, 4, dtype=torch.float64)
    matrices[:, :3], matrices[:, 3, 3] = moved_poses(to_raw, opencv_from_opengl(poses)), 1.0
    with whole_file(file) as part:
        write_camera_path(part, film, raw_from_world)
        content = json.loads(part.read_text(encoding="utf-8"))
        content["is_cycle"] = draft.loop
        content["default_transition_sec"] = draft.seconds
        content["default_fov"] = math.degrees(draft.keyframes[0].fov_rad)
        content["keyframes"] = [
            {
                "matrix": matrix.flatten().tolist(),
                "fov": math.degrees(sight.fov_rad),
                "aspect": width / height,
                "override_time_enabled": True,
                "render_time": sight.time,
                "override_transition_enabled": False,
                "override_transition_sec": None,
            }
            for matrix, sight in zip(matrices, draft.keyframes, strict=True)
        ]
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")


def load_path(file: Path, raw_from_world: NDArray[np.float64]) -> PathDraft:
    """The keyframes of a camera path; of a file without any that can be read, a frame per transition.

    Raises InputError for a file that `rayloom render` would not film either.
    """
    path = read_camera_path(file, raw_from_world, near=0.0, far=1.0)
    draft = PathDraft(fps=path.fps)
    try:
        editor = msgspec.json.decode(file.read_bytes(), type=_Editor)
        keyframes = _keyframes(editor, raw_from_world)
    except msgspec.ValidationError:
        editor, keyframes = _Editor(), ()
    if len(keyframes) >= 2:
        return replace(
            draft, keyframes=keyframes, seconds=editor.default_transition_sec, loop=editor.is_cycle
        )
    step = max(round(draft.seconds * draft.fps), 1)
    cameras, last = path.cameras, len(path.cameras) - 1
    fovs = (2 * torch.atan(0.5 * cameras.size[:, 1] / cameras.focal[:, 1])).tolist()
    chosen, times = sorted({*range(0, last + 1, step), last}), cameras.time.tolist()
    keyframes = (sight_of(cameras.world_from_camera[i], fovs[i], times[i]) for i in chosen)
    return replace(draft, keyframes=tuple(keyframes))


def _keyframes(editor: _Editor, raw_from_world: NDArray[np.float64]) -> tuple[Sight, ...]:
    """Those whose matrices are poses row by row; older viewers wrote them column by column."""
    matrices = torch.tensor([item.matrix for item in editor.keyframes], dtype=torch.float64)
    matrices = matrices.reshape(-1, 4, 4)
    known = bool((matrices.abs() < FARTHEST).all())
    if not known or not torch.allclose(
        matrices[:, 3], torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    ):
        return ()
    from_raw = invert_similarity(torch.from_numpy(raw_from_world)[:3])
    poses = opencv_from_opengl(moved_poses(from_raw, matrices[:, :3]))
    return tuple(
        sight_of(pose, math.radians(item.fov), item.render_time or 0.0)
        for pose, item in zip(poses, editor.keyframes, strict=True)
    )


def _rows(sights: list[Sight]) -> Float[Tensor, "n 9"]:
    """Place, turn, logarithm of half the image plane's height at distance 1 and moment, side by side."""
    rows = torch.tensor(
        [[*s.position, *s.wxyz, math.log(math.tan(s.fov_rad / 2)), s.time] for s in sights],
        dtype=torch.float64,
    )
    # q and -q are the same turn: each takes the sign that is nearer to the one before.
    turns_over = (rows[1:, 3:7] * rows[:-1, 3:7]).sum(-1) < 0
    rows[1:, 3:7] *= torch.where(turns_over, -1.0, 1.0).cumprod(0)[:, None]
    return rows
