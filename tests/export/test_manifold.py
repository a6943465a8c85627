"""Sheets that touch come apart, and nothing moves."""

import numpy as np

from rayloom.export.manifold import apart, is_watertight
from rayloom.export.surface import Surface

FRONT_AND_BACK = [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4]]
SIDES = [[2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]]
CUBE = np.array([*FRONT_AND_BACK, *SIDES])
CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float64)


def joined(*offsets: tuple[int, int, int]) -> Surface:
    """Unit cubes at some places; corners in one place are one vertex."""
    vertices = np.concatenate([CORNERS + offset for offset in offsets])
    faces = np.concatenate([CUBE + 8 * i for i in range(len(offsets))])
    places, number = np.unique(vertices, axis=0, return_inverse=True)
    return Surface(places, number.ravel()[faces])


def corners(surface: Surface) -> np.ndarray:
    """Where the corners of all faces are, in an order of their own."""
    flat = surface.vertices[surface.faces].reshape(len(surface.faces), -1)
    return flat[np.lexsort(flat.T)]


def test_a_cube_is_closed_and_one_without_a_face_is_not():
    cube = joined((0, 0, 0))
    assert is_watertight(cube)
    assert not is_watertight(Surface(cube.vertices, cube.faces[1:]))
    assert not is_watertight(Surface(cube.vertices, cube.faces[:, ::-1][[0, 0]]))
    assert apart(Surface(cube.vertices, cube.faces[1:])).faces.shape == (11, 3)


def test_cubes_that_share_an_edge_come_apart():
    touching = joined((0, 0, 0), (1, 1, 0))
    assert not is_watertight(touching)
    freed = apart(touching)
    assert is_watertight(freed)
    assert len(freed.vertices) == 16
    np.testing.assert_array_equal(corners(freed), corners(touching))


def test_cubes_that_share_a_corner_come_apart():
    freed = apart(joined((0, 0, 0), (1, 1, 1)))
    assert is_watertight(freed)
    assert len(freed.vertices) == 16


def test_three_cubes_around_an_edge_stay_one_where_they_share_faces():
    touching = joined((0, 0, 0), (1, 1, 0), (0, 0, 1), (1, 1, 1), (2, 0, 0))
    assert is_watertight(apart(touching))


def test_faces_that_lie_on_each_other_vanish():
    cube = joined((0, 0, 0))
    flap = np.array([[0, 3, 5], [5, 3, 0], [1, 1, 2]])
    folded = Surface(cube.vertices, np.concatenate([cube.faces, flap]))
    freed = apart(folded)
    assert is_watertight(freed)
    np.testing.assert_array_equal(corners(freed), corners(cube))


def test_a_ring_that_pinches_itself_gets_a_vertex_in_the_middle_of_an_edge():
    # Four cubes around a hole whose first and last touch along an edge: both ends of it are joined elsewhere.
    ring = joined((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1), (0, 0, 1))
    assert is_watertight(apart(ring))
