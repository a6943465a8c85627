"""Things on a table: the demo's world and its relatives, shiny, sparse and moving."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from rayloom.data.synthetic.composition import Difference, Placed, Rounded, Union
from rayloom.data.synthetic.primitives import Box, Capsule, Cone, Cylinder, Ellipsoid, Sphere, Torus
from rayloom.data.synthetic.textures import (
    Bands,
    Checker,
    Color,
    Constant,
    Grain,
    Material,
    Spokes,
    Stripes,
    hex_color,
)
from rayloom.data.synthetic.world import Motion, Object, Sun, World, group

IVORY = hex_color("ebdfc4")
INK = hex_color("22304a")
CORAL = hex_color("d1495b")
SAFFRON = hex_color("edae49")
TEAL = hex_color("1f7a8c")
SAGE = hex_color("8aa87a")
PLUM = hex_color("6d4c7d")
SKY = hex_color("a9cfe0")
WALNUT = hex_color("6b4226")
OAK = hex_color("a9713f")

LABELS = ("nothing", "table", "board", "chessman", "vase", "toy", "fruit", "block")
DAYLIGHT = (Sun(direction=(0.55, -0.5, 0.72), rgb=(1.85, 1.7, 1.48), softness=0.12),)
TABLE_TOP = -0.21
_BOARD_TOP = TABLE_TOP + 0.05
_SQUARE = 0.1


def object_world(seed: int = 0) -> World:
    """A still life: a board with chessmen on a round table, and six things around it.

    The seed deals the things to their places and turns them, and moves the chessmen.
    """
    rng = np.random.default_rng(seed)
    things = (_vase(), _rings(), _lemons(), _block(), _ball(), _sticks())
    objects = _table()
    for i, place in enumerate(rng.permutation(len(things))):
        angle = 2 * math.pi * (place + rng.uniform(-0.1, 0.1)) / len(things) + 0.3
        position = (0.63 * math.cos(angle), 0.63 * math.sin(angle), TABLE_TOP)
        objects += group(things[i], position, angle + rng.uniform(-0.4, 0.4), i + 2)
    squares = rng.permutation(9)
    men = (_pawn(IVORY), _pawn(INK), _pawn(IVORY), _bishop(INK))
    for i, man in enumerate(men):
        row, column = divmod(int(squares[i]), 3)
        position = (_SQUARE * (2 * row - 1.5), _SQUARE * (2 * column - 1.5), _BOARD_TOP)
        objects += group((man,), position, 0.0, len(things) + 2 + i)
    return World("object", objects, DAYLIGHT, labels=LABELS)


def shiny_world(seed: int = 0) -> World:
    """The still life in glaze: every surface has a strong highlight that wanders with the viewer."""
    world = object_world(seed).with_materials(lambda m: replace(m, specular=0.9, shininess=40.0))
    return replace(world, name="shiny")


def sparse_world(seed: int = 0) -> World:
    """A few small things far apart in the unit ball, nothing under them: most rays meet nothing."""
    rng = np.random.default_rng(seed)
    things = (_ball(), _block(), _lemons()[:1])
    objects: tuple[Object, ...] = ()
    for i, place in enumerate(rng.permutation(len(things))):
        angle = 2 * math.pi * (place + rng.uniform(-0.1, 0.1)) / len(things)
        position = (0.55 * math.cos(angle), 0.55 * math.sin(angle), rng.uniform(-0.5, 0.2))
        objects += group(things[i], position, rng.uniform(-3, 3), i + 1)
    return World("sparse", objects, DAYLIGHT, labels=LABELS)


def moving_world(
    seed: int = 0, part: Literal["slide", "spin", "bend"] = "spin", cycles: float = 1.0
) -> World:
    """A still life in which one thing slides, spins or bends there and back `cycles` times; 0 moves it once.

    A ball slides 0.7 across the board, a block turns by 60 degrees either way, a pole bends by 70.
    """
    pole = Material(Spokes(CORAL, IVORY, 1, 6.0, twist=18.0), 0.4, 40.0)
    movers = {
        "slide": replace(_ball()[0], motion=Motion(offset=(0.35, 0.0, 0.0), cycles=cycles)),
        "spin": replace(
            Object("block", Box((0.17, 0.12, 0.17)), _block()[0].material, 7, position=(0, 0, 0.17)),
            motion=Motion(turn=(0, 0, math.pi / 3), cycles=cycles),
        ),
        "bend": Object(
            "pole",
            Capsule(0.06, 0.26),
            pole,
            5,
            position=(0, 0, 0.32),
            motion=Motion(bend=1.2, cycles=cycles),
        ),
    }
    rng = np.random.default_rng(seed)
    objects = _table()
    things = (_vase(), _rings(), _lemons(), _sticks())
    for i, place in enumerate(rng.permutation(len(things))):
        angle = 2 * math.pi * (place + rng.uniform(-0.1, 0.1)) / len(things)
        position = (0.64 * math.cos(angle), 0.64 * math.sin(angle), TABLE_TOP)
        objects += group(things[i], position, angle, i + 2)
    objects += group((movers[part],), (0.0, 0.0, _BOARD_TOP), rng.uniform(-1, 1), len(things) + 2)
    return World(f"moving-{part}", objects, DAYLIGHT, labels=LABELS)


def _table() -> tuple[Object, ...]:
    """A round top with an inlaid board, as one thing."""
    wood = Grain(OAK, WALNUT, frequency=(0.5, 5.0, 5.0), octaves=5, seed=4)
    dark = Grain(WALNUT, hex_color("4a2c17"), frequency=(8.0, 0.7, 8.0), octaves=4, seed=7)
    squares = Checker(IVORY, INK, size=(_SQUARE, _SQUARE, math.inf))
    wooden, framed = Material(wood, 0.2, 30.0), Material(dark, 0.4, 60.0)
    parts = (
        Object("table top", Cone(0.88, 0.86, 0.01), wooden, 1, position=(0, 0, TABLE_TOP - 0.01)),
        Object("table edge", Cylinder(0.88, 0.03), wooden, 1, position=(0, 0, TABLE_TOP - 0.05)),
        Object("frame", Box((0.33, 0.33, 0.024)), framed, 2, position=(0, 0, TABLE_TOP + 0.024)),
        Object(
            "board",
            Box((0.3, 0.3, 0.025)),
            Material(squares, 0.4, 80.0),
            2,
            position=(0, 0, _BOARD_TOP - 0.025),
        ),
    )
    parts = tuple(replace(part, casts_shadow=False) for part in parts)
    return group(parts, (0.0, 0.0, 0.0), 0.0, 1)


def _turned(
    name: str, parts: tuple[Placed, ...], height: float, blend: float, material: Material, label: int
) -> Object:
    """Parts stacked up from z = 0 as from a lathe; a frame around their middle keeps the reach small."""
    lowered = (replace(part, position=(0, 0, part.position[2] - height / 2)) for part in parts)
    return Object(name, Union(tuple(lowered), blend), material, label, position=(0, 0, height / 2))


def _pawn(color: Color) -> Object:
    """A chessman with a round head."""
    parts = (
        Placed(Cone(0.045, 0.018, 0.06), (0, 0, 0.06)),
        Placed(Cylinder(0.045, 0.012), (0, 0, 0.012)),
        Placed(Sphere(0.036), (0, 0, 0.15)),
    )
    return _turned("pawn", parts, 0.186, 0.02, Material(Constant(color), 0.6, 50.0), 3)


def _bishop(color: Color) -> Object:
    """A taller chessman with a collar and a pointed head."""
    parts = (
        Placed(Cone(0.05, 0.018, 0.09), (0, 0, 0.09)),
        Placed(Cylinder(0.05, 0.012), (0, 0, 0.012)),
        Placed(Torus(0.022, 0.012), (0, 0, 0.18)),
        Placed(Ellipsoid((0.034, 0.034, 0.05)), (0, 0, 0.23)),
        Placed(Sphere(0.012), (0, 0, 0.285)),
    )
    return _turned("bishop", parts, 0.297, 0.015, Material(Constant(color), 0.6, 50.0), 3)


def _vase() -> tuple[Object, ...]:
    """A glazed vase with painted bands."""
    parts = (
        Placed(Ellipsoid((0.17, 0.17, 0.19)), (0, 0, 0.19)),
        Placed(Cone(0.07, 0.055, 0.12), (0, 0, 0.42)),
        Placed(Torus(0.062, 0.02), (0, 0, 0.54)),
        Placed(Cylinder(0.09, 0.015), (0, 0, 0.015)),
    )
    painted = Bands(
        Constant(TEAL),
        Bands(
            Spokes(IVORY, TEAL, 18, 3.0, twist=6.0), Constant(SAFFRON), ((-0.175, -0.162), (-0.018, -0.005))
        ),
        ((-0.175, -0.005), (0.08, 0.09), (0.11, 0.12)),
    )
    return (_turned("vase", parts, 0.56, 0.07, Material(painted, 0.7, 70.0), 4),)


def _rings() -> tuple[Object, ...]:
    """A toy: rings of falling size on a peg."""
    colors = (CORAL, SAFFRON, SAGE, SKY)
    rings = tuple(
        Object(
            f"ring {i}",
            Torus(0.115 - 0.017 * i, 0.05 - 0.004 * i),
            Material(Spokes(color, IVORY, 12, 4.0) if i % 2 else Constant(color), 0.35, 30.0),
            5,
            position=(0, 0, 0.05 + 0.088 * i),
        )
        for i, color in enumerate(colors)
    )
    peg = Object("peg", Capsule(0.03, 0.19), Material(Constant(OAK), 0.2, 30.0), 5, position=(0, 0, 0.22))
    return (*rings, peg)


def _lemons() -> tuple[Object, ...]:
    """Two lemons, side by side."""
    body = Union(
        (Ellipsoid((0.1, 0.078, 0.078)), Placed(Ellipsoid((0.035, 0.025, 0.025)), (0.098, 0, 0))), blend=0.04
    )
    peel = Material(Grain(SAFFRON, hex_color("d98f1f"), (14.0, 14.0, 14.0), octaves=2, seed=2), 0.35, 25.0)
    return (
        Object("lemon", body, peel, 6, position=(-0.03, -0.085, 0.078), turn=(0, 0, 0.5)),
        Object("lemon", body, peel, 6, position=(0.04, 0.095, 0.078), turn=(0.9, 0, -2.2)),
    )


def _block() -> tuple[Object, ...]:
    """A marble cube with round holes, and a ball in it."""
    cube = Rounded(Box((0.12, 0.12, 0.12)), 0.012)
    hollow = Difference(cube, Sphere(0.158))
    marble = Grain(hex_color("e0d8d2"), PLUM, (3.0, 3.0, 3.0), octaves=4, seed=5, sharpness=1.4)
    return (
        Object("block", hollow, Material(marble, 0.5, 60.0), 7, position=(0, 0, 0.132)),
        Object("marble", Sphere(0.1), Material(Constant(SAFFRON), 0.8, 80.0), 7, position=(0, 0, 0.115)),
    )


def _ball() -> tuple[Object, ...]:
    """A beach ball with twisted stripes."""
    stripes = Spokes(CORAL, IVORY, 6, 8.0, twist=3.0)
    ball = Object(
        "ball", Sphere(0.16), Material(stripes, 0.5, 40.0), 5, position=(0, 0, 0.16), turn=(0.6, 0.3, 0)
    )
    return (ball,)


def _sticks() -> tuple[Object, ...]:
    """Three candy sticks in a heap, and a cone."""
    stripes = Material(Spokes(CORAL, IVORY, 1, 6.0, twist=60.0), 0.5, 40.0)
    mint = Material(Spokes(SAGE, IVORY, 1, 6.0, twist=60.0), 0.5, 40.0)
    stick = Capsule(0.028, 0.13)
    hat = Material(Stripes(TEAL, SKY, (0, 0, 14.0), 2.5), 0.3, 30.0)
    return (
        Object("hat", Cone(0.11, 0.0, 0.17), hat, 5, position=(0.04, 0.1, 0.17)),
        Object("stick", stick, stripes, 5, position=(0.02, -0.07, 0.028), turn=(0, math.pi / 2, 0)),
        Object("stick", stick, mint, 5, position=(0.0, -0.135, 0.028), turn=(0.0, math.pi / 2, 0.0)),
        Object("stick", stick, stripes, 5, position=(0.0, -0.1, 0.076), turn=(-1.45, 0.55, 0.25)),
    )
