"""From which density on a field counts as solid: where its surface agrees best with what cameras see."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.errors import InputError
from rayloom.method import Method

NUM_RAYS = 4096
OPAQUE = 0.9
"""Opacity of a ray that has met a surface."""
REACH = 8
"""Cells before and behind the rendered depth within which the surface is looked for."""
STEPS_PER_CELL = 4
THINNEST, DENSEST, NUM_LEVELS = 0.01, 30.0, 49
"""Optical depths of a cell between which the level lies."""
AS_GOOD = 1.3
"""Times the least disagreement, up to which a level counts as good."""


@torch.no_grad()
def surface_level(method: Method[Any], cameras: Cameras, width: float) -> float:
    """The density, per unit, whose surface lies nearest to the rendered depth of random rays, in the mean.

    Each level is judged by the first place along a ray, within `REACH` cells of `width` around its depth,
    that is at least as dense; a ray without one counts as wrong by the whole reach. So a level that is too
    low, which finds fog before surfaces, loses as one that is too high, which loses thin parts. Of good
    levels the lowest is taken: light ends behind where matter begins, and density is roughest within.
    Raises InputError where hardly any ray meets anything.
    """
    points, offsets = _around_depth(method, cameras, width)
    density = torch.cat([_density(method, part) for part in points.split(256)])
    levels = torch.logspace(0, 1, NUM_LEVELS, base=DENSEST / THINNEST) * (THINNEST / width)
    wrong = torch.stack([_first(density >= level, offsets).abs().mean() for level in levels])
    (good,) = (wrong <= AS_GOOD * wrong.min()).nonzero(as_tuple=True)
    return float(levels[good[0]])


def _around_depth(
    method: Method[Any], cameras: Cameras, width: float
) -> tuple[Float[Tensor, "rays n 3"], Float[Tensor, " n"]]:
    """Places along opaque rays around where they end, and how far behind that they are, in cells."""
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(len(cameras), (NUM_RAYS,), generator=generator)
    pixels = torch.rand(NUM_RAYS, 2, generator=generator) * cameras.size[index]
    rays = cameras.rays(index, pixels).to(next(method.parameters()).device)
    parts = [method.render(part) for part in rays.chunks(method.config.rays_per_chunk)]
    opacity, depth = (torch.cat([getattr(part, name) for part in parts]) for name in ("opacity", "depth"))
    met = opacity > OPAQUE
    if int(met.sum()) < NUM_RAYS // 1000:
        raise InputError(
            "the field", "is empty: its cameras see nothing solid; expected a scene that was trained longer"
        )
    offsets = torch.linspace(-REACH, REACH, 2 * REACH * STEPS_PER_CELL + 1, device=depth.device)
    return rays[met].at(depth[met][:, None] + width * offsets), offsets.cpu()


def _density(method: Method[Any], points: Float[Tensor, "rays n 3"]) -> Float[Tensor, "rays n"]:
    return method.density(points.reshape(-1, 3)).float().nan_to_num(0).reshape(points.shape[:-1]).cpu()


def _first(solid: Tensor, offsets: Float[Tensor, " n"]) -> Float[Tensor, " rays"]:
    """The offset at which each ray is solid for the first time; the last one where it never is."""
    first = torch.where(solid.any(-1), solid.float().argmax(-1), solid.shape[-1] - 1)
    return offsets[first]
