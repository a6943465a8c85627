"""Solid bodies in their own frame, with the distances and crossings of school geometry."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import vector_norm

from rayloom.data.synthetic.crossings import (
    T_MIN,
    ball_interval,
    first_ahead,
    nonzero,
    quadratic_roots,
    slab_interval,
)
from rayloom.data.synthetic.shape import Shape, Vector


@dataclass(frozen=True)
class Plane(Shape):
    """The half-space z <= 0."""

    @property
    def reach(self) -> float:
        """Unbounded."""
        return math.inf

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Height above the plane."""
        return points[..., 2]

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """T = -o_z / d_z."""
        t = -origins[:, 2] / nonzero(directions[:, 2])
        return torch.where(t > T_MIN, t, torch.inf)


@dataclass(frozen=True)
class Sphere(Shape):
    """A ball."""

    radius: float

    @property
    def reach(self) -> float:
        """The radius."""
        return self.radius

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """|p| - r."""
        return vector_norm(points, dim=-1) - self.radius

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """Roots of |o + t d|^2 = r^2."""
        return first_ahead(*ball_interval(origins, directions, self.radius))


@dataclass(frozen=True)
class Ellipsoid(Shape):
    """A ball stretched along the axes."""

    radii: Vector

    @property
    def reach(self) -> float:
        """The largest radius."""
        return max(self.radii)

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """(|p / r| - 1) min r: a lower bound with the right zero set."""
        return (vector_norm(points / points.new_tensor(self.radii), dim=-1) - 1) * min(self.radii)

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """The unit ball's crossing in the squeezed space, where t means the same."""
        radii = origins.new_tensor(self.radii)
        return first_ahead(*ball_interval(origins / radii, directions / radii, 1.0))


@dataclass(frozen=True)
class Box(Shape):
    """A box centred at the origin, given by half its edge lengths."""

    half: Vector

    @property
    def reach(self) -> float:
        """Half the diagonal."""
        return math.hypot(*self.half)

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Length of what sticks out of the box; inside, the largest of the negative coordinates."""
        outside = points.abs() - points.new_tensor(self.half)
        return vector_norm(outside.clamp(min=0), dim=-1) + outside.amax(-1).clamp(max=0)

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """Overlap of the three slabs."""
        low, high = slab_interval(origins, directions, origins.new_tensor(self.half))
        return first_ahead(low.amax(-1), high.amin(-1))


@dataclass(frozen=True)
class Cylinder(Shape):
    """A cylinder around the z axis."""

    radius: float
    half_height: float

    @property
    def reach(self) -> float:
        """Distance of the rim."""
        return math.hypot(self.radius, self.half_height)

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """The distance to a rectangle in the plane of radius and height."""
        radial = vector_norm(points[..., :2], dim=-1) - self.radius
        outside = torch.stack([radial, points[..., 2].abs() - self.half_height], -1)
        return vector_norm(outside.clamp(min=0), dim=-1) + outside.amax(-1).clamp(max=0)

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """Overlap of the endless cylinder and the slab."""
        near, far = ball_interval(origins[:, :2], directions[:, :2], self.radius)
        low, high = slab_interval(origins[:, 2], directions[:, 2], origins.new_tensor(self.half_height))
        return first_ahead(torch.maximum(near, low), torch.minimum(far, high))


@dataclass(frozen=True)
class Capsule(Shape):
    """All points within a radius of a segment of the z axis."""

    radius: float
    half_height: float
    """Half the length of the segment."""

    @property
    def reach(self) -> float:
        """Distance of the poles."""
        return self.radius + self.half_height

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Distance to the segment, less the radius."""
        along = points[..., 2] - points[..., 2].clamp(-self.half_height, self.half_height)
        return vector_norm(torch.stack([points[..., 0], points[..., 1], along], -1), dim=-1) - self.radius

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """The interval that the cylinder and the two end balls cover; one, for the body is convex."""
        near, far = ball_interval(origins[:, :2], directions[:, :2], self.radius)
        low, high = slab_interval(origins[:, 2], directions[:, 2], origins.new_tensor(self.half_height))
        near, far = torch.maximum(near, low), torch.minimum(far, high)
        empty = near > far
        near, far = near.masked_fill(empty, torch.inf), far.masked_fill(empty, -torch.inf)
        for end in (-self.half_height, self.half_height):
            ball_near, ball_far = ball_interval(
                origins - origins.new_tensor((0.0, 0.0, end)), directions, self.radius
            )
            near, far = torch.minimum(near, ball_near), torch.maximum(far, ball_far)
        return first_ahead(near, far)


@dataclass(frozen=True)
class Cone(Shape):
    """A cone around the z axis, cut off at the top unless `top_radius` is 0."""

    bottom_radius: float
    top_radius: float
    half_height: float

    @property
    def reach(self) -> float:
        """Distance of the farther rim."""
        return math.hypot(max(self.bottom_radius, self.top_radius), self.half_height)

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Distance to the nearest face or rim of the trapezium in the plane of radius and height."""
        radial, height = vector_norm(points[..., :2], dim=-1), points[..., 2]
        run, rise = self.top_radius - self.bottom_radius, 2 * self.half_height
        length = math.hypot(run, rise)
        out, up = radial - self.bottom_radius, height + self.half_height
        side, share = (out * rise - up * run) / length, (out * run + up * rise) / length**2
        cap, cap_radius = (
            height.abs() - self.half_height,
            torch.where(height < 0, self.bottom_radius, self.top_radius),
        )
        rim = torch.minimum(torch.hypot(out, up), torch.hypot(radial - self.top_radius, up - rise))
        on_cap = (cap > 0) & (radial <= cap_radius)
        on_side = (side > 0) & (share >= 0) & (share <= 1)
        outside = torch.where(on_cap, cap, torch.where(on_side, side, rim))
        inside = torch.maximum(side, cap)
        return torch.where(inside <= 0, inside, outside)

    def intersect(
        self, origins: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """Roots of x^2 + y^2 = radius(z)^2, cut by the slab between the caps."""
        slope = (self.top_radius - self.bottom_radius) / (2 * self.half_height)
        middle = (self.top_radius + self.bottom_radius) / 2
        radius = middle + slope * origins[:, 2]
        a = (directions[:, :2] ** 2).sum(-1) - (slope * directions[:, 2]) ** 2
        b = (origins[:, :2] * directions[:, :2]).sum(-1) - slope * radius * directions[:, 2]
        c = (origins[:, :2] ** 2).sum(-1) - radius**2
        first, second, real = quadratic_roots(a, b, c)
        low, high = slab_interval(origins[:, 2], directions[:, 2], origins.new_tensor(self.half_height))
        between = first_ahead(
            torch.maximum(low, first.masked_fill(~real, torch.inf)), torch.minimum(high, second)
        )
        # A ray steeper than the side is inside before the first and after the second root.
        before = first_ahead(low, torch.minimum(high, first.masked_fill(~real, torch.inf)))
        after = first_ahead(torch.maximum(low, second.masked_fill(~real, torch.inf)), high)
        return torch.where(a > 0, between, torch.minimum(before, after))


@dataclass(frozen=True)
class Torus(Shape):
    """A ring around the z axis."""

    ring_radius: float
    tube_radius: float

    @property
    def reach(self) -> float:
        """The outer radius."""
        return self.ring_radius + self.tube_radius

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Distance to the ring, less the tube's radius."""
        radial = vector_norm(points[..., :2], dim=-1) - self.ring_radius
        return vector_norm(torch.stack([radial, points[..., 2]], -1), dim=-1) - self.tube_radius
