"""From where somebody looks: the camera of a browser window as a camera of ours, and back from a photo's.

A browser window is a pinhole camera with OpenCV axes, as viser gives it: a place, a turn and a field of view.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.geometry.boxes import Box
from rayloom.geometry.transforms import matrix_from_quaternion, quaternion_from_matrix
from rayloom.types import SceneInfo

Triple = tuple[float, float, float]

_WIDEST = math.radians(140)
"""Field of view of a window at most; a photo that is wider is seen in part."""
_CLOSEST = 0.01
"""Near bound at least, world units."""


@dataclass(frozen=True)
class Sight:
    """A place, a turn, a vertical field of view and a moment."""

    position: Triple
    """World units."""
    wxyz: tuple[float, float, float, float]
    """Unit quaternion of world_from_camera, OpenCV axes."""
    fov_rad: float
    time: float = 0.0
    """From 0 to 1 over the sequence; 0 where the capture has no time."""

    @property
    def world_from_camera(self) -> Float[Tensor, "3 4"]:
        """The pose, in double precision."""
        turn = matrix_from_quaternion(torch.tensor(self.wxyz, dtype=torch.float64))
        return torch.cat([turn, torch.tensor(self.position, dtype=torch.float64)[:, None]], dim=-1)


def sight_of(world_from_camera: Float[Tensor, "3 4"], fov_rad: float, time: float = 0.0) -> Sight:
    """The sight with a pose."""
    pose = world_from_camera.double()
    x, y, z = pose[:, 3].tolist()
    w, i, j, k = quaternion_from_matrix(pose[:, :3]).tolist()
    return Sight((x, y, z), (w, i, j, k), fov_rad, time)


def camera_at(sight: Sight, width: int, height: int, info: SceneInfo) -> Cameras:
    """The one camera of a sight, with bounds that hold what it may see.

    They are those of the scene, but nearer and farther where it looks from nearer or farther than photos did.
    """
    eye = torch.tensor(sight.position)
    box = Box(torch.tensor(info.box_low), torch.tensor(info.box_high))
    near, far = info.near, info.far
    if info.kind == "object":
        outside = (torch.maximum(box.low - eye, eye - box.high)).clamp_min(0).norm()
        near = max(min(near, float(outside)), min(near, _CLOSEST))
        far = max(far, float(torch.maximum((box.low - eye).abs(), (box.high - eye).abs()).norm()))
    return pinhole(sight, width, height, near, far)


def pinhole(sight: Sight, width: int, height: int, near: float, far: float) -> Cameras:
    """The one camera of a sight."""
    focal = 0.5 * height / math.tan(sight.fov_rad / 2)
    lens = Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, width / 2, height / 2)
    return Cameras.from_intrinsics([lens], sight.world_from_camera[None], near, far, times=sight.time)


def sight_of_photo(photo: Cameras, aspect: float) -> Sight:
    """From the place of a photo, so wide that a window of that width over height shows all of it, then.

    `photo` is one camera; of one that sees more than a window can, the middle is shown.
    """
    width, height = photo.size[0].tolist()
    x, y = torch.linspace(0.5, width - 0.5, 33), torch.linspace(0.5, height - 0.5, 33)
    rows, columns = torch.full_like(y, 0.5), torch.full_like(x, 0.5)
    border = [
        *(torch.stack([x, columns], -1), torch.stack([x, height - columns], -1)),
        *(torch.stack([rows, y], -1), torch.stack([width - rows, y], -1)),
    ]
    pixels = torch.cat(border).to(photo.focal)
    directions = photo.rays(torch.zeros(len(pixels), dtype=torch.long), pixels).directions
    local = directions @ photo.world_from_camera[0, :, :3]
    widest = math.tan(_WIDEST / 2)
    ahead = local[:, 2:].clamp_min(1e-6)
    slope = torch.where(local[:, 2:] > 0, (local[:, :2] / ahead).abs(), widest).amax(0)
    across, up = slope.tolist()
    fov_rad = 2 * math.atan(min(max(up, across / aspect), widest))
    return sight_of(photo.world_from_camera[0], fov_rad, float(photo.time[0]))


def photo_in_window(
    window: Cameras, photo: Cameras, rgb: Float[Tensor, "h w 3"]
) -> tuple[Float[Tensor, "h_out w_out 3"], Bool[Tensor, "h_out w_out"]]:
    """A photo as the window sees it that looks from the same place, and where there is photo.

    Both are one camera. The window sees along each of its rays what the photo has there: distortion is
    undone, and the picture lies exactly over what is rendered for the window.
    """
    rays = window.image_rays(0)
    height, width = rays.shape
    points = (photo.world_from_camera[:, :, 3] + rays.directions.reshape(-1, 3)).to(photo.focal)
    index = torch.zeros(len(points), dtype=torch.long)
    pixels, depth = photo.project(points, index)
    size = photo.size[0].to(pixels)
    around = int(photo.model[0]) == list(CameraModel).index(CameraModel.EQUIRECTANGULAR)
    inside = ((pixels >= 0) & (pixels <= size)).all(-1) & ((depth > 0) | around)
    grid = torch.where(inside[:, None], 2 * pixels / size - 1, 0.0).reshape(1, height, width, 2)
    seen = torch.nn.functional.grid_sample(
        rgb.movedim(-1, 0)[None].to(grid), grid, padding_mode="border", align_corners=False
    )[0].movedim(0, -1)
    return seen, inside.reshape(height, width)
