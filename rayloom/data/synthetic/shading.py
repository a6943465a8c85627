"""The light that surfaces send to the viewer: Lambert, Phong, soft shadow, light from all around."""

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.data.synthetic.crossings import ball_interval
from rayloom.data.synthetic.shapes import Shape
from rayloom.data.synthetic.tracing import Surface
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


def lit_share(
    world: World, source: Sun | Lamp, surface: Surface, time: float
) -> Float[Tensor, " n"]:
    """The share of a light that reaches each point past all objects; 1 in the open, 0 in full shadow."""
    directions, distance, _ = source.arriving(surface.points)
    points = surface.points + _LIFT * surface.normals
    share = torch.ones_like(distance)
    for item in world.objects:
        body = item.body(time)
        if not item.casts_shadow or body.reach == torch.inf:
            continue
        rotation, position = (x.to(points) for x in item.pose(time))
        local = points - position
        # A cone of light is shaded by what its rim meets: the ball grows by the cone's width there.
        width = source.softness * (torch.linalg.vector_norm(local, dim=-1) + body.reach)
        wide = body.reach + width
        enter, leave = ball_interval(local / wide[:, None], directions, 1.0)
        enter, leave = (enter * wide).clamp(min=0), torch.minimum(leave * wide, distance)
        index = ((enter < leave) & (share > 0)).nonzero()[:, 0]
        shadow = _penumbra(
            body, local[index] @ rotation, directions[index] @ rotation, enter[index], leave[index], source.softness
        )
        share[index] = share[index] * shadow
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


def _penumbra(
    body: Shape,
    origins: Float[Tensor, "n 3"],
    directions: Float[Tensor, "n 3"],
    enter: Float[Tensor, " n"],
    leave: Float[Tensor, " n"],
    softness: float,
) -> Float[Tensor, " n"]:
    """How much of a cone of light passes one body, from how deep its axis enters the body.

    The least distance(t) / (softness t) along the axis, between -1 (all covered) and 1 (free), goes
    through a smooth step. Exact for a straight edge but for the shape of the step.
    """
    clearance = torch.ones_like(enter)
    t = enter.clamp(min=_LIFT)
    least_step = (leave - enter) / _SHADOW_STEPS
    going = torch.arange(len(t), device=t.device)
    for _ in range(_SHADOW_STEPS):
        distance = body.distance(origins[going] + t[going, None] * directions[going])
        ratio = distance / (softness * t[going])
        clearance[going] = torch.minimum(clearance[going], ratio)
        t[going] += torch.maximum(distance.abs(), least_step[going])
        going = going[(t[going] < leave[going]) & (ratio > -1)]
        if not len(going):
            break
    clearance = 0.5 + 0.5 * clearance.clamp(min=-1)
    return clearance**2 * (3 - 2 * clearance)
