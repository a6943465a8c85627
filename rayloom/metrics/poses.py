"""How far cameras are from the true ones, once the similarity that no photo can tell is taken out."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel
from rayloom.geometry.transforms import compose, so3_log

_SAME = 1e-6
"""Centres whose spread is this share of their distance from the origin are one point, but for rounding."""
_STRAIGHT = 1e-3
"""Centres that lie this close to a line, over their spread along it, do not say how they turn about it."""


@dataclass(frozen=True)
class PoseErrors:
    """Errors of cameras, one by one."""

    rotation_deg: Float[Tensor, " n"]
    """Angle of the turn between the camera and the true one, degrees."""
    translation: Float[Tensor, " n"]
    """Distance between the centres, in the unit of the true cameras."""

    @property
    def median_rotation_deg(self) -> float:
        """The angle that half of the cameras stay below; of an even number the mean of the middle two."""
        return float(self.rotation_deg.quantile(0.5))

    @property
    def median_translation(self) -> float:
        """The same for distances."""
        return float(self.translation.quantile(0.5))

    def success_rate(self, rotation_deg: float, translation: float = math.inf) -> float:
        """Share of the cameras with both errors below these bounds."""
        below = (self.rotation_deg < rotation_deg) & (self.translation < translation)
        return float(below.double().mean())


def pose_errors(poses: Float[Tensor, "n 3 4"], truth: Float[Tensor, "n 3 4"]) -> PoseErrors:
    """Errors of poses world_from_camera in the frame that they are given in; see `aligned`."""
    poses, truth = poses.double(), truth.double()
    turns = so3_log(poses[:, :, :3].mT @ truth[:, :, :3])
    return PoseErrors(
        rotation_deg=torch.linalg.vector_norm(turns, dim=-1).rad2deg(),
        translation=torch.linalg.vector_norm(poses[:, :, 3] - truth[:, :, 3], dim=-1),
    )


def aligned(poses: Float[Tensor, "n 3 4"], truth: Float[Tensor, "n 3 4"]) -> Float[Tensor, "n 3 4"]:
    """The poses, in float64, under the similarity that best takes their centres to the true ones."""
    return moved_poses(similarity_between(poses, truth), poses.double())


def similarity_between(
    source: Float[Tensor, "n 3 4"], target: Float[Tensor, "n 3 4"]
) -> Float[Tensor, "3 4"]:
    """The similarity target_from_source, in float64, that best takes camera centres to camera centres.

    Least squares, never a reflection (Umeyama 1991, eq. 40 to 42). Centres on a line or in one point
    leave a turn open; there the cameras' own turns have an equal say in the rotation, and the scale is the
    ratio of the spreads, 1 where a spread is none.
    """
    source, target = source.double(), target.double()
    start, end = _Centres.of(source), _Centres.of(target)
    correlation = end.offsets.mT @ start.offsets / len(source)
    if start.span_a_plane and end.span_a_plane:
        rotation = _nearest_rotation(correlation)
        scale = (correlation * rotation).sum() * end.spread / start.spread
    else:
        turns = (target[:, :, :3] @ source[:, :, :3].mT).mean(0)
        rotation = _nearest_rotation(correlation + turns)
        scale = end.spread / start.spread if start.spread > 0 and end.spread > 0 else end.spread.new_ones(())
    linear = scale * rotation
    return torch.cat([linear, (end.mean - linear @ start.mean)[:, None]], dim=-1)


def moved_poses(
    b_from_a: Float[Tensor, "3 4"], a_from_camera: Float[Tensor, "n 3 4"]
) -> Float[Tensor, "n 3 4"]:
    """Poses under a similarity: the centres move, and the axes turn and stay of unit length."""
    b_from_a = b_from_a.to(a_from_camera)
    moved = compose(b_from_a, a_from_camera)
    return torch.cat([moved[:, :, :3] / scale_of(b_from_a), moved[:, :, 3:]], dim=-1)


def moved_cameras(b_from_a: Float[Tensor, "3 4"], cameras: Cameras) -> Cameras:
    """Cameras under a similarity, with the distances between which they see."""
    scale = scale_of(b_from_a).to(cameras.near)
    # Of all models only the orthographic one speaks of lengths: pixels per world unit.
    flat = (cameras.model == list(CameraModel).index(CameraModel.ORTHOGRAPHIC))[:, None]
    return replace(
        cameras,
        world_from_camera=moved_poses(b_from_a, cameras.world_from_camera),
        focal=torch.where(flat, cameras.focal / scale, cameras.focal),
        near=cameras.near * scale,
        far=cameras.far * scale,
    )


def scale_of(b_from_a: Float[Tensor, "3 4"]) -> Float[Tensor, ""]:
    """How much longer lengths become under a similarity."""
    return (b_from_a[:, :3].square().sum() / 3).sqrt()


@dataclass(frozen=True)
class _Centres:
    """Camera centres about their mean."""

    mean: Float[Tensor, "3"]
    spread: Float[Tensor, ""]
    """Root of the mean squared distance from the mean; 0 where all are one point."""
    offsets: Float[Tensor, "n 3"]
    """From the mean, over the spread; 0 where all are one point."""

    @classmethod
    def of(cls, poses: Float[Tensor, "n 3 4"]) -> "_Centres":
        mean = poses[:, :, 3].mean(0)
        offsets = poses[:, :, 3] - mean
        spread = offsets.square().sum(-1).mean().sqrt()
        if spread <= _SAME * torch.linalg.vector_norm(mean):
            return cls(mean, torch.zeros_like(spread), torch.zeros_like(offsets))
        return cls(mean, spread, offsets / spread)

    @property
    def span_a_plane(self) -> bool:
        """Whether the centres alone fix a rotation."""
        _, across, along = torch.linalg.eigvalsh(self.offsets.mT @ self.offsets)
        return bool(across > _STRAIGHT**2 * along)


def _nearest_rotation(matrix: Float[Tensor, "3 3"]) -> Float[Tensor, "3 3"]:
    """The rotation R with the largest trace of R^T M."""
    u, _, vt = torch.linalg.svd(matrix)
    # Turning the direction that counts least is the cheapest way out of a reflection.
    sign = torch.linalg.det(u @ vt).sign()
    return u @ torch.diag(torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign])) @ vt
