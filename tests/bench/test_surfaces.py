"""What is said of the mesh of a world that is known."""

import numpy as np
import torch

from rayloom.bench.surfaces import surface_rows
from rayloom.data.synthetic import family_world
from tests.baking.shining_ball import BallConfig, ShiningBall
from tests.export.known_fields import field_of, photographed, scene_of

CHAIR = family_world(0, "chair")


def test_the_mesh_of_the_world_itself_reaches_every_bar():
    made = photographed(CHAIR, num_views=24, size=64)
    scene = scene_of(made.capture)
    rows = {row.name: row for row in surface_rows(field_of(CHAIR, scene), scene, made)}
    assert [row.met for row in rows.values() if row.bar] == [True, True, True]
    chamfer, normals = (rows[f"mesh: {name}"].value for name in ("Chamfer distance", "normals off by"))
    assert chamfer is not None and chamfer < 1  # noqa: PT018
    assert normals is not None and normals < 2  # noqa: PT018
    assert rows["mesh: pieces"].note == "watertight"


def test_a_field_in_another_place_misses_them():
    made = photographed(CHAIR, num_views=24, size=64)
    scene = scene_of(made.capture)
    raw_from_true = np.diag([1.01, 1.01, 1.01, 1.0])
    raw_from_true[0, 3] = 0.01
    moved = field_of(CHAIR, scene, raw_from_true)
    rows = {row.name: row for row in surface_rows(moved, scene, made)}
    assert rows["mesh: too large by"].met is False
    assert rows["mesh: beside its place by"].met is False


def test_an_empty_field_is_a_row_that_says_why():
    made = photographed(CHAIR)
    scene = scene_of(made.capture)
    with torch.no_grad():
        (row,) = surface_rows(ShiningBall(BallConfig(density=0.0), scene.info), scene, made)
    assert row.value is None
    assert "empty" in row.note
