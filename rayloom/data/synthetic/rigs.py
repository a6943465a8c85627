"""Where photographers stand: each rig turns a number of views and a seed into camera poses."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rayloom.data.synthetic.shape import Vector
from rayloom.geometry.transforms import look_at


class Rig(ABC):
    """A way to place cameras."""

    fov_rad: float
    """Horizontal angle of view of its pinhole cameras."""

    @abstractmethod
    def poses(self, num_views: int, seed: int) -> Float[Tensor, "n 3 4"]:
        """world_from_camera of each view, in the order of a walk where there is one; float64."""


@dataclass(frozen=True)
class Dome(Rig):
    """Cameras at random on a part of a sphere, even over its area, looking to its middle."""

    distance: float = 3.0
    low_rad: float = math.radians(-5)
    """Least height of a camera, as an angle above the horizon; -pi/2 for the full sphere."""
    high_rad: float = math.radians(80)
    target: Vector = (0.0, 0.0, 0.0)
    fov_rad: float = 0.69

    def poses(self, num_views: int, seed: int) -> Float[Tensor, "n 3 4"]:
        """Golden-angle spacing in random order, so that the first few already go all around."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(num_views)
        cell = (order + rng.uniform(0.2, 0.8, num_views)) / num_views
        height = math.sin(self.low_rad) + cell * (math.sin(self.high_rad) - math.sin(self.low_rad))
        golden = math.pi * (3 - math.sqrt(5))
        azimuth = rng.uniform(0, 2 * math.pi) + golden * order
        return _look_from(_spherical(self.distance, azimuth, np.arcsin(height)), self.target)


@dataclass(frozen=True)
class Orbit(Rig):
    """A circle around the target at one height, as on a turntable."""

    distance: float = 3.0
    elevation_rad: float = math.radians(25)
    turns: float = 1.0
    target: Vector = (0.0, 0.0, 0.0)
    fov_rad: float = 0.69

    def poses(self, num_views: int, seed: int) -> Float[Tensor, "n 3 4"]:
        """Even steps from a start that depends on the seed."""
        start = np.random.default_rng(seed).uniform(0, 2 * math.pi)
        azimuth = start + 2 * math.pi * self.turns * np.arange(num_views) / num_views
        elevation = np.full(num_views, self.elevation_rad)
        return _look_from(_spherical(self.distance, azimuth, elevation), self.target)


@dataclass(frozen=True)
class Facing(Rig):
    """A wall of cameras that look the same way, as for forward-facing captures."""

    distance: float = 3.0
    spread: float = 0.5
    """Half the width of the wall."""
    elevation_rad: float = math.radians(20)
    target: Vector = (0.0, 0.0, 0.0)
    fov_rad: float = 0.8

    def poses(self, num_views: int, seed: int) -> Float[Tensor, "n 3 4"]:
        """Jittered rows and columns on the wall, which faces the target."""
        rng = np.random.default_rng(seed)
        columns = math.ceil(math.sqrt(num_views))
        grid = np.stack(np.divmod(np.arange(num_views), columns), -1)[:, ::-1] + rng.uniform(
            0.2, 0.8, (num_views, 2)
        )
        offsets = (2 * grid / columns - 1) * self.spread
        center = _look_from(
            _spherical(self.distance, np.array([-math.pi / 2]), np.array([self.elevation_rad])), self.target
        )[0]
        poses = center.repeat(num_views, 1, 1)
        poses[:, :, 3] += torch.from_numpy(offsets) @ center[:, :2].T
        # Small turns, as of a hand that holds the camera.
        aim = torch.tensor(self.target, dtype=torch.float64) + 0.4 * (poses[:, :, 3] - center[:, 3])
        return look_at(poses[:, :, 3], aim, _UP)


@dataclass(frozen=True)
class Inside(Rig):
    """Cameras at random in a box, turned any way around and a little up or down: the views of a room."""

    half: Vector = (0.45, 0.35, 0.15)
    """Half the edge lengths of the box in which the cameras are."""
    center: Vector = (0.0, 0.0, 0.0)
    tilt_rad: float = math.radians(20)
    """Largest angle of a view to the horizon."""
    fov_rad: float = 1.2

    def poses(self, num_views: int, seed: int) -> Float[Tensor, "n 3 4"]:
        """Places and directions drawn one by one."""
        rng = np.random.default_rng(seed)
        eyes = rng.uniform(-1, 1, (num_views, 3)) * self.half + self.center
        azimuth = rng.uniform(0, 2 * math.pi, num_views)
        aims = eyes + _spherical(1.0, azimuth, rng.uniform(-self.tilt_rad, self.tilt_rad, num_views))
        return look_at(torch.from_numpy(eyes), torch.from_numpy(aims), _UP)


@dataclass(frozen=True)
class Walk(Rig):
    """One moving camera: a smooth path around a centre, looking past the centre to the other side."""

    half: Vector = (0.5, 0.4, 0.08)
    """How far the path swings along each axis."""
    center: Vector = (0.0, 0.0, 0.0)
    target: Vector | None = None
    """What the camera looks at all the time; None looks across the centre, all around a room."""
    turns: float = 1.0
    fov_rad: float = 1.2

    def poses(self, num_views: int, seed: int) -> Float[Tensor, "n 3 4"]:
        """A closed curve of sines whose phases depend on the seed."""
        rng = np.random.default_rng(seed)
        phase = 2 * math.pi * self.turns * np.arange(num_views) / num_views + rng.uniform(0, 2 * math.pi)
        wave = np.stack([np.cos(phase), np.sin(phase), np.sin(3 * phase + rng.uniform(0, 6))], -1)
        eyes = wave * self.half + self.center
        opposite = np.stack([-np.cos(phase), -np.sin(phase), 0.3 * np.sin(2 * phase) - 0.2], -1) + self.center
        aims = opposite if self.target is None else np.broadcast_to(self.target, eyes.shape).copy()
        return look_at(torch.from_numpy(eyes), torch.from_numpy(aims), _UP)


_UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def _spherical(
    distance: float, azimuth: NDArray[np.floating], elevation: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Points around the origin, n x 3."""
    flat = np.cos(elevation)
    return distance * np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1)


def _look_from(offsets: NDArray[np.floating], target: Vector) -> Float[Tensor, "n 3 4"]:
    """Poses at offsets from a target that look to it."""
    aim = torch.tensor(target, dtype=torch.float64)
    return look_at(aim + torch.from_numpy(offsets), aim, _UP)
