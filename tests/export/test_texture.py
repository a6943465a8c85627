"""A surface laid flat: every texel shows the place that its own coordinates say."""

import numpy as np

from rayloom.export.surface import Surface
from rayloom.export.texture import filled, texels, unwrap
from tests.export.test_manifold import joined


def cube(offset: float = 0.0) -> Surface:
    """A cube far from the origin, where floats hold few digits."""
    made = joined((0, 0, 0))
    return Surface(made.vertices + offset, made.faces)


def test_the_picture_shows_each_place_at_its_coordinates():
    surface = cube()
    flat = unwrap(surface, 256)
    places = texels(flat)
    picture = filled(places.points, places, flat.size)
    width, height = flat.size
    # The middle of each face, looked up like a viewer does.
    uv = flat.uv[flat.surface.faces].mean(1)
    row, column = ((1 - uv[:, 1]) * height).astype(int), (uv[:, 0] * width).astype(int)
    middles = flat.surface.vertices[flat.surface.faces].mean(1)
    assert np.abs(picture[row, column] / 255 - middles).max() < 0.02


def test_texels_cover_the_surface_evenly():
    flat = unwrap(cube(1000.0), 256)
    places = texels(flat)
    share = len(places.rows) / (flat.size[0] * flat.size[1])
    assert 0.3 < share <= 1
    on_a_side = np.isclose(places.points % 1, 0, atol=1e-6) | np.isclose(places.points % 1, 1, atol=1e-6)
    assert on_a_side.any(-1).all()
    counts = [(np.abs(places.normals[:, axis]) > 0.57).mean() for axis in range(3)]
    assert min(counts) > 0.2
    assert len(np.unique(places.rows * flat.size[0] + places.columns)) == len(places.rows)


def test_faces_of_the_cut_surface_are_those_of_the_whole():
    surface = cube()
    flat = unwrap(surface, 64)
    np.testing.assert_allclose(
        np.sort(flat.surface.vertices[flat.surface.faces].sum((1, 2))),
        np.sort(surface.vertices[surface.faces].sum((1, 2))),
    )


def test_empty_texels_take_the_nearest_colour():
    flat = unwrap(cube(), 64)
    places = texels(flat)
    colors = np.broadcast_to([0.2, 0.4, 1.0], (len(places.rows), 3)).astype(np.float64)
    assert (filled(colors, places, flat.size) == [51, 102, 255]).all()
