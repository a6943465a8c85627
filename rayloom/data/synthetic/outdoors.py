"""The still life outdoors, among things that stand near and far, or in front of far things alone."""

import math
from dataclasses import replace

import numpy as np

from rayloom.data.synthetic.primitives import Box, Cone, Cylinder, Ellipsoid, Plane, Sphere
from rayloom.data.synthetic.still_life import (
    CORAL,
    INK,
    IVORY,
    PLUM,
    SAFFRON,
    SAGE,
    SKY,
    TEAL,
    WALNUT,
    object_world,
)
from rayloom.data.synthetic.textures import (
    Bands,
    Checker,
    Constant,
    Grain,
    Material,
    Spokes,
    Stripes,
    hex_color,
)
from rayloom.data.synthetic.world import Object, Sun, World, group

SKY_RADIUS = 200.0
PANORAMA_RADIUS = 20.0
_GROUND = -0.8


def unbounded_world(seed: int = 0) -> World:
    """The still life outdoors: a plain, things at 5 to 60 units all around, and a sky 200 units away."""
    rng = np.random.default_rng(seed)
    still_life = object_world(seed)
    # The table must shade the ground; alone, its things would throw their shadows through it.
    table_and_things = (
        replace(item, casts_shadow=item.casts_shadow or item.name == "table edge")
        for item in still_life.objects
    )
    wood = Material(Constant(WALNUT), 0.2, 30.0)
    foot = Object("foot", Cone(0.4, 0.08, 0.25), wood, 1, instance=1, position=(0, 0, -0.55))
    meadow = Grain(hex_color("8d9b62"), hex_color("5f7446"), (0.35, 0.35, 0.0), octaves=3, seed=seed)
    clouds = Grain(hex_color("f3f6f8"), hex_color("7fb0d8"), (0.003, 0.003, 0.012), octaves=3, seed=seed + 1)
    far: list[Object] = []
    count = 16
    for i in range(count):
        distance = 5 * 12 ** ((i + rng.uniform(0, 0.9)) / count)
        angle = 2.4 * i + rng.uniform(-0.3, 0.3)
        far.extend(_landmark(rng, i % 4, distance, angle, 100 + i))
    ground = Object("ground", Plane(), Material(meadow), 8, position=(0, 0, _GROUND), casts_shadow=False)
    sky = Object("sky", Sphere(SKY_RADIUS), Material(clouds, glows=True), 9, casts_shadow=False)
    return World(
        "unbounded",
        (*table_and_things, foot, *far, ground, sky),
        (Sun((0.55, -0.5, 0.72), (1.85, 1.7, 1.48), 0.05),),
        labels=(*still_life.labels, "ground", "sky", "house", "tree", "tower", "dome"),
        radius=SKY_RADIUS,
        is_open=False,
    )


def panorama_world(seed: int = 0) -> World:
    """The still life in the middle of a painted sphere of 20 units: sky, hills, and between them nothing.

    What is near and what is far are told apart by the label "panorama".
    """
    still_life = object_world(seed)
    low, high = (0.03, 0.03, 0.03), (0.03, 0.03, 0.06)
    fields = Grain(hex_color("c9b458"), hex_color("3f5a2f"), low, octaves=3, seed=seed, sharpness=2.0)
    clouds = Grain(hex_color("f3f6f8"), hex_color("4f86bd"), high, octaves=3, seed=seed + 1, sharpness=2.0)
    painting = Material(Bands(clouds, fields, ((-PANORAMA_RADIUS, 0.0),)), glows=True)
    labels = (*still_life.labels, "panorama")
    sphere = Object(
        "panorama", Sphere(PANORAMA_RADIUS), painting, labels.index("panorama"), casts_shadow=False
    )
    return World(
        "panorama",
        (*still_life.objects, sphere),
        still_life.lights,
        labels=labels,
        radius=PANORAMA_RADIUS,
        is_open=False,
    )


def _landmark(
    rng: np.random.Generator, kind: int, distance: float, angle: float, instance: int
) -> tuple[Object, ...]:
    """A house, tree, tower or dome as wide as about a tenth of its distance."""
    size = 0.09 * distance * rng.uniform(0.8, 1.2)
    color = (CORAL, SAFFRON, TEAL, PLUM, SKY, IVORY)[rng.integers(6)]
    windows = Material(Checker(color, INK, (size / 2.5, size / 2.5, size / 2.5)))
    tiles, bark = Material(Constant(CORAL)), Material(Constant(WALNUT))
    leaves = Material(Grain(SAGE, hex_color("3f6140"), (2 / size, 2 / size, 2 / size), octaves=2))
    storeys = Material(Stripes(color, IVORY, (0, 0, 0.9 / size), 5.0))
    ribs = Material(Spokes(color, IVORY, 8, 5.0), 0.3, 30.0)
    house = Object("house", Box((size, 0.8 * size, size)), windows, 10, position=(0, 0, size))
    roof = Object("roof", Cone(1.3 * size, 0.0, 0.4 * size), tiles, 10, position=(0, 0, 2.4 * size))
    trunk = Object("trunk", Cylinder(0.15 * size, 0.5 * size), bark, 11, position=(0, 0, 0.5 * size))
    crown = Object("crown", Ellipsoid((size, size, 1.2 * size)), leaves, 11, position=(0, 0, 1.9 * size))
    tower = Object("tower", Cylinder(0.5 * size, 2 * size), storeys, 12, position=(0, 0, 2 * size))
    dome = Object("dome", Sphere(1.2 * size), ribs, 13)
    parts = ((house, roof), (trunk, crown), (tower,), (dome,))[kind]
    return group(parts, (distance * math.cos(angle), distance * math.sin(angle), _GROUND), angle, instance)
