"""The level is found whose surface the cameras see."""

from dataclasses import replace

import pytest
import torch

from rayloom.errors import InputError
from rayloom.export.frames import field_cameras
from rayloom.export.level import surface_level
from tests.export.known_fields import LEVEL, KnownField, ball_world, field_of, photographed, scene_of

WIDTH = 0.02


@pytest.fixture(scope="module")
def scene():
    return scene_of(photographed(ball_world()).capture)


def test_the_surface_of_the_level_is_the_one_that_is_seen(scene):
    level = surface_level(field_of(ball_world(), scene), field_cameras(_field(scene), scene), WIDTH)
    # A quarter of a cell is what steps along rays can tell.
    assert abs(torch.tensor(level / LEVEL).log()) < 0.4


def test_fog_before_the_surface_is_passed_over(scene):
    field = _field(scene)
    clear = field.density
    field.density = lambda points: clear(points) + 2.0  # pyright: ignore[reportAttributeAccessIssue]
    level = surface_level(field, field_cameras(field, scene), WIDTH)
    assert abs(torch.tensor(level / LEVEL).log()) < 0.4


def test_an_empty_field_is_named(scene):
    empty = KnownField(
        replace(scene.info, far=0.1), lambda points: points.norm(dim=-1) + 9, lambda points: points
    )
    with pytest.raises(InputError, match="the field: is empty"):
        surface_level(empty, field_cameras(empty, scene), WIDTH)


def _field(scene):
    return field_of(ball_world(), scene)
