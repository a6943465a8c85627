"""Colour over a body, as functions of the point in the body's own frame, and how it takes light.

Colours are written in sRGB, as painters pick them, and turned into linear light where they are used.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.data.synthetic.shape import Vector

Color = tuple[float | int, float | int, float | int]
"""sRGB in [0, 1]."""


def hex_color(code: str) -> Color:
    """The colour of six hexadecimal digits."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def toned(color: Color, factor: float, lift: float = 0.0) -> Color:
    """A colour made darker or paler: factor x + lift in each channel."""
    red, green, blue = (factor * x + lift for x in color)
    return red, green, blue


def linear_from_srgb(values: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Linear light of sRGB values (IEC 61966-2-1)."""
    return torch.where(values <= 0.04045, values / 12.92, ((values.clamp(min=0) + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(values: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """SRGB values of linear light, cut to [0, 1]   (IEC 61966-2-1)."""
    values = values.clamp(0, 1)
    return torch.where(
        values <= 0.0031308, values * 12.92, 1.055 * values.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    )


class Texture(ABC):
    """A colour for every point of a body."""

    @abstractmethod
    def albedo(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Reflected share of linear red, green and blue light."""


@dataclass(frozen=True)
class Constant(Texture):
    """One colour."""

    color: Color

    def albedo(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """The same everywhere."""
        return linear_from_srgb(points.new_tensor(self.color)).expand_as(points)


@dataclass(frozen=True)
class Checker(Texture):
    """Two colours by turns on a lattice of blocks."""

    even: Color
    odd: Color
    size: Vector
    """Edge lengths of a block; inf along an axis that does not count."""

    def albedo(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Even or odd by the sum of the block's indices."""
        parity = (points / points.new_tensor(self.size)).floor().sum(-1) % 2
        return _mix(self.even, self.odd, parity)


@dataclass(frozen=True)
class Stripes(Texture):
    """Two colours that follow a sine along a direction."""

    crest: Color
    trough: Color
    direction: Vector
    """Its length is the number of periods per unit."""
    sharpness: float = 1.0
    """1 gives a sine, larger values steeper edges."""

    def albedo(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """0.5 + 0.5 sin(2 pi p . direction), steepened."""
        wave = torch.sin(2 * math.pi * points @ points.new_tensor(self.direction))
        return _mix(self.trough, self.crest, _steepen(wave, self.sharpness))


@dataclass(frozen=True)
class Spokes(Texture):
    """Two colours that follow a sine around the z axis."""

    crest: Color
    trough: Color
    count: int
    sharpness: float = 1.0
    twist: float = 0.0
    """Radians by which the pattern turns per unit of height."""

    def albedo(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """0.5 + 0.5 sin(count (phi + twist z)), steepened."""
        angle = torch.atan2(points[:, 1], points[:, 0]) + self.twist * points[:, 2]
        return _mix(self.trough, self.crest, _steepen(torch.sin(self.count * angle), self.sharpness))


@dataclass(frozen=True)
class Grain(Texture):
    """Irregular veins and specks: sines of random direction, finer and fainter octave by octave."""

    light: Color
    dark: Color
    frequency: Vector
    """Periods per unit of the coarsest octave along each axis; unequal numbers give the grain of wood."""
    octaves: int = 4
    seed: int = 0
    sharpness: float = 1.0

    def albedo(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """A blend of the two colours by a sum of sines."""
        rng = np.random.default_rng(self.seed)
        wave = torch.zeros_like(points[:, 0])
        for octave in range(self.octaves):
            for _ in range(3):
                direction = rng.normal(size=3) * np.asarray(self.frequency) * 2**octave
                phase = rng.uniform(0, 2 * math.pi)
                # Each octave bends with the sum so far, so that no straight waves are seen.
                angle = 2 * math.pi * points @ points.new_tensor(direction) + phase + 2 * wave
                wave = wave + torch.sin(angle) * (0.4 / 1.7**octave)
        return _mix(self.dark, self.light, _steepen(wave, self.sharpness))


@dataclass(frozen=True)
class Bands(Texture):
    """One texture with stretches of another along the z axis."""

    base: Texture
    band: Texture
    spans: tuple[tuple[float, float], ...]
    """(low, high) of each stretch."""

    def albedo(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """The band's colour where z falls into a stretch, else the base's."""
        z = points[:, 2:]
        inside = torch.zeros_like(z, dtype=torch.bool)
        for low, high in self.spans:
            inside = inside | ((z > low) & (z < high))
        return torch.where(inside, self.band.albedo(points), self.base.albedo(points))


@dataclass(frozen=True)
class Material:
    """How a surface answers to light."""

    texture: Texture
    specular: float = 0.0
    """Strength of the highlight and of the mirrored surroundings; 0 is perfectly matte."""
    shininess: float = 40.0
    """Phong's exponent: larger values give smaller highlights."""
    glows: bool = False
    """Shows its texture as it is, without light or shadow; for skies."""


def _steepen(wave: Float[Tensor, " n"], sharpness: float) -> Float[Tensor, " n"]:
    """A wave in [-1, 1] as a share in [0, 1]."""
    return (0.5 + 0.5 * sharpness * wave).clamp(0, 1)


def _mix(low: Color, high: Color, share: Float[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """Linear light between two sRGB colours."""
    ends = linear_from_srgb(share.new_tensor([low, high]))
    return torch.lerp(ends[0], ends[1], share[:, None])
