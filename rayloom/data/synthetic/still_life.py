"""Objects on a table: the demo's world, and its shiny and sparse relatives."""

import math
from dataclasses import replace

import numpy as np

from rayloom.data.synthetic.composition import Difference, Placed, Rounded, Union
from rayloom.data.synthetic.shapes import Box, Capsule, Cone, Cylinder, Ellipsoid, Shape, Sphere, Torus, Vector
from rayloom.data.synthetic.textures import (
    Bands,
    Checker,
    Constant,
    Grain,
    Material,
    Spokes,
    Stripes,
    Texture,
    hex_color,
)
from rayloom.data.synthetic.world import Object, Sun, World

IVORY = hex_color("f2e8cf")
INK = hex_color("22304a")
CORAL = hex_color("d1495b")
SAFFRON = hex_color("edae49")
TEAL = hex_color("1f7a8c")
SAGE = hex_color("8aa87a")
PLUM = hex_color("6d4c7d")
SKY = hex_color("a9cfe0")
WALNUT = hex_color("6b4226")
OAK = hex_color("a9713f")

LABELS = ("nothing", "table", "board", "piece")
_TABLE_TOP = -0.36
_BOARD_TOP = _TABLE_TOP + 0.05
DAYLIGHT = (
    Sun(direction=(0.5, -0.55, 0.9), rgb=(2.1, 1.95, 1.7), softness=0.1),
    Sun(direction=(-0.8, 0.2, 0.6), rgb=(0.22, 0.27, 0.36), softness=0.3),
)


def object_world(seed: int = 0) -> World:
    """A still life: a checkered board with two pawns on a round table, and five things around it.

    The seed deals the five things to their places, turns them and varies their sizes.
    """
    rng = np.random.default_rng(seed)
    things = [_vase(), _ring(), _lemon(), _block(), _ball()]
    places = rng.permutation(len(things))
    pieces: list[Object] = []
    for i, thing in enumerate(things):
        angle = 2 * math.pi * (places[i] + rng.uniform(-0.08, 0.08)) / len(things) + 0.3
        x, y, _ = thing.position
        position = (x + 0.6 * math.cos(angle), y + 0.6 * math.sin(angle), thing.position[2])
        pieces.append(replace(thing, position=position))
    return World("object", (*_table(), *_pawns(), *pieces), DAYLIGHT, labels=LABELS)


def shiny_world(seed: int = 0) -> World:
    """The still life in glaze: every surface has a strong highlight that wanders with the viewer."""
    world = object_world(seed).with_materials(lambda m: replace(m, specular=0.9, shininess=60.0))
    return replace(world, name="shiny")


def _table() -> tuple[Object, ...]:
    """A round top with an inlaid board."""
    wood = Grain(OAK, WALNUT, frequency=(0.5, 5.0, 5.0), octaves=5, seed=4)
    dark = Grain(WALNUT, hex_color("4a2c17"), frequency=(8.0, 0.7, 8.0), octaves=4, seed=7)
    squares = Checker(IVORY, INK, size=(0.11, 0.11, math.inf))
    top = Rounded(Cylinder(0.86, 0.02), 0.03)
    frame = Rounded(Box((0.47 / 1, 0.47, 0.012)), 0.012)
    return (
        Object("table top", top, Material(wood, 0.25, 30.0), 1, position=(0, 0, _TABLE_TOP - 0.05)),
        Object("board frame", frame, Material(dark, 0.4, 60.0), 2, position=(0, 0, _TABLE_TOP + 0.024)),
        Object("board", Box((0.44, 0.44, 0.005)), Material(squares, 0.4, 80.0), 2, position=(0, 0, _BOARD_TOP)),
    )
