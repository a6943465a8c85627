"""A furnished room, seen from inside."""

import math

import numpy as np

from rayloom.data.synthetic.composition import Placed, Rounded, Union
from rayloom.data.synthetic.primitives import Box, Cone, Cylinder, Ellipsoid, Plane, Sphere, Torus
from rayloom.data.synthetic.shape import Vector
from rayloom.data.synthetic.still_life import (
    CORAL,
    INK,
    IVORY,
    OAK,
    PLUM,
    SAFFRON,
    SAGE,
    SKY,
    TEAL,
    WALNUT,
)
from rayloom.data.synthetic.textures import (
    Checker,
    Color,
    Constant,
    Grain,
    Material,
    Spokes,
    Stripes,
    hex_color,
    toned,
)
from rayloom.data.synthetic.world import Lamp, Motion, Object, World, group

ROOM_LABELS = (
    "nothing",
    "floor",
    "ceiling",
    "wall",
    "table",
    "sofa",
    "shelf",
    "lamp",
    "rug",
    "picture",
    "plant",
    "ball",
)
_HALF: Vector = (1.0, 0.8, 0.5)


def room_world(seed: int = 0, *, plain_walls: bool = False, moving: bool = False) -> World:
    """A furnished room of 2 x 1.6 x 1 units seen from inside.

    The seed chooses colours and moves the furniture along the walls. With `plain_walls` the walls carry no
    texture; with `moving` a ball swings through the middle of the room.
    """
    rng = np.random.default_rng(seed)
    colors = [(CORAL, SAFFRON, TEAL, PLUM, SAGE, SKY)[i] for i in rng.permutation(6)]
    floor = -_HALF[2]
    slide = rng.uniform(-0.12, 0.12, 4)
    furniture = (
        *group(_sofa(colors[0]), (-0.72, slide[0], floor), 0.0, 4),
        *group(_low_table(), (0.05 + slide[1], 0.08, floor), rng.uniform(-0.3, 0.3), 5),
        *group(_shelf(colors), (slide[2], 0.7, floor), 0.0, 6),
        *group(_lamp(), (0.8, -0.62, floor), 0.0, 7),
        *group(_plant(), (0.8, 0.6, floor), 0.0, 8),
        *group(_picture(colors[1], colors[2], seed), (slide[3], -0.79, 0.08), 0.0, 9),
    )
    weave = Material(Checker(colors[3], IVORY, (0.08, 0.08, math.inf)))
    rug = Object("rug", Cylinder(0.42, 0.006), weave, 8, instance=10, position=(0.05, 0.05, floor + 0.006))
    swing = Motion(offset=(0.0, 0.4, 0.0), cycles=1.0) if moving else Motion()
    stripes = Material(Spokes(CORAL, IVORY, 6, 8.0), 0.5, 40.0)
    ball = Object(
        "ball", Sphere(0.1), stripes, 11, instance=11, position=(0.45, -0.15, floor + 0.1), motion=swing
    )
    return World(
        "room",
        (*_walls(colors[4], plain_walls), *furniture, rug, ball),
        (Lamp((0.1, -0.1, 0.42), (0.6, 0.56, 0.48), 0.15),),
        sky=(0.34, 0.34, 0.35),
        ground=(0.26, 0.24, 0.22),
        labels=ROOM_LABELS,
        radius=math.hypot(*_HALF),
        is_open=False,
    )


def _walls(color: Color, plain: bool) -> tuple[Object, ...]:
    """Floor, ceiling and four walls, each a half-space that turns its face to the room."""
    boards = Grain(OAK, WALNUT, (0.6, 7.0, 1.0), octaves=4, seed=3)
    faded = toned(color, 0.35, 0.6)
    paper = Constant(IVORY) if plain else Stripes(IVORY, faded, (8.0, 8.0, 0.0), 3.0)
    x, y, z = _HALF
    sides: tuple[tuple[str, int, Vector, Vector, Material], ...] = (
        ("floor", 1, (0, 0, -z), (0, 0, 0), Material(boards, 0.15, 30.0)),
        ("ceiling", 2, (0, 0, z), (math.pi, 0, 0), Material(Constant(hex_color("f4f1ea")))),
        ("wall", 3, (x, 0, 0), (0, -math.pi / 2, 0), Material(paper)),
        ("wall", 3, (-x, 0, 0), (0, math.pi / 2, 0), Material(paper)),
        ("wall", 3, (0, y, 0), (math.pi / 2, 0, 0), Material(paper)),
        ("wall", 3, (0, -y, 0), (-math.pi / 2, 0, 0), Material(paper)),
    )
    return tuple(
        Object(name, Plane(), material, label, min(label, 3), position, turn, casts_shadow=False)
        for name, label, position, turn, material in sides
    )


