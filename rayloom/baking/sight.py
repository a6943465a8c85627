"""Which voxels the cameras see, and from where: what nobody sees need not be kept."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel
from rayloom.cameras.projections import plane_from_points
from rayloom.kernels import StepRule
from rayloom.kernels.voxels import VoxelAtlas, VoxelSpace, trace_voxels

MAX_CAMERAS = 120
"""Cameras that are looked through, spread evenly over those given."""
LONG_SIDE = 128
"""Pixels of the pictures of how far they see."""
SLACK = 1.5
"""Voxels behind the place where a camera's light ends that still count as seen."""


_MODELS = tuple(CameraModel)


@dataclass(frozen=True)
class Sight:
    """How far some cameras see."""

    cameras: Cameras
    reach: tuple[Float[Tensor, "h w"], ...]
    """Distance along the rays of each camera, the largest in the neighbourhood of each pixel."""


def look(atlas: VoxelAtlas, cameras: Cameras, step: StepRule, stop: float) -> Sight:
    """How far the cameras see in an atlas of which only the density counts."""
    chosen = torch.linspace(0, len(cameras) - 1, min(len(cameras), MAX_CAMERAS)).round().long()
    kept = cameras[chosen]
    small = kept.coarser((kept.size.amax(-1, keepdim=True) / LONG_SIDE).clamp(min=1))
    reach = []
    for i in range(len(small)):
        rays = small.image_rays(i)
        flat = rays.reshape(rays.shape.numel())
        ends = trace_voxels(flat.origins, flat.directions, flat.near, flat.far, atlas, step, stop).reach
        ends = torch.minimum(ends, flat.far).view(1, *rays.shape)
        reach.append(functional.max_pool2d(ends, 3, stride=1, padding=1)[0])
    return Sight(small, tuple(reach))


@torch.no_grad()
def seeing(
    sight: Sight, space: VoxelSpace, places: Float[Tensor, "n 3"], num: int, generator: torch.Generator
) -> tuple[Int[Tensor, "n num"], Int[Tensor, " n"]]:
    """For each place in voxels some of the cameras that see it, chosen at random, and how many see it.

    Where fewer than `num` do, they are repeated; where none does, any cameras stand in.
    """
    points = space.world_from_grid(places)
    slack = SLACK * space.grid_from_world(points)[1]
    count = torch.zeros(len(points), dtype=torch.long)
    chosen = torch.randint(len(sight.cameras), (len(points), num), generator=generator)
    for i in range(len(sight.cameras)):
        (rows,) = _sees(sight, i, points, slack).nonzero(as_tuple=True)
        # Algorithm R: all that were seen so far are in the reservoir with the same probability.
        draw = (torch.rand(len(rows), generator=generator) * (count[rows] + 1)).long()
        place = torch.where(count[rows] < num, count[rows], draw)
        into = place < num
        chosen[rows[into], place[into]] = i
        count[rows] += 1
    column = torch.arange(num) % count.clamp(1, num)[:, None]
    column = torch.where(count[:, None] > 0, column, torch.arange(num))
    return chosen.gather(1, column), count


def _sees(
    sight: Sight, i: int, points: Float[Tensor, "n 3"], slack: Float[Tensor, " n"]
) -> Bool[Tensor, " n"]:
    """Whether points are in the picture of a camera and not behind what it sees."""
    # `Cameras.project` looks up the pose of each point; for one camera and millions of points that is slow.
    cameras, reach, model = sight.cameras, sight.reach[i], _MODELS[int(sight.cameras.model[i])]
    pose, distortion = cameras.world_from_camera[i], cameras.distortion[i]
    local = (points - pose[:, 3]) @ pose[:, :3]
    bent = distortion.expand(len(points), -1) if bool(distortion.any()) else None
    pixels = plane_from_points(local, bent, model) * cameras.focal[i] + cameras.center[i]
    height, width = reach.shape
    inside = (pixels >= 0).all(-1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    if model.is_plane:
        inside &= local[:, 2] > 0
    column, row = pixels.nan_to_num(0).clamp(0, max(height, width)).long().unbind(-1)
    end = reach[row.clamp(max=height - 1), column.clamp(max=width - 1)]
    return inside & (local.square().sum(-1) <= (end + slack).square())
