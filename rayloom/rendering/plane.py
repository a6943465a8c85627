"""Pictures as scenes: a ray shows what lies where it meets the plane z = 0."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.types import Intervals, Rays, Rendering


def render_plane(
    rays: Rays, color: Callable[[Float[Tensor, "*batch 2"]], Float[Tensor, "*batch 3"]]
) -> Rendering:
    """The colours of an opaque plane at the (x, y) where rays that are not parallel to it meet it."""
    t = -rays.origins[..., 2] / rays.directions[..., 2]
    rgb = color(rays.at(t[..., None])[..., 0, :2])
    return Rendering(
        rgb=rgb,
        opacity=torch.ones_like(t),
        depth=t,
        intervals=Intervals(torch.stack([rays.near, rays.far], dim=-1)),
        weights=torch.ones_like(t)[..., None],
        background=torch.zeros_like(rgb),
    )
