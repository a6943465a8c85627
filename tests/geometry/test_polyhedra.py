import math

import pytest
import torch

from rayloom.geometry.polyhedra import solid_directions

close = torch.testing.assert_close


def test_the_octahedron_gives_the_axes_themselves():
    assert torch.equal(solid_directions("octahedron", 1), torch.eye(3))


# A geodesic sphere has 10 f² + 2 corners for the icosahedron and 4 f² + 2 for the octahedron.
@pytest.mark.parametrize(("solid", "faces"), [("icosahedron", 20), ("octahedron", 8)])
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_half_of_the_corners_of_a_geodesic_sphere_are_unit_and_on_different_lines(solid, faces, factor):
    directions = solid_directions(solid, factor)
    assert directions.shape == (3, (faces // 2 * factor**2 + 2) // 2)
    close(directions.norm(dim=0), torch.ones(directions.shape[1]))
    between = (directions.mT @ directions).abs() - torch.eye(directions.shape[1])
    assert between.max() < math.cos(0.5 / factor)


def test_the_paper_uses_21_directions():
    assert solid_directions("icosahedron", 1).shape == (3, 6)
    assert solid_directions("icosahedron", 2).shape == (3, 21)


def test_lines_to_the_corners_of_an_icosahedron_are_equiangular():
    directions = solid_directions("icosahedron", 1)
    angles = (directions.mT @ directions).abs() - torch.eye(6)
    close(angles, (1 - torch.eye(6)) / math.sqrt(5))


@pytest.mark.parametrize(
    ("solid", "factor"), [("icosahedron", 1), ("icosahedron", 2), ("icosahedron", 3), ("octahedron", 2)]
)
def test_directions_favour_no_axis(solid, factor):
    directions = solid_directions(solid, factor)
    close(directions @ directions.mT, directions.shape[1] / 3 * torch.eye(3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_icosahedron_looks_the_same_in_a_mirror(axis):
    directions = solid_directions("icosahedron", 2)
    mirrored = directions.clone()
    mirrored[axis] *= -1
    close((mirrored.mT @ directions).abs().amax(1), torch.ones(21))
