"""What a solid body is, and how a ray finds it when only distances are known."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.data.synthetic.crossings import T_MIN, ball_interval

Vector = tuple[float | int, float | int, float | int]

_MAX_STEPS = 48
_NEAR = 0.03
"""Distance at which a surface counts as near, as a share of the reach."""


class Shape(ABC):
    """A closed body around the origin of its own frame."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """Radius of a ball about the origin that holds the body; inf for a half-space."""

    @abstractmethod
    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Signed distance to the surface or a lower bound of it, negative inside."""

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """Distance along each ray to where it first crosses the surface; inf where it never does."""
        return sphere_trace(self, origins, directions)

    def normals(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Outward unit normals at points on the surface: the gradient of the distance."""
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.distance(leaf).sum(), leaf)
        return torch.nn.functional.normalize(gradient, dim=-1)


def sphere_trace(
    shape: Shape, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
) -> Float[Tensor, " n"]:
    """The first crossing, from outside or inside: far away by advancing by the distance, near by secants."""
    # The ball is a little larger than the body, so that a leap past the surface can turn back.
    enter, leave = ball_interval(origins, directions, (1 + 2 * _NEAR) * shape.reach)
    start = enter.clamp(min=T_MIN)
    result = torch.full_like(start, torch.inf)
    active = (start < leave).nonzero()[:, 0]
    # Steps are counted from the ball, so that bodies far away keep all their digits.
    start, room, directions = start[active], (leave - start)[active], directions[active]
    points = origins[active] + start[:, None] * directions
    t = torch.zeros_like(start)
    tolerance = (1e-5 if origins.dtype == torch.float32 else 1e-10) * shape.reach
    distance = shape.distance(points)
    side = torch.where(distance < 0, -1.0, 1.0).to(t)
    distance = distance * side
    slope, near = -torch.ones_like(t), _NEAR * shape.reach
    for _ in range(_MAX_STEPS):
        # Near the surface the last slope tells where the distance vanishes; a short leap there can pass
        # over nothing but what is thinner than the leap.
        leap = (distance / (-slope).clamp(min=1e-3)).clamp(-near, near)
        step = torch.where((distance < near) & (slope < 0), leap, distance)
        t = t + step
        before, distance = distance, side * shape.distance(points + t[:, None] * directions)
        slope = (distance - before) / torch.where(step == 0, 1, step)
        found = distance.abs() < tolerance
        result[active[found]] = start[found] + t[found]
        going = (~found & (t < room)).nonzero()[:, 0]
        if not len(going):
            break
        state = (active, start, room, points, directions, side, t, distance, slope)
        # index_select is several times quicker than brackets.
        state = (values.index_select(0, going) for values in state)
        active, start, room, points, directions, side, t, distance, slope = state
    return result
