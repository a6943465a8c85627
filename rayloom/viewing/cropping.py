"""Looking at what is inside a box only."""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.geometry.boxes import Box
from rayloom.types import Image, Rays


def cropped(
    look: Callable[[Rays], Image], box: Box, background: Float[Tensor, "3"]
) -> Callable[[Rays], Image]:
    """The same look at what lies in the box, over the background.

    Rays are cut to the box, and those that miss it are not rendered.
    """

    def look_into(rays: Rays) -> Image:
        enter, leave = box.intersect(rays.origins, rays.directions)
        near, far = torch.maximum(rays.near, enter), torch.minimum(rays.far, leave)
        hit = far > near
        rgb = background.to(rays.near).expand(*rays.shape, 3).clone()
        opacity, depth = torch.zeros_like(near), torch.zeros_like(near)
        if hit.any():
            image = look(replace(rays, near=near, far=far)[hit].reshape(1, -1))
            rgb[hit], opacity[hit], depth[hit] = image.rgb[0], image.opacity[0], image.depth[0]
        return Image(rgb=rgb, opacity=opacity, depth=depth)

    return look_into
