"""Sets of cameras: the one module that knows what a pixel is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.projections import direction_steps, directions_from_plane, plane_from_points
from rayloom.types import Rays, Record

Numbers = float | Sequence[float] | NDArray[np.floating] | Tensor

_MODELS = tuple(CameraModel)
_LAST_PERSPECTIVE = _MODELS.index(CameraModel.OPENCV)
"""PINHOLE, SIMPLE_RADIAL and OPENCV come first in `CameraModel`."""


@dataclass(frozen=True)
class Cameras(Record):
    """Posed cameras, each with its own intrinsics and model.

    Camera axes are OpenCV's: x right, y down, z forward. Pixels are continuous (x, y) from the top-left
    corner of the image; the centre of the first one is (0.5, 0.5).
    """

    world_from_camera: Float[Tensor, "*batch 3 4"]
    focal: Float[Tensor, "*batch 2"]
    """Focal lengths in pixels; pixels per world unit for ORTHOGRAPHIC, per radian for EQUIRECTANGULAR."""
    center: Float[Tensor, "*batch 2"]
    """Principal point in pixels."""
    distortion: Float[Tensor, "*batch 8"]
    """k1, k2, k3, k4, k5, k6, p1, p2."""
    model: Int[Tensor, "*batch"]
    """Position in `CameraModel`."""
    size: Int[Tensor, "*batch 2"]
    """Width and height in pixels."""
    near: Float[Tensor, "*batch"]
    """Along the ray."""
    far: Float[Tensor, "*batch"]
    time: Float[Tensor, "*batch"]
    image_index: Int[Tensor, "*batch"]
    """Which training image was taken with the camera; -1 for none."""

    @staticmethod
    def from_intrinsics(
        intrinsics: Sequence[Intrinsics],
        world_from_camera: NDArray[np.floating] | Tensor,
        near: Numbers,
        far: Numbers,
        *,
        times: Numbers | None = None,
        image_index: Sequence[int] | NDArray[np.integer] | Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "Cameras":
        """One camera for each of the intrinsics; near, far and times for each of them or one for all."""
        n = len(intrinsics)

        def each(values: Numbers) -> Tensor:
            return torch.as_tensor(values, dtype=dtype).expand(n).contiguous()

        def table(rows: list[tuple[float, ...]], width: int) -> Tensor:
            return torch.tensor(rows, dtype=dtype).reshape(n, width)

        index = torch.full((n,), -1) if image_index is None else torch.as_tensor(image_index)
        return Cameras(
            world_from_camera=torch.as_tensor(world_from_camera, dtype=dtype),
            focal=table([_focal(item) for item in intrinsics], 2),
            center=table([_center(item) for item in intrinsics], 2),
            distortion=table([item.distortion for item in intrinsics], 8),
            model=torch.tensor([_MODELS.index(item.model) for item in intrinsics], dtype=torch.long),
            size=torch.tensor([(item.width, item.height) for item in intrinsics]).reshape(n, 2).long(),
            near=each(near),
            far=each(far),
            time=each(0.0 if times is None else times),
            image_index=index.long(),
        )

    def __len__(self) -> int:
        return self.model.shape[0]

    def coarser(self, ratio: float | Float[Tensor, "cameras 1"]) -> "Cameras":
        """The same views in pixels that are about `ratio` times as wide; sizes are whole."""
        size = (self.size / ratio).round().long().clamp(min=1)
        share = size / self.size
        return replace(self, focal=self.focal * share, center=self.center * share, size=size)

    def wider(self, margin: float) -> "Cameras":
        """The same pixels, and more of them beyond each border, as a share of width and height.

        Cameras whose pictures do not lie on a plane stay as they are.
        """
        planes = torch.tensor([model.is_plane for model in CameraModel]).to(self.model.device)[self.model]
        added = (margin * self.size).round().long() * planes[:, None]
        return replace(self, center=self.center + added, size=self.size + 2 * added)

    def rays(self, camera_index: Int[Tensor, " n"], pixels: Float[Tensor, "n 2"]) -> Rays:
        """What the pixels see; `radii` are those of the pixels' cones, half-widths for ORTHOGRAPHIC."""
        pose = _pick(self.world_from_camera, camera_index)
        focal = _pick(self.focal, camera_index)
        plane = (pixels - _pick(self.center, camera_index)) / focal
        local, steps = self._directions(camera_index, plane)
        columns = pose.unbind(-1)
        directions = local[:, :1] * columns[0] + local[:, 1:2] * columns[1] + local[:, 2:] * columns[2]
        return Rays(
            origins=self._origins(camera_index, plane, columns),
            directions=directions,
            view_directions=directions,
            near=_pick(self.near, camera_index),
            far=_pick(self.far, camera_index),
            # A disc of this radius has the variance of the pixel's square (Barron et al. 2021).
            radii=(steps / focal.detach()).sum(-1) / math.sqrt(12),
            camera_index=_pick(self.image_index, camera_index),
            pixels=pixels,
            time=_pick(self.time, camera_index),
        )

    def image_rays(self, i: int) -> Rays:
        """The rays through all pixel centres of camera i, height x width."""
        width, height = self.size[i].tolist()
        options = {"dtype": self.focal.dtype, "device": self.focal.device}
        y, x = torch.meshgrid(
            torch.arange(height, **options) + 0.5, torch.arange(width, **options) + 0.5, indexing="ij"
        )
        pixels = torch.stack([x, y], dim=-1).reshape(-1, 2)
        index = torch.full((height * width,), i, device=self.focal.device)
        return self.rays(index, pixels).reshape(height, width)

    def project(
        self, points: Float[Tensor, "n 3"], camera_index: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
        """Pixels of world points and their depth along the optical axis.

        Perspective cameras show what has a positive depth; the pixels of other points mean nothing.
        """
        pose = _pick(self.world_from_camera, camera_index)
        local = ((points - pose[:, :, 3])[:, :, None] * pose[:, :, :3]).sum(-2)
        plane = self._plane(camera_index, local)
        return plane * _pick(self.focal, camera_index) + _pick(self.center, camera_index), local[:, 2]

    def z_depth(
        self, t: Float[Tensor, " n"], directions: Float[Tensor, "n 3"], camera_index: Int[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """Depth along the optical axis at distances t along rays with these world directions."""
        return t * self._axis_cosines(directions, camera_index)

    def t_from_z_depth(
        self, z_depth: Float[Tensor, " n"], directions: Float[Tensor, "n 3"], camera_index: Int[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """The inverse of `z_depth`."""
        return z_depth / self._axis_cosines(directions, camera_index)

    def _axis_cosines(self, directions: Tensor, camera_index: Tensor) -> Tensor:
        return (_pick(self.world_from_camera[:, :, 2], camera_index) * directions).sum(-1)

    def _directions(self, camera_index: Tensor, plane: Tensor) -> tuple[Tensor, Tensor]:
        """Unit directions in the cameras' own frames, and their lengths per step on the plane."""
        directions, steps = plane.new_zeros(len(plane), 3), torch.zeros_like(plane)
        for model, rows, distortion in self._by_model(camera_index):
            part = directions_from_plane(plane[rows], distortion, model)
            part_steps = direction_steps(part.detach(), distortion, model)
            if isinstance(rows, slice):
                return part, part_steps
            directions = directions.index_copy(0, rows, part)
            steps = steps.index_copy(0, rows, part_steps)
        return directions, steps

    def _plane(self, camera_index: Tensor, local: Tensor) -> Tensor:
        """Points of the cameras' own frames on the cameras' planes."""
        plane = local.new_zeros(len(local), 2)
        for model, rows, distortion in self._by_model(camera_index):
            part = plane_from_points(local[rows], distortion, model)
            if isinstance(rows, slice):
                return part
            plane = plane.index_copy(0, rows, part)
        return plane

    def _origins(self, camera_index: Tensor, plane: Tensor, columns: tuple[Tensor, ...]) -> Tensor:
        """The cameras' places; for ORTHOGRAPHIC those of the pixels."""
        flat = self.model == _MODELS.index(CameraModel.ORTHOGRAPHIC)
        if not flat.any():
            return columns[3]
        shift = plane * _pick(flat, camera_index)[:, None]
        return columns[3] + shift[:, :1] * columns[0] + shift[:, 1:] * columns[1]

    def _by_model(self, camera_index: Tensor) -> Iterator[tuple[CameraModel, Tensor | slice, Tensor | None]]:
        """For each model its entries of `camera_index` and their distortion, None where nothing is distorted.

        The perspective models are one: coefficients tell them apart.
        """
        family = self.model.where(self.model > _LAST_PERSPECTIVE, _LAST_PERSPECTIVE)
        codes = family.unique().tolist()
        for code in codes:
            rows = slice(None) if len(codes) == 1 else (_pick(family, camera_index) == code).nonzero()[:, 0]
            # Zeros that are being learned must stay in the graph.
            distorted = self.distortion.requires_grad or bool(self.distortion[family == code].any())
            distortion = _pick(self.distortion, camera_index[rows]) if distorted else None
            yield _MODELS[code], rows, distortion


def _pick(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table; index_select has the quicker gradient of the ways to say so."""
    return table.index_select(0, index)


def _focal(item: Intrinsics) -> tuple[float, float]:
    if item.model is CameraModel.EQUIRECTANGULAR:
        return item.width / math.tau, item.height / math.pi
    return item.fx, item.fy


def _center(item: Intrinsics) -> tuple[float, float]:
    if item.model is CameraModel.EQUIRECTANGULAR:
        return item.width / 2, item.height / 2
    return item.cx, item.cy
