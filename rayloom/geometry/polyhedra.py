"""Directions spread evenly over the sphere: the corners of regular solids with tessellated faces."""

from itertools import combinations, product
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Solid = Literal["icosahedron", "octahedron"]
"""The regular solids with triangular faces and, for each corner, one opposite to it."""


def solid_directions(solid: Solid, factor: int) -> Float[Tensor, "3 k"]:
    """Unit vectors, one in each column, to the corners of a solid, of every opposite pair only the first.

    Each edge is cut into `factor` parts, each face into factor² triangles, and their corners are pushed
    out to the sphere (Barron et al. 2022, supplement). The icosahedron gives 6 directions for factor 1 and
    21 for factor 2; the octahedron gives the identity for factor 1.
    """
    assert factor >= 1, factor
    steps = [(i, j, factor - i - j) for i in range(factor, -1, -1) for j in range(factor - i, -1, -1)]
    barycentric = torch.tensor(steps, dtype=torch.float64) / factor
    corners = functional.normalize((barycentric @ _faces(solid)).flatten(0, 1), dim=-1)
    # Faces share corners and edges, and each of these has its opposite.
    same_line = (corners @ corners.mT).abs() > 1 - 1e-9
    first = ~same_line.tril(-1).any(-1)
    return corners[first].mT.to(torch.get_default_dtype())


def _faces(solid: Solid) -> Float[Tensor, "faces 3 3"]:
    """The corners of each face: all triples of corners that are neighbours of each other."""
    corners = _corners(solid)
    distances = (corners[:, None] - corners).square().sum(-1)
    near = distances < 1.01 * distances[distances > 0].min()
    triples = [
        (i, j, k)
        for i, j, k in combinations(range(len(corners)), 3)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    return corners[torch.tensor(triples)]


def _corners(solid: Solid) -> Float[Tensor, "corners 3"]:
    if solid == "octahedron":
        axes = torch.eye(3, dtype=torch.float64)
        return torch.cat([axes, -axes])
    golden = (1 + 5**0.5) / 2
    rectangle = [(x, 0.0, z * golden) for x, z in product((-1, 1), repeat=2)]
    turned = [point[shift:] + point[:shift] for shift in range(3) for point in rectangle]
    return torch.tensor(turned, dtype=torch.float64)
