"""The grid of latents behind a picture: each is `scale` x `scale` pixels and looks through their middle.

Latent (a, b), column and row, sees what lies at the image position (scale (a + 1/2), scale (b + 1/2)). All
stays in floats: a principal point or a size rounded to whole latents would move the picture by up to half
a latent. A picture whose size is no multiple of `scale` has latents that reach over its border.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.types import Rays


def latent_size(height: int, width: int, scale: int) -> tuple[int, int]:
    """Rows and columns of latents that cover a picture."""
    return -(-height // scale), -(-width // scale)


def latent_centers(rows: int, columns: int, scale: int) -> Float[Tensor, "rows columns 2"]:
    """Image positions (x, y) through which latents look."""
    y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    return scale * torch.stack([x, y], dim=-1)


def latent_cameras(cameras: Cameras, scale: int) -> Cameras:
    """Cameras whose pixels are the latents of the given ones."""
    rows_columns = -(-cameras.size // scale)
    return replace(cameras, focal=cameras.focal / scale, center=cameras.center / scale, size=rows_columns)


def latent_rays(rays: Rays, scale: int) -> Rays:
    """The rays of the latents of a picture from those of its pixels, h x w, in any lens.

    Between pixels, and up to half a latent beyond the border, rays follow a straight line in the two or four
    nearest ones. With a pixel of δ radians that is off by less than (scale δ)² / 8, relative to a pixel a
    matter of thousandths.
    """
    height, width = rays.shape
    rows, columns = latent_size(height, width, scale)
    y, below, v = _neighbours(rows, height, scale, rays.near)
    x, right, u = _neighbours(columns, width, scale, rays.near)

    def between(values: Float[Tensor, "h w c"]) -> Float[Tensor, "rows columns c"]:
        """The value at the middle of each latent."""
        upper = torch.lerp(values[y[:, None], x], values[y[:, None], right], u[:, None])
        lower = torch.lerp(values[below[:, None], x], values[below[:, None], right], u[:, None])
        return torch.lerp(upper, lower, v[:, None, None])

    directions = torch.nn.functional.normalize(between(rays.directions), dim=-1)
    warped = rays.view_directions is not rays.directions
    nearest = rays.map(lambda tensor: tensor[y[:, None], x])
    return replace(
        nearest,
        origins=between(rays.origins),
        directions=directions,
        view_directions=(
            torch.nn.functional.normalize(between(rays.view_directions), dim=-1) if warped else directions
        ),
        radii=nearest.radii * scale,
        pixels=between(rays.pixels),
    )


def spread_to_pixels(
    maps: Float[Tensor, "c rows columns"], height: int, width: int, scale: int
) -> Float[Tensor, "c {height} {width}"]:
    """Values at the middles of latents, linearly in between, at all pixels of a picture."""
    large = torch.nn.functional.interpolate(maps[None], scale_factor=scale, mode="bilinear")[0]
    return large[:, :height, :width]


def spread_depth(
    opacity: Float[Tensor, " latents"], depth: Float[Tensor, " latents"], height: int, width: int, scale: int
) -> tuple[Float[Tensor, "{height} {width}"], Float[Tensor, "{height} {width}"]]:
    """Opacity and depth of latents, row after row, at all pixels; what is not there has no say in depth."""
    grid = torch.stack([opacity, opacity * depth]).reshape(2, *latent_size(height, width, scale))
    seen, weighted = spread_to_pixels(grid, height, width, scale)
    return seen, weighted / seen.clamp(min=torch.finfo(seen.dtype).tiny)


def _neighbours(count: int, length: int, scale: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each latent along an axis two neighbouring pixels, and its place between them."""
    middle = scale * (torch.arange(count, device=like.device) + 0.5) - 0.5
    first = middle.floor().clamp(max=max(length - 2, 0)).long()
    second = (first + 1).clamp(max=length - 1)
    return first, second, (middle - first).to(like.dtype)
