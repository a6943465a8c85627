"""What a scene is made of: objects that may move, and lights."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf, pi, sin

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rayloom.data.synthetic.composition import Bent
from rayloom.data.synthetic.shape import Shape, Vector
from rayloom.data.synthetic.textures import Material
from rayloom.geometry.transforms import so3_exp, so3_log

ZERO: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Motion:
    """How an object leaves its place as time runs from 0 to 1."""

    offset: Vector = ZERO
    """Where it goes, along the axes of the world."""
    turn: Vector = ZERO
    """Rotation vector about its own axes, radians."""
    bend: float = 0.0
    """Curvature of its z axis; see `Bent`."""
    cycles: float = 0.0
    """There and back this many times, as a sine; 0 moves steadily from start to end."""

    def progress(self, time: float) -> float:
        """The share of offset, turn and bend that is reached; in [-1, 1]."""
        return sin(2 * pi * self.cycles * time) if self.cycles else time


@dataclass(frozen=True)
class Object:
    """A body somewhere in the world."""

    name: str
    shape: Shape
    material: Material
    label: int = 1
    """Semantic class; 0 is kept for emptiness."""
    instance: int = 0
    """Objects with equal numbers count as parts of one thing; 0 gives the object a number of its own."""
    position: Vector = ZERO
    turn: Vector = ZERO
    """Rotation vector, radians."""
    motion: Motion = field(default_factory=Motion)
    casts_shadow: bool = True

    @property
    def moves(self) -> bool:
        """Whether time changes anything about it."""
        return replace(self.motion, cycles=0.0) != Motion()

    def pose(self, time: float) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]]:
        """Rotation and position of world_from_body."""
        share = self.motion.progress(time)
        rotation = _rotation(self.turn) @ _rotation(_scaled(self.motion.turn, share))
        position = torch.tensor(self.position, dtype=torch.float64)
        return rotation, position + share * torch.tensor(self.motion.offset, dtype=torch.float64)

    def body(self, time: float) -> Shape:
        """The shape at a time, bent where the motion bends it."""
        if self.motion.bend == 0:
            return self.shape
        return Bent(self.shape, self.motion.bend * self.motion.progress(time))

    def rest_from_world(self, points: Float[Tensor, "n 3"], time: float) -> Float[Tensor, "n 3"]:
        """World points in the frame of the resting body, in which each piece of matter keeps its place."""
        rotation, position = self.pose(time)
        points = (points - position.to(points)) @ rotation.to(points)
        body = self.body(time)
        return body.rest(points) if isinstance(body, Bent) else points

    def world_from_rest(self, points: Float[Tensor, "n 3"], time: float) -> Float[Tensor, "n 3"]:
        """Where matter of the resting body is in the world."""
        body = self.body(time)
        points = body.bend(points) if isinstance(body, Bent) else points
        rotation, position = self.pose(time)
        return points @ rotation.to(points).T + position.to(points)


def _scaled(vector: Vector, share: float) -> Vector:
    return vector[0] * share, vector[1] * share, vector[2] * share


@lru_cache(maxsize=1024)
def _rotation(turn: Vector) -> Float[Tensor, "3 3"]:
    """The matrix of a rotation vector; kept, since each is asked for many times a picture."""
    return so3_exp(torch.tensor(turn, dtype=torch.float64))


@dataclass(frozen=True)
class Sun:
    """Light from one direction, from far away."""

    direction: Vector
    """From the scene towards the light."""
    rgb: Vector
    """Linear light on a surface that faces it."""
    softness: float = 0.08
    """Tangent of half the angle that the light covers; wider lights give softer shadows."""

    def arriving(
        self, points: Float[Tensor, "n 3"]
    ) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Unit directions to the light, its distance, and the light that would arrive unhindered."""
        direction = torch.nn.functional.normalize(points.new_tensor(self.direction), dim=0)
        distance = points.new_full(points.shape[:1], inf)
        return direction.expand_as(points), distance, points.new_tensor(self.rgb).expand_as(points)


@dataclass(frozen=True)
class Lamp:
    """Light from a small ball."""

    position: Vector
    rgb: Vector
    """Linear light on a surface that faces it at distance 1; falls with the square of the distance."""
    softness: float = 0.08

    def arriving(
        self, points: Float[Tensor, "n 3"]
    ) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Unit directions to the light, its distance, and the light that would arrive unhindered."""
        away = points.new_tensor(self.position) - points
        distance = torch.linalg.vector_norm(away, dim=-1)
        directions = away / distance[:, None]
        return directions, distance, points.new_tensor(self.rgb) / (distance**2)[:, None]


@dataclass(frozen=True)
class World:
    """A scene: z up, what matters inside the unit ball unless its maker says otherwise."""

    name: str
    objects: tuple[Object, ...]
    lights: tuple[Sun | Lamp, ...]
    sky: Vector = (0.5, 0.52, 0.56)
    """Linear light from above, everywhere."""
    ground: Vector = (0.2, 0.18, 0.16)
    """Linear light from below, everywhere."""
    labels: tuple[str, ...] = ("nothing", "thing")
    """Names of the semantic classes."""
    radius: float = 1.0
    """Everything lies within this distance of the origin."""
    is_open: bool = True
    """Whether rays can miss everything; photos of open worlds carry alpha."""

    @property
    def moves(self) -> bool:
        """Whether time changes anything."""
        return any(item.moves for item in self.objects)

    def balls(
        self, like: Float[Tensor, "..."], time: float
    ) -> tuple[Float[Tensor, "m 3"], Float[Tensor, " m"]]:
        """Centres and radii of balls that hold the objects, in the dtype and on the device of a tensor."""
        centers = torch.stack([item.pose(time)[1] for item in self.objects])
        return centers.to(like), like.new_tensor([item.body(time).reach for item in self.objects])

    def distance(self, points: Float[Tensor, "*batch 3"], time: float) -> Float[Tensor, "*batch"]:
        """Signed distance to the nearest object, negative inside."""
        flat = points.reshape(-1, 3)
        parts = [item.body(time).distance(item.rest_from_world(flat, time)) for item in self.objects]
        return torch.stack(parts).amin(0).reshape(points.shape[:-1])

    def instance(self, object_index: int) -> int:
        """The instance number of an object, at least 1."""
        own = self.objects[object_index].instance
        return own or 1 + object_index + max(item.instance for item in self.objects)

    def swayed(self, offsets: NDArray[np.float64]) -> "World":
        """The same world with each object displaced, n x 3 world units."""
        if not offsets.any():
            return self
        moved = (
            replace(item, position=(item.position[0] + x, item.position[1] + y, item.position[2] + z))
            for item, (x, y, z) in zip(self.objects, offsets.tolist(), strict=True)
        )
        return replace(self, objects=tuple(moved))

    def with_materials(self, change: Callable[[Material], Material]) -> "World":
        """The same world in other materials; for example all matte, or all of one colour."""
        return replace(
            self, objects=tuple(replace(item, material=change(item.material)) for item in self.objects)
        )


def group(objects: tuple[Object, ...], position: Vector, yaw: float, instance: int) -> tuple[Object, ...]:
    """Objects turned about z together, then moved, as the parts of one thing."""
    turn, offset = _rotation((0.0, 0.0, yaw)), torch.tensor(position, dtype=torch.float64)
    moved = []
    for item in objects:
        x, y, z = (turn @ torch.tensor(item.position, dtype=torch.float64) + offset).tolist()
        u, v, w = so3_log(turn @ _rotation(item.turn)).tolist()
        moved.append(replace(item, position=(x, y, z), turn=(u, v, w), instance=instance))
    return tuple(moved)
