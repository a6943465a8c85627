"""Random members of a class of things, for methods that learn from many."""

import math
from colorsys import hsv_to_rgb
from typing import Literal

import numpy as np

from rayloom.data.synthetic.composition import Placed, Rounded, Union
from rayloom.data.synthetic.primitives import Box, Cylinder
from rayloom.data.synthetic.still_life import DAYLIGHT, INK
from rayloom.data.synthetic.textures import Color, Constant, Material, Stripes, hex_color, toned
from rayloom.data.synthetic.world import Object, World, group


def family_world(seed: int, kind: Literal["car", "chair"]) -> World:
    """One car or chair of random proportions and colours, facing +x; it fills most of the unit ball."""
    rng = np.random.default_rng(seed)
    parts = _car(rng) if kind == "car" else _chair(rng)
    return World(kind, group(parts, (0.0, 0.0, 0.0), 0.0, 1), DAYLIGHT, labels=("nothing", kind))


def _car(rng: np.random.Generator) -> tuple[Object, ...]:
    """A body, a cabin and four wheels."""
    length, width, height = rng.uniform(0.62, 0.78), rng.uniform(0.26, 0.34), rng.uniform(0.09, 0.14)
    cabin = rng.uniform(0.4, 0.6) * length
    roof, wheel = rng.uniform(0.1, 0.16), rng.uniform(0.13, 0.17)
    back = rng.uniform(-0.2, 0.05) * length
    floor = 0.6 * wheel - 0.3
    paint = Material(Constant(_color(rng)), 0.7, 50.0)
    glass = Material(Stripes(hex_color("9fc4d4"), INK, (0.5 / cabin, 0.0, 0.0), 1.0), 0.8, 80.0)
    tyre = Material(Constant(hex_color("2b2b2e")), 0.1, 20.0)
    hub = Material(Constant(_color(rng)), 0.6, 40.0)
    body = Object("body", Rounded(Box((length, width, height)), 0.04), paint, position=(0, 0, floor + height))
    top = Rounded(Box((cabin, 0.85 * width, roof)), 0.05)
    parts = [body, Object("cabin", top, glass, position=(back, 0, floor + 2 * height + roof))]
    for x in (-0.62 * length, 0.62 * length):
        for y in (-width - 0.02, width + 0.02):
            place = (x, y, wheel - 0.3 - 0.1)
            parts.append(
                Object("tyre", Cylinder(wheel, 0.05), tyre, position=place, turn=(math.pi / 2, 0, 0))
            )
            parts.append(
                Object("hub", Cylinder(0.5 * wheel, 0.055), hub, position=place, turn=(math.pi / 2, 0, 0))
            )
    return tuple(parts)


def _chair(rng: np.random.Generator) -> tuple[Object, ...]:
    """A seat, a back and four legs."""
    half, seat = rng.uniform(0.3, 0.4), rng.uniform(-0.15, 0.05)
    thick, leg, rise = rng.uniform(0.03, 0.06), rng.uniform(0.025, 0.05), rng.uniform(0.25, 0.38)
    cloth, frame = _color(rng), Material(Constant(_color(rng)), 0.3, 30.0)
    stripes = Material(Stripes(cloth, toned(cloth, 0.6), (0.0, rng.uniform(3, 7), 0.0), 3.0))
    drop = (seat + 0.7) / 2
    legs = Union(
        tuple(
            Placed(Box((leg, leg, drop)), (sx * (half - leg), sy * (half - leg), 0))
            for sx in (-1, 1)
            for sy in (-1, 1)
        )
    )
    return (
        Object("seat", Rounded(Box((half, half, thick)), 0.02), stripes, position=(0, 0, seat)),
        Object("back", Rounded(Box((thick, half, rise)), 0.02), stripes, position=(-half, 0, seat + rise)),
        Object("legs", legs, frame, position=(0, 0, seat - drop)),
    )


def _color(rng: np.random.Generator) -> Color:
    """A full but not garish colour."""
    return hsv_to_rgb(rng.uniform(), rng.uniform(0.45, 0.8), rng.uniform(0.6, 0.9))
