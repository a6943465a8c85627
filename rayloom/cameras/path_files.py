"""Camera-path files of the nerfstudio viewer, read and written.

The files hold camera-to-world matrices with OpenGL camera axes in a frame of their own, here called raw.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.errors import InputError
from rayloom.geometry.transforms import opencv_from_opengl

_MODELS = {
    "perspective": CameraModel.PINHOLE,
    "fisheye": CameraModel.OPENCV_FISHEYE,
    "equirectangular": CameraModel.EQUIRECTANGULAR,
}
LARGEST_SIDE = 65_500
"""Pixels along a side of a film; the most that a JPEG has."""
FARTHEST = 1e9
"""From the origin of the file, in its units, that a camera may be."""

Degrees = Annotated[float, msgspec.Meta(ge=1e-3, lt=180)]
"""Of a field of view, and not so few that a focal length cannot be told from infinity."""
Moment = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""Of a sequence, from its first photo to its last."""
_Pixels = Annotated[int, msgspec.Meta(gt=0, le=LARGEST_SIDE)]


@dataclass(frozen=True)
class CameraPath:
    """The frames of a video."""

    cameras: Cameras
    fps: float
    """Frames a second."""


class _Frame(msgspec.Struct):
    camera_to_world: Annotated[list[float], msgspec.Meta(min_length=16, max_length=16)]
    """Row by row."""
    fov: Degrees
    """Vertical."""
    aspect: float = 1.0
    render_time: Moment | None = None


class _File(msgspec.Struct):
    render_width: _Pixels
    render_height: _Pixels
    camera_path: Annotated[list[_Frame], msgspec.Meta(min_length=1)]
    camera_type: Literal["perspective", "fisheye", "equirectangular"] = "perspective"
    fps: Annotated[float, msgspec.Meta(ge=1e-3, le=1e3)] = 24.0


def read_camera_path(
    file: Path, raw_from_world: NDArray[np.float64], *, near: float, far: float
) -> CameraPath:
    """The path of a file, moved into the world; near and far in world units.

    `raw_from_world` is a 4 x 4 similarity. Keyframes are ignored: the file also has every frame.
    Raises InputError for a file that is missing or broken, naming the field.
    """
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}); expected a camera path") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(file, f"{error}; expected a nerfstudio camera path") from error
    raw_from_camera = np.array([frame.camera_to_world for frame in content.camera_path]).reshape(-1, 4, 4)
    for i, matrix in enumerate(raw_from_camera):
        _check_rigid(f"{file}: camera_path[{i}].camera_to_world", matrix)
    model = _MODELS[content.camera_type]
    width, height = content.render_width, content.render_height
    focals = [0.5 * height / math.tan(math.radians(frame.fov) / 2) for frame in content.camera_path]
    times = [frame.render_time for frame in content.camera_path if frame.render_time is not None]
    cameras = Cameras.from_intrinsics(
        [Intrinsics(model, width, height, focal, focal, width / 2, height / 2) for focal in focals],
        _world_from_camera(raw_from_camera, raw_from_world),
        near,
        far,
        # As in nerfstudio, time counts if every frame has it.
        times=times if len(times) == len(focals) else None,
    )
    return CameraPath(cameras, content.fps)


def write_camera_path(file: Path, path: CameraPath, raw_from_world: NDArray[np.float64]) -> None:
    """Writes a path of cameras of one size and model so that `read_camera_path` gives it back.

    The format knows neither principal points nor distortion; both are lost, and so are keyframes.
    Raises ValueError for a model that the format does not have.
    """
    cameras, types = path.cameras, {model: name for name, model in _MODELS.items()}
    model = tuple(CameraModel)[int(cameras.model[0])]
    if model not in types:
        raise ValueError(f"camera paths hold {', '.join(types)} cameras, not {model}")
    width, height = cameras.size[0].tolist()
    raw_from_camera = _raw_from_camera(cameras, raw_from_world)
    fovs = torch.rad2deg(2 * torch.atan(0.5 * height / cameras.focal[:, 1].double())).tolist()
    content = {
        "camera_type": types[model],
        "render_width": width,
        "render_height": height,
        "fps": path.fps,
        "seconds": len(cameras) / path.fps,
        "is_cycle": False,
        "smoothness_value": 0.0,
        "keyframes": [],
        "camera_path": [
            {
                "camera_to_world": matrix.flatten().tolist(),
                "fov": fov,
                "aspect": width / height,
                "render_time": t,
            }
            for matrix, fov, t in zip(raw_from_camera, fovs, cameras.time.tolist(), strict=True)
        ],
    }
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _world_from_camera(
    raw_from_camera: NDArray[np.float64], raw_from_world: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rigid poses with OpenCV axes: the similarity's scale moves the cameras, it does not stretch them."""
    scale = np.cbrt(np.linalg.det(raw_from_world[:3, :3]))
    poses = (np.linalg.inv(raw_from_world) @ raw_from_camera)[:, :3]
    poses[:, :, :3] *= scale
    return opencv_from_opengl(torch.from_numpy(poses)).numpy()


def _raw_from_camera(cameras: Cameras, raw_from_world: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `_world_from_camera`, as 4 x 4 matrices."""
    poses = opencv_from_opengl(cameras.world_from_camera.detach().cpu().double()).numpy()
    bottom = np.broadcast_to([0.0, 0.0, 0.0, 1.0], (len(poses), 1, 4))
    raw_from_camera = raw_from_world @ np.concatenate([poses, bottom], axis=1)
    raw_from_camera[:, :3, :3] /= np.cbrt(np.linalg.det(raw_from_world[:3, :3]))
    return raw_from_camera


def _check_rigid(where: str, matrix: NDArray[np.float64]) -> None:
    turn = matrix[:3, :3]
    near = (np.abs(matrix) < FARTHEST).all()
    rigid = near and np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)
    if not rigid or np.linalg.det(turn) < 0 or not np.allclose(matrix[3], [0, 0, 0, 1]):
        raise InputError(where, "not a rotation and a translation; expected a rigid 4 x 4 matrix, row by row")
