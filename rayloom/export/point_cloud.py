"""A trained scene as points: where the rays of the training cameras end, with colours and normals."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rayloom.cameras.camera import Cameras
from rayloom.data.placement.orientation import move_points
from rayloom.errors import InputError
from rayloom.export.frames import Matrix, turn
from rayloom.files import whole_file
from rayloom.method import Method
from rayloom.types import Image, Rays, Record

FIRST_LOOK = 32
"""Pixels along the longer side of the pictures that tell which share of all rays becomes points."""
SPARE = 1.5
"""Rays that are cast, times those that would just do by the first look."""
STEEPEST = 0.15
"""Cosine between ray and normal below which depth jumps: the point hangs between two surfaces."""

Tell = Callable[[float], None]
"""Hears which share of the work is done."""


@dataclass(frozen=True)
class PointCloud(Record):
    """Points with colours and unit normals."""

    points: Float[Tensor, "n 3"]
    rgb: Float[Tensor, "n 3"]
    """SRGB in [0, 1]."""
    normals: Float[Tensor, "n 3"]
    """Towards the camera that saw the point."""

    def __len__(self) -> int:
        return len(self.points)


@torch.no_grad()
def make_points(
    method: Method[Any], cameras: Cameras, num: int, *, opacity: float, reach: float, tell: Tell
) -> PointCloud:
    """At most `num` points of a method's scene, evenly drawn from all rays that `cameras` cast.

    Rays count that are at least so opaque and end within `reach` of the origin, all in the method's frame.
    Cameras cast as many rays as it takes, no more than they have pixels. Raises InputError where none counts.
    """
    look = partial(_points, method, opacity=opacity, reach=reach)
    small = cameras.coarser(max(1.0, float(cameras.size.max()) / FIRST_LOOK))
    share = len(look(small, tell=lambda done: None)) / float(small.size.prod(-1).sum())
    pixels = float(cameras.size.prod(-1).sum())
    everything = look(cameras.coarser(max(1.0, (share * pixels / (SPARE * num)) ** 0.5)), tell=tell)
    if len(everything) == 0:
        raise InputError(
            "the field", "is empty: its cameras see nothing solid; expected a scene that was trained longer"
        )
    chosen = torch.randperm(len(everything), generator=torch.Generator().manual_seed(0))
    return everything[chosen[:num]]


def write_points(cloud: PointCloud, file: Path, matrix: Matrix) -> None:
    """Write points as a binary PLY file, moved by a similarity: doubles, unit normals and 8-bit colours."""
    names = [(name, "<f8") for name in "xyz"] + [(name, "<f4") for name in ("nx", "ny", "nz")]
    names += [(name, "u1") for name in ("red", "green", "blue")]
    table = np.empty(len(cloud), np.dtype(names))
    columns = np.column_stack(
        [
            move_points(matrix, _array(cloud.points)),
            turn(matrix, _array(cloud.normals)),
            np.rint(255 * _array(cloud.rgb).clip(0, 1)),
        ]
    )
    for (name, _), column in zip(names, columns.T, strict=True):
        table[name] = column
    kinds = {"<f8": "double", "<f4": "float", "u1": "uchar"}
    properties = "".join(f"property {kinds[kind]} {name}\n" for name, kind in names)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(cloud)}\n{properties}end_header\n"
    with whole_file(file) as part, part.open("wb") as out:
        out.write(header.encode())
        out.write(table.tobytes())


def _points(method: Method[Any], cameras: Cameras, *, opacity: float, reach: float, tell: Tell) -> PointCloud:
    """All points that the cameras show."""
    device, parts = next(method.parameters()).device, []
    for i in range(len(cameras)):
        rays = cameras.image_rays(i)
        parts.append(_seen(rays, method.render_image(rays.to(device)), opacity, reach))
        tell((i + 1) / len(cameras))
    return PointCloud(
        *(torch.cat([getattr(part, name) for part in parts]) for name in ("points", "rgb", "normals"))
    )


def _seen(rays: Rays, image: Image, opacity: float, reach: float) -> PointCloud:
    """The points at which the rays of one picture end."""
    depth = image.depth.cpu()
    points = rays.origins + depth[..., None] * rays.directions
    normals = _normals(points, rays.directions)
    kept = (image.opacity.cpu() >= opacity) & (points.norm(dim=-1) <= reach) & (depth > 0)
    kept &= (normals * rays.directions).sum(-1) <= -STEEPEST
    return PointCloud(points[kept], image.rgb.cpu()[kept].clamp(0, 1), normals[kept])


def _normals(points: Float[Tensor, "h w 3"], directions: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w 3"]:
    """Unit normals towards the camera, from the differences to the pixels around; 0 at the rim."""
    across = functional.pad(points[:, 2:] - points[:, :-2], (0, 0, 1, 1))
    down = functional.pad(points[2:] - points[:-2], (0, 0, 0, 0, 1, 1))
    normals = functional.normalize(torch.linalg.cross(across, down), dim=-1)
    return torch.where((normals * directions).sum(-1, keepdim=True) > 0, -normals, normals)


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.double().numpy()