def _sofa(color: Color) -> tuple[Object, ...]:
    """A sofa against the wall on its -x side."""
    seat = Union(
        (
            Placed(Rounded(Box((0.15, 0.32, 0.06)), 0.03), (0.03, 0, 0.11)),
            Placed(Rounded(Box((0.03, 0.32, 0.13)), 0.03), (-0.15, 0, 0.2)),
            Placed(Rounded(Box((0.15, 0.025, 0.11)), 0.03), (0.03, 0.33, 0.15)),
            Placed(Rounded(Box((0.15, 0.025, 0.11)), 0.03), (0.03, -0.33, 0.15)),
        ),
        blend=0.02,
    )
    cloth = Material(Grain(color, toned(color, 0.75), (9.0, 9.0, 9.0), octaves=2, seed=8))
    cushion = Object(
        "cushion", Ellipsoid((0.05, 0.1, 0.1)), Material(Constant(IVORY)), 5, position=(-0.06, 0.16, 0.28)
    )
    return (Object("sofa", seat, cloth, 5), cushion)


def _low_table() -> tuple[Object, ...]:
    """A round table on one leg with a bowl of fruit."""
    wood = Material(Grain(OAK, WALNUT, (1.0, 9.0, 9.0), octaves=4, seed=4), 0.3, 40.0)
    return (
        Object("table top", Cylinder(0.2, 0.015), wood, 4, position=(0, 0, 0.24)),
        Object("table leg", Cone(0.1, 0.03, 0.11), wood, 4, position=(0, 0, 0.115)),
        Object(
            "fruit",
            Ellipsoid((0.05, 0.04, 0.04)),
            Material(Constant(SAFFRON), 0.4, 30.0),
            4,
            position=(0.03, 0.05, 0.295),
        ),
        Object(
            "fruit", Sphere(0.042), Material(Constant(CORAL), 0.4, 30.0), 4, position=(-0.05, -0.03, 0.297)
        ),
    )


def _shelf(colors: list[Color]) -> tuple[Object, ...]:
    """A shelf with books, its back to the wall on its +y side."""
    wood = Material(Grain(OAK, WALNUT, (9.0, 1.0, 9.0), octaves=3, seed=5))
    boards = tuple(
        Object("board", Box((0.3, 0.08, 0.01)), wood, 6, position=(0, 0, z)) for z in (0.05, 0.3, 0.55)
    )
    sides = tuple(
        Object("side", Box((0.012, 0.08, 0.29)), wood, 6, position=(x, 0, 0.29)) for x in (-0.3, 0.3)
    )
    books = tuple(
        Object(
            "book",
            Box((0.02, 0.06, 0.07 + 0.012 * (i % 3))),
            Material(Constant(colors[i % len(colors)])),
            6,
            position=(-0.25 + 0.06 * i, 0, 0.38 + 0.012 * (i % 3)),
        )
        for i in range(8)
    )
    bowl = Object(
        "vase",
        Union((Sphere(0.06), Placed(Torus(0.03, 0.015), (0, 0, 0.06))), 0.03),
        Material(Constant(TEAL), 0.6, 50.0),
        6,
        position=(0, 0, 0.122),
    )
    return (*boards, *sides, *books, bowl)


def _lamp() -> tuple[Object, ...]:
    """A standing lamp."""
    shade = Material(Stripes(SAFFRON, IVORY, (0, 0, 12.0), 3.0))
    metal = Material(Constant(INK), 0.7, 50.0)
    return (
        Object("lamp shade", Cone(0.13, 0.08, 0.08), shade, 7, position=(0, 0, 0.72)),
        Object("lamp pole", Cylinder(0.012, 0.33), metal, 7, position=(0, 0, 0.33)),
        Object("lamp foot", Cylinder(0.1, 0.01), metal, 7, position=(0, 0, 0.01)),
    )


def _plant() -> tuple[Object, ...]:
    """A round bush in a pot."""
    leaves = Material(Grain(SAGE, hex_color("3f6140"), (12.0, 12.0, 12.0), octaves=2, seed=6))
    pot = Material(Stripes(CORAL, IVORY, (0, 0, 9.0), 3.0), 0.3, 30.0)
    return (
        Object("plant", Ellipsoid((0.15, 0.15, 0.2)), leaves, 10, position=(0, 0, 0.37)),
        Object("pot", Cone(0.07, 0.11, 0.09), pot, 10, position=(0, 0, 0.09)),
    )


def _picture(sky: Color, land: Color, seed: int) -> tuple[Object, ...]:
    """A framed painting on the wall behind it on its -y side."""
    painting = Material(Grain(sky, land, (2.0, 2.0, 5.0), octaves=3, seed=seed))
    frame = Material(Constant(WALNUT), 0.4, 40.0)
    return (
        Object("painting", Box((0.2, 0.012, 0.14)), painting, 9),
        Object("frame", Box((0.22, 0.008, 0.16)), frame, 9),
    )
