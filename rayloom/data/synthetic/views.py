"""A camera's view of a world: the photo, and the exact truth behind each of its pixels."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.data.synthetic.shading import shade
from rayloom.data.synthetic.textures import srgb_from_linear
from rayloom.data.synthetic.tracing import Hit, Surface, describe, trace
from rayloom.data.synthetic.world import World
from rayloom.types import Rays, Record

_RAYS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Truth(Record):
    """What one camera sees; all but colour and alpha belong to the ray through the pixel's centre."""

    rgb: Float[Tensor, "h w 3"]
    """Straight sRGB: the mean over the covered part of the pixel; 0 where nothing is."""
    alpha: Float[Tensor, "h w"]
    """Covered part of the pixel."""
    depth: Float[Tensor, "h w"]
    """Distance along the ray, world units; 0 where nothing is met."""
    points: Float[Tensor, "h w 3"]
    """Where the surface is in the world; 0 where nothing is met."""
    normals: Float[Tensor, "h w 3"]
    """World axes, unit length, towards the camera; 0 where nothing is met."""
    albedo: Float[Tensor, "h w 3"]
    """Reflected share of linear light."""
    label: Int[Tensor, "h w"]
    """Semantic class; 0 where nothing is met."""
    instance: Int[Tensor, "h w"]
    """Which thing; 0 where nothing is met."""

    @property
    def mask(self) -> Bool[Tensor, "h w"]:
        """Where something is met."""
        return self.depth > 0


