"""Which cameras see which places of a surface."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel
from rayloom.cameras.projections import plane_from_points

MAX_CAMERAS = 64
"""Cameras that are looked through, spread evenly over those given."""
LONG_SIDE = 128
"""Pixels of the pictures of how far they see."""
STEEPEST = 0.1
"""Cosine between view and normal below which a surface is seen too slantwise to tell its colour."""
SLACK = 3.0
"""Cells, and pixels, behind what a camera sees that still count as seen."""

_MODELS = tuple(CameraModel)
_ALL_AROUND = (CameraModel.OPENCV_FISHEYE, CameraModel.EQUIRECTANGULAR)
"""Models that may show what is behind the camera."""


@dataclass(frozen=True)
class Views:
    """From where places of a surface are seen, the most frontal camera first."""

    eyes: Float[Tensor, "n m 3"]
    seen: Bool[Tensor, "n m"]
    """False for cameras that do not see the place; where all are, none does."""


class Visibility:
    """How far some cameras see, from the vertices of a surface drawn as points into small pictures."""

    def __init__(self, cameras: Cameras, vertices: Float[Tensor, "n 3"], width: float) -> None:
        chosen = torch.linspace(0, len(cameras) - 1, min(len(cameras), MAX_CAMERAS)).round().long()
        cameras = cameras[chosen]
        self.cameras = cameras.coarser(max(1.0, float(cameras.size.max()) / LONG_SIDE))
        self.width = width
        self.reach = [self._reach(i, vertices) for i in range(len(self.cameras))]

    def views(self, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], num: int) -> Views:
        """The `num` cameras that see each place most frontally."""
        cosines = torch.stack([self._cosines(i, points, normals) for i in range(len(self.cameras))], dim=-1)
        best, index = cosines.topk(min(num, len(self.cameras)), dim=-1)
        return Views(self.cameras.world_from_camera[:, :, 3][index], best > STEEPEST)

    def _reach(self, i: int, vertices: Float[Tensor, "n 3"]) -> Float[Tensor, "h w"]:
        """The least distance of a vertex around each pixel; infinite where there is none."""
        pixel, distance, inside = self._seen_from(i, vertices)
        width, height = self.cameras.size[i].tolist()
        nearest = torch.full((height * width,), torch.inf)
        nearest.scatter_reduce_(0, pixel[inside], distance[inside], "amin")
        # Vertices are points: between those of a near surface, what is behind would shine through.
        return -functional.max_pool2d(-nearest.view(1, height, width), 3, stride=1, padding=1)[0]

    def _cosines(
        self, i: int, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """Between the normals and the way to camera i, or -1 where it does not see the place."""
        pixel, distance, inside = self._seen_from(i, points)
        footprint = distance / self.cameras.focal[i].mean()
        if _MODELS[int(self.cameras.model[i])] is CameraModel.ORTHOGRAPHIC:
            footprint = 1 / self.cameras.focal[i].mean()
        end = self.reach[i].flatten()[pixel.where(inside, 0)]
        seen = inside & (distance <= end + SLACK * (self.width + footprint))
        ways = functional.normalize(self.cameras.world_from_camera[i, :, 3] - points, dim=-1)
        return torch.where(seen, (ways * normals).sum(-1), -1.0)

    def _seen_from(self, i: int, points: Float[Tensor, "n 3"]) -> tuple[Tensor, Tensor, Tensor]:
        """Number of the pixel, distance, and whether the picture of camera i holds the points."""
        # `Cameras.project` looks up a pose for each point; for millions of points that is slow.
        pose, distortion = self.cameras.world_from_camera[i], self.cameras.distortion[i]
        local, model = (points - pose[:, 3]) @ pose[:, :3], _MODELS[int(self.cameras.model[i])]
        bent = distortion.expand(len(points), -1) if bool(distortion.any()) else None
        pixels = plane_from_points(local, bent, model) * self.cameras.focal[i] + self.cameras.center[i]
        width, height = self.cameras.size[i].tolist()
        inside = (pixels >= 0).all(-1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
        if model not in _ALL_AROUND:
            inside &= local[:, 2] > 0
        column, row = pixels.nan_to_num(0).clamp(-1, 1 << 20).long().unbind(-1)
        return row * width + column, torch.linalg.vector_norm(local, dim=-1), inside
