"""How much light each voxel sends to the photos: what sends none need not be kept."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rayloom.baking.survey import Tell
from rayloom.cameras.camera import Cameras
from rayloom.kernels import StepRule
from rayloom.kernels.voxels import CHANNELS, MAX_LEVEL, VoxelAtlas, voxel_gradients
from rayloom.types import Rays

FEWEST_RAYS, MOST_RAYS = 1 << 20, 1 << 22
"""Rays that are counted: one for each pixel of the photos, within these bounds."""
RAYS_AT_ONCE = 1 << 18
FAINT = 1e-3
"""Share of all light that the faintest corners may send together and yet be left out."""


def drawn_rays(cameras: Cameras, count: int, generator: torch.Generator) -> Rays:
    """Rays through random places of random photos."""
    index = torch.randint(len(cameras), (count,), generator=generator)
    rays = cameras.rays(index, torch.rand(count, 2, generator=generator) * cameras.size[index])
    # Beyond its borders a picture may show nothing, so strong is the distortion there.
    return rays[rays.directions.isfinite().all(-1)]


def num_pixels(cameras: Cameras) -> int:
    """Of all photos together."""
    return int(cameras.size.prod(-1).sum())


@torch.no_grad()
def light_of_corners(
    atlas: VoxelAtlas,
    rows: Int[Tensor, "blocks 9 9 9"],
    num_rows: int,
    cameras: Cameras,
    step: StepRule,
    stop: float,
    tell: Tell,
) -> Float[Tensor, " num_rows"]:
    """The light that each corner sends to some of the cameras' rays, in rays that it would fill alone.

    It is the sum over rays of the weights of their looks, times the shares of the corner in these: the
    gradient of what all rays gather with respect to the corner's colour.
    """
    generator, total = torch.Generator().manual_seed(0), torch.zeros(num_rows)
    count = min(max(num_pixels(cameras), FEWEST_RAYS), MOST_RAYS)
    for begin in range(0, count, RAYS_AT_ONCE):
        rays = drawn_rays(cameras, min(RAYS_AT_ONCE, count - begin), generator)
        color, nothing = torch.zeros(len(rays.near), CHANNELS - 1), torch.zeros_like(rays.near)
        color[:, 0] = MAX_LEVEL
        places = (rays.origins, rays.directions, rays.near, rays.far)
        total += voxel_gradients(*places, color, nothing, atlas, rows, num_rows, step, stop)[:, 1]
        tell(min(begin + RAYS_AT_ONCE, count) / count)
    return total


def faintest(light: Float[Tensor, " n"]) -> float:
    """The light up to which corners are left out."""
    ordered = light.double().sort().values
    sums = ordered.cumsum(0)
    dropped = int((sums <= FAINT * sums[-1]).sum()) if len(light) else 0
    return float(ordered[dropped - 1]) if dropped else -1.0