def render_view(
    world: World,
    cameras: Cameras,
    index: int,
    *,
    samples: int = 2,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Truth:
    """What camera `index` sees at its own time.

    Colour and alpha are means over samples x samples rays a pixel, a box filter in sRGB, the space in
    which this package composites: a picture averaged down equals one rendered with more samples.
    With `shift`, all content appears moved by so many pixels to the right and down.
    """
    time = float(cameras.time[index])
    surface, hit, rays = _look(world, _pixel_rays(cameras, index, 1, shift), time)
    width, height = (int(x) for x in cameras.size[index])
    if samples == 1:
        colors, covered = _colors(world, rays, hit, surface, time)
    else:
        colors, covered = _supersample(world, _pixel_rays(cameras, index, samples, shift), time)
        colors = colors.reshape(height * width, samples**2, 3).mean(1)
        covered = covered.reshape(height * width, samples**2).mean(1)
    met = hit.object_index >= 0
    classes = torch.tensor(
        [(item.label, world.instance(i)) for i, item in enumerate(world.objects)] + [(0, 0)], device=met.device
    )
    label, instance = classes[hit.object_index].unbind(-1)
    flat = {
        "rgb": (colors / covered.clamp(min=1e-6)[:, None]).clamp(0, 1),
        "alpha": covered,
        "depth": hit.t.masked_fill(~met, 0),
        "points": _scatter(met, surface.points),
        "normals": _scatter(met, surface.normals),
        "albedo": _scatter(met, surface.albedo),
        "label": label,
        "instance": instance,
    }
    return Truth(**{name: value.reshape(height, width, *value.shape[1:]) for name, value in flat.items()})


def scene_flow(world: World, truth: Truth, time: float, other_time: float) -> Float[Tensor, "h w 3"]:
    """How far the matter seen at `time` moves in the world until `other_time`; 0 where nothing is met."""
    flow = torch.zeros_like(truth.points)
    for i, item in enumerate(world.objects):
        mask = truth.instance == world.instance(i)
        points = truth.points[mask]
        flow[mask] = item.world_from_rest(item.rest_from_world(points, time), other_time) - points
    return flow


def optical_flow(
    world: World, cameras: Cameras, index: int, other: int
) -> tuple[Float[Tensor, "h w 2"], Bool[Tensor, "h w"]]:
    """Where what camera `index` sees went in the picture of `other`, in pixels, and whether it is seen there.

    The flow is 0 where nothing is met or where the matter is now behind the other camera.
    """
    time, other_time = float(cameras.time[index]), float(cameras.time[other])
    rays = _pixel_rays(cameras, index, 1, (0.0, 0.0))
    surface, hit, _ = _look(world, rays, time)
    met = (hit.object_index >= 0).nonzero()[:, 0]
    points = surface.points.clone()
    for i, item in enumerate(world.objects):
        own = hit.object_index[met] == i
        points[own] = item.world_from_rest(item.rest_from_world(points[own], time), other_time)
    camera = torch.full((len(points),), other, device=points.device)
    pixels, z_depth = cameras.project(points, camera)
    ahead = z_depth > 0
    width, height = (int(x) for x in cameras.size[other])
    inside = ahead & (pixels >= 0).all(-1) & (pixels < pixels.new_tensor([width, height])).all(-1)
    inside[inside.clone()] = _unhidden(world, cameras, other, points[inside], pixels[inside])
    flow = torch.zeros_like(rays.pixels)
    flow[met] = torch.where(ahead[:, None], pixels - rays.pixels[met], 0)
    visible = torch.zeros_like(rays.near, dtype=torch.bool)
    visible[met] = inside
    width, height = (int(x) for x in cameras.size[index])
    return flow.reshape(height, width, 2), visible.reshape(height, width)


def _unhidden(
    world: World, cameras: Cameras, index: int, points: Float[Tensor, "n 3"], pixels: Float[Tensor, "n 2"]
) -> Bool[Tensor, " n"]:
    """Whether a camera's rays through these pixels reach the points before anything else."""
    rays = cameras.rays(torch.full((len(points),), index, device=points.device), pixels)
    distance = torch.linalg.vector_norm(points - rays.origins, dim=-1)
    return trace(world, rays, float(cameras.time[index])).t > distance * 0.999 - 1e-3


def _pixel_rays(cameras: Cameras, index: int, samples: int, shift: tuple[float, float]) -> Rays:
    """Rays through the middles of samples x samples cells of each pixel, pixel by pixel."""
    width, height = (int(x) for x in cameras.size[index])
    like = cameras.world_from_camera
    cell = (torch.arange(samples).to(like) + 0.5) / samples
    rows, columns = torch.arange(height).to(like), torch.arange(width).to(like)
    y, x, v, u = torch.meshgrid(rows, columns, cell, cell, indexing="ij")
    pixels = torch.stack([x + u - shift[0], y + v - shift[1]], -1).reshape(-1, 2)
    return cameras.rays(torch.full((len(pixels),), index, device=like.device), pixels)


def _look(world: World, rays: Rays, time: float) -> tuple[Surface, Hit, Rays]:
    """The surfaces of the rays that hit, with what all rays hit."""
    hit = trace(world, rays, time)
    met = (hit.object_index >= 0).nonzero()[:, 0]
    return describe(world, rays[met], hit[met], time), hit, rays


def _colors(
    world: World, rays: Rays, hit: Hit, surface: Surface, time: float
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"]]:
    """Premultiplied sRGB and coverage of each ray."""
    met = hit.object_index >= 0
    rgb = srgb_from_linear(shade(world, surface, rays.directions[met], time))
    return _scatter(met, rgb), met.to(rgb.dtype)


def _supersample(world: World, rays: Rays, time: float) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"]]:
    """Premultiplied sRGB and coverage of each ray, in pieces that bound the memory."""
    parts = []
    for chunk in rays.chunks(_RAYS_AT_ONCE):
        surface, hit, _ = _look(world, chunk, time)
        parts.append(_colors(world, chunk, hit, surface, time))
    return torch.cat([colors for colors, _ in parts]), torch.cat([covered for _, covered in parts])


def _scatter(met: Bool[Tensor, " n"], values: Float[Tensor, "k c"]) -> Float[Tensor, "n c"]:
    """The values at the rays that hit, 0 at the others."""
    full = values.new_zeros(len(met), values.shape[1])
    full[met] = values
    return full
