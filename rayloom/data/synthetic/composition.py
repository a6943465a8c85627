"""Bodies made from other bodies."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.data.synthetic.shape import Shape, Vector
from rayloom.geometry.transforms import so3_exp

_STRAIGHT = 1e-9
"""Curvatures below this bend nothing that a float could tell."""


@dataclass(frozen=True)
class Placed(Shape):
    """A body moved within another's frame."""

    shape: Shape
    position: Vector = (0.0, 0.0, 0.0)
    turn: Vector = (0.0, 0.0, 0.0)
    """Rotation vector, radians."""

    @property
    def reach(self) -> float:
        """The body's reach and its distance from the origin."""
        return self.shape.reach + sum(x * x for x in self.position) ** 0.5

    @cached_property
    def _rotation(self) -> Float[Tensor, "3 3"]:
        return so3_exp(torch.tensor(self.turn, dtype=torch.float64))

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """The body's distance at the points seen from its frame."""
        points = points - points.new_tensor(self.position)
        return self.shape.distance(points @ self._rotation.to(points) if any(self.turn) else points)


@dataclass(frozen=True)
class Rounded(Shape):
    """A body grown by a margin, which rounds its edges."""

    shape: Shape
    margin: float

    @property
    def reach(self) -> float:
        """The body's reach and the margin."""
        return self.shape.reach + self.margin

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """D - margin."""
        return self.shape.distance(points) - self.margin


@dataclass(frozen=True)
class Union(Shape):
    """All of several bodies."""

    shapes: tuple[Shape, ...]
    blend: float = 0.0
    """Width over which neighbouring surfaces flow into each other; 0 keeps the crease."""

    @property
    def reach(self) -> float:
        """The largest reach; blending adds a quarter of its width for each further body."""
        return max(shape.reach for shape in self.shapes) + self.blend / 4 * (len(self.shapes) - 1)

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """min(a, b) - h^2 / (4 blend) with h = max(blend - |a - b|, 0)."""
        result = self.shapes[0].distance(points)
        for shape in self.shapes[1:]:
            other = shape.distance(points)
            overlap = (self.blend - (result - other).abs()).clamp(min=0)
            result = torch.minimum(result, other) - overlap**2 / (4 * self.blend or 1.0)
        return result


@dataclass(frozen=True)
class Difference(Shape):
    """A body without the part that lies in another."""

    shape: Shape
    removed: Shape

    @property
    def reach(self) -> float:
        """The body's reach."""
        return self.shape.reach

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """max(a, -b)."""
        return torch.maximum(self.shape.distance(points), -self.removed.distance(points))


@dataclass(frozen=True)
class Bent(Shape):
    """A body along the z axis, bent towards +x around the y axis."""

    shape: Shape
    curvature: float
    """One over the radius of the bent axis; its product with the reach stays below 0.7."""

    @property
    def reach(self) -> float:
        """Bending moves a point to at most sqrt(2) times its distance."""
        return 1.4143 * self.shape.reach

    def rest(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Where the points of the bent body lie in the straight one."""
        k = self.curvature
        if abs(k) < _STRAIGHT:
            return points
        x, y, z = points.unbind(-1)
        scale = torch.hypot(1 - k * x, k * z)
        # (1 - scale) / k without cancellation.
        rest_x = (2 * x - k * (x * x + z * z)) / (1 + scale)
        return torch.stack([rest_x, y, torch.atan2(k * z, 1 - k * x) / k], -1)

    def bend(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Where the points of the straight body lie in the bent one."""
        k = self.curvature
        if abs(k) < _STRAIGHT:
            return points
        x, y, z = points.unbind(-1)
        sine, versine = torch.sin(k * z), 2 * torch.sin(k * z / 2) ** 2
        return torch.stack([versine / k + x * (1 - versine), y, sine / k - x * sine], -1)

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """The straight body's distance, less by as much as straightening can stretch."""
        slack = 1 - abs(self.curvature) * self.reach
        assert slack > 0, "bent so strongly that the body meets its centre of curvature"
        return slack * self.shape.distance(self.rest(points))
