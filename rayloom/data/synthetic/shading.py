"""The light that surfaces send to the viewer: Lambert, Phong, soft shadow, light from all around."""

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.data.synthetic.crossings import balls_met
from rayloom.data.synthetic.shape import Shape
from rayloom.data.synthetic.tracing import Surface, into_body
from rayloom.data.synthetic.world import Lamp, Sun, World

_SHADOW_STEPS = 24
_LIFT = 4e-3
"""Shadow rays start this far above the surface, world units."""


def shade(
    world: World, surface: Surface, directions: Float[Tensor, "n 3"], time: float
) -> Float[Tensor, "n 3"]:
    """Linear light that travels back along rays of these directions."""
    mirrored = directions - 2 * (surface.normals * directions).sum(-1, keepdim=True) * surface.normals
    cosine = -(surface.normals * directions).sum(-1)
    # Schlick's approximation, for a material like glass.
    fresnel = surface.specular * (0.04 + 0.96 * (1 - cosine.clamp(0, 1)) ** 5)
    light = surface.albedo * _surroundings(world, surface.normals)
    light = light + fresnel[:, None] * _surroundings(world, mirrored)
    for source in world.lights:
        light = light + _from_source(world, source, surface, mirrored, time)
    return torch.where(surface.glow[:, None] > 0, surface.albedo, light)


def lit_share(world: World, source: Sun | Lamp, surface: Surface, time: float) -> Float[Tensor, " n"]:
    """The share of a light that reaches each point past all objects; 1 in the open, 0 in full shadow."""
    directions, distance, _ = source.arriving(surface.points)
    points = surface.points + _LIFT * surface.normals
    share = torch.ones_like(distance)
    met = balls_met(points, directions, *world.balls(points, time), source.softness)
    for item, meets in zip(world.objects, met, strict=True):
        # A half-space is a floor or a wall, which nothing is behind.
        if not item.casts_shadow or item.shape.reach == torch.inf:
            continue
        index = (meets & (share > 0)).nonzero()[:, 0]
        free = _free_share(
            item.body(time),
            *into_body(item, points.index_select(0, index), directions.index_select(0, index), time),
            distance.index_select(0, index),
            source.softness,
        )
        share[index] = share[index] * free
    return share


def _from_source(
    world: World, source: Sun | Lamp, surface: Surface, mirrored: Float[Tensor, "n 3"], time: float
) -> Float[Tensor, "n 3"]:
    """Diffuse light and highlight that one light causes."""
    directions, _, rgb = source.arriving(surface.points)
    cosine = (surface.normals * directions).sum(-1).clamp(min=0)
    lit = ((cosine > 0) & (surface.glow == 0)).nonzero()[:, 0]
    share = torch.zeros_like(cosine)
    share[lit] = lit_share(world, source, surface[lit], time)
    gloss = (mirrored * directions).sum(-1).clamp(min=0) ** surface.shininess * surface.specular
    return rgb * share[:, None] * (surface.albedo * cosine[:, None] + gloss[:, None])


def _surroundings(world: World, directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Light from sky and ground, blended by height."""
    ends = directions.new_tensor([world.ground, world.sky])
    return torch.lerp(ends[0], ends[1], 0.5 + 0.5 * directions[:, 2:])


def _free_share(
    body: Shape,
    origins: Float[Tensor, "n 3"],
    directions: Float[Tensor, "n 3"],
    light_distance: Float[Tensor, " n"],
    softness: float,
) -> Float[Tensor, " n"]:
    """How much of a cone of light passes one body, from how deep its axis enters the body.

    The least distance(t) / (softness t) along the axis, between -1 (all covered) and 1 (free), goes
    through a smooth step. Exact for a straight edge but for the shape of the step.
    """
    # Where the axis is nearer to the body than the cone is wide.
    along = -(origins * directions).sum(-1)
    width = body.reach + softness * (along.clamp(min=0) + body.reach)
    t, leave = (along - width).clamp(min=_LIFT), torch.minimum(along + width, light_distance)
    least_step = (leave - t) / _SHADOW_STEPS
    clearance = torch.ones_like(t)
    going = torch.arange(len(t), device=t.device)
    least = clearance.clone()
    for _ in range(_SHADOW_STEPS):
        if not len(going):
            break
        distance = body.distance(origins + t[:, None] * directions)
        least = torch.minimum(least, distance / (softness * t))
        t = t + torch.maximum(distance.abs(), least_step)
        over = (t > leave) | (least < -1)
        clearance[going[over]] = least[over]
        on = (~over).nonzero()[:, 0]
        state = (going, t, leave, least_step, least, origins, directions)
        going, t, leave, least_step, least, origins, directions = (x.index_select(0, on) for x in state)
    clearance[going] = least
    clearance = 0.5 + 0.5 * clearance.clamp(min=-1)
    return clearance**2 * (3 - 2 * clearance)
