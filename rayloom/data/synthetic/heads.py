"""A talking head in front of a wall."""

import math

import numpy as np
from numpy.typing import NDArray

from rayloom.data.synthetic.composition import Difference, Placed, Union
from rayloom.data.synthetic.primitives import Capsule, Ellipsoid, Plane, Sphere
from rayloom.data.synthetic.shape import Vector
from rayloom.data.synthetic.still_life import INK, IVORY, SKY, TEAL
from rayloom.data.synthetic.textures import Color, Constant, Grain, Material, Stripes, hex_color, toned
from rayloom.data.synthetic.world import Object, Sun, World, group

HEAD_LABELS = ("nothing", "wall", "clothes", "skin", "hair", "eye", "mouth")


def head_world(seed: int = 0, *, mouth: float = 0.3, brow: float = 0.0, turn: float = 0.0) -> World:
    """A head that faces -y: `mouth` opens from 0 to 1, `brow` lifts from -1 to 1, `turn` is a yaw in radians.

    The seed gives the person; shoulders and wall keep still.
    """
    rng = np.random.default_rng(seed)
    skin = toned(hex_color("e0ac86"), rng.uniform(0.55, 1.1))
    hair = toned(hex_color("5b3a22"), rng.uniform(0.4, 1.6))
    wide, tall = rng.uniform(0.36, 0.43), rng.uniform(0.5, 0.56)
    head = _head(skin, hair, wide, tall, mouth, brow)
    shirt = Material(Stripes(TEAL, IVORY, (0.0, 0.0, 5.0), 3.0))
    wall = Material(Grain(SKY, hex_color("6f8fa8"), (1.2, 1.2, 1.2), octaves=2, seed=seed))
    return World(
        "head",
        (
            *group(head, (0.0, 0.0, 0.1), turn, 3),
            Object("shoulders", Ellipsoid((0.72, 0.34, 0.32)), shirt, 2, 2, position=(0, 0.08, -0.75)),
            Object("neck", Capsule(0.15, 0.2), Material(Constant(skin)), 3, 2, position=(0, 0.06, -0.4)),
            Object("wall", Plane(), wall, 1, 1, (0, 0.9, 0), (math.pi / 2, 0, 0), casts_shadow=False),
        ),
        (Sun((0.5, -0.9, 0.7), (1.5, 1.4, 1.25), 0.15),),
        labels=HEAD_LABELS,
        radius=4.0,
        is_open=False,
    )


def head_signals(num_frames: int, seed: int = 0) -> NDArray[np.float64]:
    """Smooth random `mouth`, `brow` and `turn` of each frame, n x 3, in the ranges of `head_world`."""
    rng = np.random.default_rng(seed)
    frame = np.arange(num_frames)[:, None, None] / 25
    waves = np.sin(2 * math.pi * (frame * rng.uniform(0.2, 1.6, (3, 4)) + rng.uniform(0, 1, (3, 4)))).mean(-1)
    mouth, brow, turn = np.clip(1.6 * waves, -1, 1).T
    return np.stack([0.5 + 0.5 * mouth, brow, 0.35 * turn], -1)


def _head(
    skin: Color, hair: Color, wide: float, tall: float, mouth: float, brow: float
) -> tuple[Object, ...]:
    """Skull with nose, ears and a mouth that is a hole, eyes, brows and hair."""
    face = Union(
        (
            Ellipsoid((wide, 0.44, tall)),
            Placed(Ellipsoid((0.055, 0.1, 0.1)), (0, -0.43, -0.02)),
            Placed(Sphere(0.08), (wide, 0, 0)),
            Placed(Sphere(0.08), (-wide, 0, 0)),
        ),
        blend=0.08,
    )
    hole = Placed(Ellipsoid((0.13, 0.12, 0.015 + 0.09 * mouth)), (0, -0.4, -0.24 - 0.02 * mouth))
    strands = Material(Grain(hair, toned(hair, 0.5), (9.0, 9.0, 1.5), octaves=2), 0.3, 20.0)
    cap = Difference(
        Ellipsoid((wide + 0.05, 0.49, tall + 0.05)), Placed(Ellipsoid((0.6, 0.5, 0.62)), (0, -0.36, -0.2))
    )
    inside = Object(
        "mouth",
        Ellipsoid((0.15, 0.1, 0.11)),
        Material(Constant(hex_color("7a2230"))),
        6,
        position=(0, -0.23, -0.24),
    )
    parts = [
        Object("skull", Difference(face, hole), Material(Constant(skin), 0.2, 15.0), 3),
        inside,
        Object("cap", cap, strands, 4),
    ]
    for side in (-1, 1):
        place: Vector = (0.16 * side, -0.36, 0.09)
        look: Vector = (0.16 * side, -0.415, 0.09)
        arch: Vector = (0.16 * side, -0.385, 0.2 + 0.05 * brow)
        tilt: Vector = (0.0, math.pi / 2 + side * (0.15 - 0.2 * brow), 0.0)
        parts.append(Object("eye", Sphere(0.07), Material(Constant(IVORY), 0.8, 80.0), 5, position=place))
        parts.append(Object("iris", Sphere(0.034), Material(Constant(INK), 0.8, 80.0), 5, position=look))
        parts.append(Object("brow", Capsule(0.022, 0.07), strands, 4, position=arch, turn=tilt))
    return tuple(parts)
