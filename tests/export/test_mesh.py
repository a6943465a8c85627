"""The mesh of a chair that is known exactly: how near its surface is, and how its normals turn."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from rayloom.data.synthetic import family_world
from rayloom.errors import InputError
from rayloom.export.frames import field_cameras, out_from_field
from rayloom.export.manifold import is_watertight
from rayloom.export.mesh import MeshSettings, make_mesh, moved
from rayloom.metrics.surfaces import surface_errors
from tests.export.known_fields import KnownField, field_of, photographed, scene_of

SETTINGS = MeshSettings(
    resolution=96, level=None, smoothing=0.0, faces=None, least_part=0.01, color="none", texture_size=64
)
CHAIR = family_world(0, "chair")
CHAIR_DISTANCE = partial(CHAIR.distance, time=0.0)


def test_the_mesh_of_a_chair_is_the_chair(record_property):
    made = photographed(CHAIR, num_views=24, size=64)
    scene = scene_of(made.capture)
    field = field_of(CHAIR, scene)
    result = make_mesh(field, field_cameras(field, scene), SETTINGS, lambda stage, share: None)
    mesh = moved(result.mesh, out_from_field(field, scene, raw=True))
    seen = torch.cat([view.points[view.mask] for view in (made.truth(i) for i in range(0, 24, 4))])
    found = surface_errors(mesh.surface.vertices, mesh.surface.faces, CHAIR_DISTANCE, seen.double().numpy())
    record_property("chamfer", found.chamfer)
    record_property("normal_deg", found.normal_deg)
    assert result.num_parts == 1
    assert is_watertight(mesh.surface)
    cell = 2 / SETTINGS.resolution
    # Mesh samples are a third of a cell apart, which the way back cannot fall below.
    assert found.chamfer < 0.35 * cell
    assert found.normal_deg < 2


def test_fewer_faces_stay_closed_and_near():
    made = photographed(CHAIR, num_views=12, size=48)
    scene = scene_of(made.capture)
    field = field_of(CHAIR, scene)
    fewer = replace(SETTINGS, faces=4000, level=50.0)
    result = make_mesh(field, field_cameras(field, scene), fewer, lambda stage, share: None)
    assert len(result.surface.faces) <= 4000
    assert is_watertight(result.surface)
    mesh = moved(result.mesh, out_from_field(field, scene, raw=True))
    found = surface_errors(mesh.surface.vertices, mesh.surface.faces, CHAIR_DISTANCE, mesh.surface.vertices)
    assert found.accuracy < 0.2 * 2 / SETTINGS.resolution


@pytest.mark.parametrize("color", ["vertices", "texture"])
def test_colours_are_those_of_the_field(color: str):
    made = photographed(CHAIR, num_views=12, size=48)
    scene = scene_of(made.capture)
    field = field_of(CHAIR, scene)
    options: Mapping[str, object] = {"resolution": 40, "level": 50.0, "faces": 2000, "texture_size": 256}
    settings = replace(SETTINGS, **options, color=color)  # pyright: ignore[reportArgumentType]
    mesh = make_mesh(field, field_cameras(field, scene), settings, lambda stage, share: None).mesh
    true = field.rgb(torch.from_numpy(mesh.surface.vertices).float()).numpy()
    if color == "vertices":
        assert mesh.colors is not None
        difference = np.abs(mesh.colors / 255 - true)
    else:
        assert mesh.picture is not None and mesh.uv is not None  # noqa: PT018
        height, width, _ = mesh.picture.shape
        row = ((1 - mesh.uv[:, 1]) * height).astype(int).clip(0, height - 1)
        column = (mesh.uv[:, 0] * width).astype(int).clip(0, width - 1)
        difference = np.abs(mesh.picture[row, column] / 255 - true)
    assert np.median(difference) < 0.01


def test_a_method_without_density_is_named():
    scene = scene_of(photographed(CHAIR).capture)
    field = field_of(CHAIR, scene)
    field.density = super(KnownField, field).density  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(InputError, match="KnownField: has no mesh: KnownField does not offer density"):
        make_mesh(field, field_cameras(field, scene), SETTINGS, lambda stage, share: None)
