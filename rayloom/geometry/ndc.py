"""Normalised device coordinates: a forward-facing capture as a cube (Mildenhall et al. 2020, appendix C).

In the frame of the average camera (OpenGL axes, scene along -z) a point goes to
(-x / (z tan_x), -y / (z tan_y), 1 + 2 near / z): the near plane to z' = -1, infinity to z' = 1,
straight lines to straight lines.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.geometry.transforms import apply, invert_rigid, rotate
from rayloom.scene_info import NDCFrame
from rayloom.types import Rays

_TINY = 1e-6
"""What is divided by stays above this: depth over the near distance, a ray's advance, 1 - z'.

Points behind the average camera and rays that run backwards have no place in the cube; they stay finite.
"""


def ndc_from_world(points: Float[Tensor, "*batch 3"], frame: NDCFrame) -> Float[Tensor, "*batch 3"]:
    """World points in the cube; they must lie in front of the average camera."""
    x, y, z = apply(_ndc_camera_from_world(points, frame), points).unbind(-1)
    depth = (-z).clamp_min(_TINY * frame.near)
    cube = [
        x / (depth * frame.tan_half_fov_x),
        y / (depth * frame.tan_half_fov_y),
        1 - 2 * frame.near / depth,
    ]
    return torch.stack(cube, dim=-1)


def world_from_ndc(points: Float[Tensor, "*batch 3"], frame: NDCFrame) -> Float[Tensor, "*batch 3"]:
    """The inverse of `ndc_from_world`; z' = 1 goes to two million near distances instead of infinity."""
    x, y, z = points.unbind(-1)
    depth = _depth_from_ndc_z(z, frame)
    camera = torch.stack([x * depth * frame.tan_half_fov_x, y * depth * frame.tan_half_fov_y, -depth], dim=-1)
    return apply(invert_rigid(_ndc_camera_from_world(points, frame)), camera)


def ndc_rays(rays: Rays, frame: NDCFrame) -> Rays:
    """The same lines of sight in the cube, from the near plane (near = 0) to infinity (far).

    Directions become unit; `view_directions` stay those of the world. `radii` become the constant
    radius of a cylinder, since in the cube a pixel's cone has parallel sides.
    """
    x, y, depth, slope_x, slope_y = _slopes(rays, frame)
    tan_x, tan_y = frame.tan_half_fov_x, frame.tan_half_fov_y
    to_plane = 1 - depth / frame.near
    on_plane = torch.stack([x / frame.near + slope_x * to_plane, y / frame.near + slope_y * to_plane], dim=-1)
    at_infinity = torch.stack([slope_x, slope_y], dim=-1)
    half_image = at_infinity.new_tensor([tan_x, tan_y])
    one = torch.ones_like(depth)[..., None]
    origins = torch.cat([on_plane / half_image, -one], dim=-1)
    crossing = torch.cat([at_infinity / half_image, one], dim=-1) - origins
    far = crossing.square().sum(-1).sqrt()
    # `radii` are steps of unit directions, which off the axis are shorter than steps on the image plane.
    xx, yy = slope_x.square(), slope_y.square()
    shortening = ((1 + xx).sqrt() + (1 + yy).sqrt()) / (2 * (1 + xx + yy))
    radii = rays.radii / shortening * (0.5 / tan_x + 0.5 / tan_y)
    directions = crossing / far[..., None]
    near = torch.zeros_like(far)
    return replace(rays, origins=origins, directions=directions, near=near, far=far, radii=radii)


def world_t_from_ndc_t(
    t: Float[Tensor, "*batch n"], rays: Rays, frame: NDCFrame
) -> Float[Tensor, "*batch n"]:
    """Distances along the world rays of points at distances `t` along `ndc_rays(rays, frame)`."""
    _, _, depth, slope_x, slope_y = _slopes(rays, frame)
    length_per_depth = (1 + slope_x.square() + slope_y.square()).sqrt()
    z = 2 * t / ndc_rays(rays, frame).far[..., None] - 1
    return (_depth_from_ndc_z(z, frame) - depth[..., None]) * length_per_depth[..., None]


def _slopes(rays: Rays, frame: NDCFrame) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Origins (x, y, depth) in the average camera, and how x and y change with depth along the rays."""
    ndc_camera_from_world = _ndc_camera_from_world(rays.origins, frame)
    x, y, z = apply(ndc_camera_from_world, rays.origins).unbind(-1)
    dx, dy, dz = rotate(ndc_camera_from_world, rays.directions).unbind(-1)
    advance = (-dz).clamp_min(_TINY)
    return x, y, -z, dx / advance, dy / advance


def _ndc_camera_from_world(like: Tensor, frame: NDCFrame) -> Tensor:
    return torch.tensor(frame.ndc_camera_from_world, dtype=like.dtype, device=like.device)


def _depth_from_ndc_z(z: Tensor, frame: NDCFrame) -> Tensor:
    """Distance before the average camera, from z' = 1 - 2 near / depth."""
    return 2 * frame.near / (1 - z).clamp_min(_TINY)
