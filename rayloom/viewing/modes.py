"""What of a rendered image is shown: colour, depth, opacity or normals."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray as Array
from torch import Tensor

from rayloom.metrics import pictures
from rayloom.types import Image, Rays

Mode = Literal["colour", "depth", "opacity", "normals"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class Picture:
    """What a browser window shows behind the cameras and points of a scene, or before them."""

    rgb: UInt8[Array, "h w 3"]
    z_depth: Float[Array, "h w"] | None = None
    """Along the optical axis, infinite where nothing is; None for a picture behind everything."""


def picture_of(image: Image, rays: Rays, forward: Float[Tensor, "3"], mode: Mode, stride: int = 1) -> Picture:
    """An image along `h w` rays of which every `stride`-th row and column is known, in blocks of that size.

    `forward` is the direction of the optical axis.
    """
    height, width = rays.shape
    rgb, opacity, depth = (tensor[::stride, ::stride] for tensor in (image.rgb, image.opacity, image.depth))
    directions = rays.directions[::stride, ::stride]
    z_depth = torch.where(opacity > 0.5, depth * (directions @ forward.to(directions)), torch.inf)
    match mode:
        case "colour":
            known = pictures.eight_bit(rgb.numpy())
        case "depth":
            bounds = pictures.depth_range(depth.numpy(), opacity.numpy())
            known = pictures.depth_picture(depth.numpy(), opacity.numpy(), *bounds)
        case "opacity":
            known = pictures.opacity_picture(opacity.numpy())
        case "normals":
            points = rays.origins[::stride, ::stride] + depth[..., None] * directions
            known = normals_picture(points, opacity)
    return Picture(_blocks(known, stride, height, width), _blocks(z_depth.numpy(), stride, height, width))


def normals_picture(points: Float[Tensor, "h w 3"], opacity: Float[Tensor, "h w"]) -> UInt8[Array, "h w 3"]:
    """World normals of the surface through the points as colours, x red, y green and z blue, over white.

    The slopes of the points along rows and columns span the surface; their product looks at the camera.
    """
    if min(opacity.shape) < 2:
        return np.full((*opacity.shape, 3), 255, np.uint8)
    down, right = torch.gradient(points, dim=(0, 1))
    normals = torch.nn.functional.normalize(torch.cross(down, right, dim=-1), dim=-1)
    colours = 0.5 + 0.5 * normals
    return pictures.eight_bit((1 + opacity[..., None] * (colours - 1)).numpy())


def _blocks(known: Array, stride: int, height: int, width: int) -> Array:
    """Each value as a block of stride x stride."""
    return np.ascontiguousarray(known.repeat(stride, 0)[:height].repeat(stride, 1)[:, :width])
