"""The colours of a surface: those that the field shows to the cameras that see it."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from rayloom.export.visibility import Views, Visibility
from rayloom.method import Method
from rayloom.types import Rays

NUM_VIEWS = 8
"""Cameras whose impressions of a place are averaged."""
POINTS_AT_ONCE = 1 << 14
BEFORE = 4.0
"""Cells before and behind a surface between which a ray looks for its colour."""
NEAR = 8.0
"""Cells up to which an unseen place, as in a pit of a rough surface, is like the seen ones around it."""

Tell = Callable[[float], None]
"""Hears which share of the work is done."""


@torch.no_grad()
def surface_colors(
    method: Method[Any],
    visibility: Visibility,
    points: Float[Tensor, "n 3"],
    normals: Float[Tensor, "n 3"],
    tell: Tell,
) -> Float[Tensor, "n 3"]:
    """SRGB colours in [0, 1] of places on a surface, without what depends on the view.

    The mean of what the field shows to the cameras that see a place most frontally. A place that none sees
    takes the colour of the nearest one that is seen, if that is `NEAR` cells away at most, and else what
    somebody right in front would see. A method that cannot be asked for colours renders short rays.
    """
    parts, seen = [], []
    for index in torch.arange(len(points)).split(POINTS_AT_ONCE):
        part, turned = points[index], normals[index]
        views = visibility.views(part, turned, NUM_VIEWS)
        try:
            colors = _asked(method, part, turned, views)
        except NotImplementedError:
            colors = _rendered(method, part, turned, views, visibility.width)
        parts.append(colors.float().cpu().nan_to_num(0).clamp(0, 1))
        seen.append(views.seen.any(-1))
        tell((int(index[-1]) + 1) / len(points))
    return _spread(torch.cat(parts), torch.cat(seen), points, NEAR * visibility.width)


def _spread(colors: Tensor, seen: Tensor, points: Tensor, reach: float) -> Float[Tensor, "n 3"]:
    """The colours, those of unseen places taken from the nearest seen one within reach."""
    from scipy.spatial import KDTree  # noqa: PLC0415

    if not seen.any() or seen.all():
        return colors
    tree = KDTree(points[seen].numpy())
    distance, nearest = tree.query(points[~seen].numpy(), distance_upper_bound=reach)
    found = torch.from_numpy(distance) < reach
    colors = colors.clone()
    colors[(~seen).nonzero()[found, 0]] = colors[seen][torch.from_numpy(nearest)[found]]
    return colors


def _asked(method: Method[Any], points: Tensor, normals: Tensor, views: Views) -> Float[Tensor, "n 3"]:
    """The mean colour over all views."""
    device = next(method.parameters()).device
    ways = functional.normalize(points[:, None] - views.eyes, dim=-1)
    directions = torch.where(views.seen[..., None], ways, -normals[:, None])
    rgb = method.color(points.to(device), directions.to(device)).cpu()
    # Where no camera sees the place, all directions are that of the normal.
    weights = torch.where(views.seen.any(-1, keepdim=True), views.seen.float(), 1.0)
    return (weights[..., None] * rgb).sum(1) / weights.sum(1, keepdim=True)


def _rendered(
    method: Method[Any], points: Tensor, normals: Tensor, views: Views, width: float
) -> Float[Tensor, "n 3"]:
    """What the most frontal camera sees, from shortly before the surface to shortly behind it."""
    known = views.seen[:, :1]
    eyes = torch.where(known, views.eyes[:, 0], points + 2 * BEFORE * width * normals)
    distance = torch.linalg.vector_norm(points - eyes, dim=-1)
    directions = functional.normalize(points - eyes, dim=-1)
    rays = Rays(
        origins=eyes,
        directions=directions,
        view_directions=directions,
        near=(distance - BEFORE * width).clamp(min=1e-4 * width),
        far=distance + BEFORE * width,
        # A cone that is as wide as a cell where it meets the surface.
        radii=width / distance.clamp(min=width) / 12**0.5,
        camera_index=torch.full((len(points),), -1),
        pixels=torch.zeros(len(points), 2),
        time=torch.zeros(len(points)),
    ).to(next(method.parameters()).device)
    rendered = [method.render(part) for part in rays.chunks(method.config.rays_per_chunk)]
    parts = ("rgb", "opacity", "background")
    rgb, opacity, background = (torch.cat([getattr(part, name) for part in rendered]) for name in parts)
    # What shines through is not the colour of the surface; of hardly any matter only the sum is known.
    alone = (rgb - (1 - opacity[:, None]) * background) / opacity[:, None].clamp(min=0.05)
    return torch.where(opacity[:, None] > 0.05, alone, rgb)
