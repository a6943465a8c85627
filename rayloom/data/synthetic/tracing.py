"""Which surface each ray meets first, and what that surface is like."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rayloom.data.synthetic.crossings import balls_met
from rayloom.data.synthetic.world import Object, World
from rayloom.types import Rays, Record


@dataclass(frozen=True)
class Hit(Record):
    """The first surface along each ray."""

    t: Float[Tensor, " n"]
    """Distance, world units; inf where nothing is met."""
    object_index: Int[Tensor, " n"]
    """Position in `World.objects`; -1 where nothing is met."""


@dataclass(frozen=True)
class Surface(Record):
    """Points on surfaces and what they are like."""

    points: Float[Tensor, "n 3"]
    normals: Float[Tensor, "n 3"]
    """Unit length, towards the viewer."""
    albedo: Float[Tensor, "n 3"]
    """Reflected share of linear light."""
    specular: Float[Tensor, " n"]
    shininess: Float[Tensor, " n"]
    glow: Float[Tensor, " n"]
    """1 where the texture is shown without light or shadow, else 0."""


def trace(world: World, rays: Rays, time: float) -> Hit:
    """The first surface along each of n rays, at one moment; `near` and `far` cut nothing off.

    Rays may come in n bundles of k, each within the cone of its first ray; this saves time only.
    """
    bundles = rays if rays.near.dim() == 2 else rays.reshape(rays.shape[0], 1)
    cones, k = bundles.map(lambda values: values[:, 0]), bundles.shape[1]
    rays = rays.reshape(bundles.near.numel())
    nearest = torch.full_like(rays.near, torch.inf)
    object_index = torch.full(rays.near.shape, -1, dtype=torch.int64, device=rays.near.device)
    # Half the diagonal of a pixel is 1.22 of the cone's radius; the rest is for the camera's distortion.
    spread = 1.5 * cones.radii if k > 1 else 0.0
    met = balls_met(cones.origins, cones.directions, *world.balls(rays.origins, time), spread)
    for i, item in enumerate(world.objects):
        candidates = (met[i].nonzero() * k + torch.arange(k, device=met.device)).flatten()
        origins = rays.origins.index_select(0, candidates)
        t = intersect_object(item, origins, rays.directions.index_select(0, candidates), time)
        closer = (t < nearest.index_select(0, candidates)).nonzero()[:, 0]
        candidates = candidates.index_select(0, closer)
        nearest[candidates] = t.index_select(0, closer)
        object_index[candidates] = i
    return Hit(t=nearest, object_index=object_index)


def intersect_object(
    item: Object, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"], time: float
) -> Float[Tensor, " n"]:
    """Distance to the first crossing of one object's surface; inf where it is missed."""
    return item.body(time).intersect(*into_body(item, origins, directions, time))


def into_body(
    item: Object, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"], time: float
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Origins and directions of rays as seen from an object's own frame."""
    rotation, position = (x.to(origins) for x in item.pose(time))
    return (origins - position) @ rotation, directions @ rotation


def describe(world: World, rays: Rays, hit: Hit, time: float) -> Surface:
    """What the rays meet; every ray must hit."""
    points = rays.origins + hit.t[:, None] * rays.directions
    normals, albedo = torch.empty_like(points), torch.empty_like(points)
    numbers = points.new_tensor(
        [(m.specular, m.shininess, float(m.glows)) for m in (item.material for item in world.objects)]
    )
    for i, item in enumerate(world.objects):
        index = (hit.object_index == i).nonzero()[:, 0]
        if len(index):
            normals[index], albedo[index] = _normals_and_albedo(item, points[index], time)
    facing = torch.where((normals * rays.directions).sum(-1, keepdim=True) > 0, -1, 1)
    specular, shininess, glow = numbers[hit.object_index].unbind(-1)
    return Surface(points, normals * facing, albedo, specular, shininess, glow)


def _normals_and_albedo(
    item: Object, points: Float[Tensor, "n 3"], time: float
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Outward world normals and colours at points on one object."""
    rotation, position = (x.to(points) for x in item.pose(time))
    normals = item.body(time).normals((points - position) @ rotation) @ rotation.T
    return normals, item.material.texture.albedo(item.rest_from_world(points, time))
