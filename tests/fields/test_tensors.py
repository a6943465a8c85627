import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rayloom.fields.tensors import CP, Factors, VectorMatrix, cp_components, vector_matrix_components

close = torch.testing.assert_close
ANISOTROPIC = (4, 6, 5)


def vector_matrix(resolution: tuple[int, int, int] = ANISOTROPIC) -> VectorMatrix:
    """Another rank for every axis."""
    return VectorMatrix(resolution, (1, 2, 3), scale=1.0).double()


def cp(resolution: tuple[int, int, int] = ANISOTROPIC) -> CP:
    return CP(resolution, 3, scale=1.0).double()


def cubic(resolution: tuple[int, int, int] = (5, 5, 5)) -> VectorMatrix:
    """Planes of one shape, which are sampled together."""
    return VectorMatrix(resolution, (2, 2, 2), scale=1.0).double()


every_kind = pytest.mark.parametrize("make", [vector_matrix, cp, cubic])


def inside(num: int = 20) -> Tensor:
    return 2 * torch.rand(num, 3, dtype=torch.float64) - 1


def nodes(resolution: tuple[int, int, int]) -> Tensor:
    """All nodes of a grid over [-1, 1]^3, in rows."""
    axes = [torch.linspace(-1, 1, n, dtype=torch.float64) for n in resolution]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 3)


def dense(factors: Factors) -> np.ndarray:
    """Every component at every node, multiplied out from its factors: components x, y, z."""
    lines = [line.detach().numpy() for line in factors.lines]
    if isinstance(factors, CP):
        return np.einsum("rx,ry,rz->rxyz", *lines)
    planes = [plane.detach().numpy() for plane in factors.planes]
    patterns = ("rx,rzy->rxyz", "ry,rzx->rxyz", "rz,ryx->rxyz")
    products = [
        np.einsum(pattern, line, plane) for pattern, line, plane in zip(patterns, lines, planes, strict=True)
    ]
    return np.concatenate(products)


@every_kind
def test_at_the_nodes_it_is_the_grid_that_is_never_built(make):
    factors = make()
    expected = dense(factors).reshape(factors.num_components, -1).T
    close(factors(nodes(factors.resolution)), torch.from_numpy(expected))


@every_kind
def test_between_nodes_lines_are_linear_and_planes_bilinear(make):
    factors, points = make(), inside()
    values = np.empty((len(points), factors.num_components))
    for row, point in enumerate(points.numpy()):
        place = (point + 1) / 2 * (np.array(factors.resolution) - 1)
        # A product of interpolated factors is the interpolated product where no axis is in both of them.
        corner = np.minimum(place.astype(int), np.array(factors.resolution) - 2)
        (x, y, z), (u, v, w) = corner, place - corner
        block = dense(factors)[:, x : x + 2, y : y + 2, z : z + 2]
        values[row] = np.einsum("rxyz,x,y,z->r", block, [1 - u, u], [1 - v, v], [1 - w, w])
    close(factors(points), torch.from_numpy(values))


@every_kind
def test_outside_of_the_box_values_are_those_of_its_wall(make):
    factors, points = make(), 3 * inside()
    close(factors(points), factors(points.clamp(-1, 1)))


def test_gradients_reach_factors_and_points():
    grids = (vector_matrix(), cubic())
    for grid in grids:
        factors = [f.detach().requires_grad_() for f in (*grid.planes, *grid.lines)]

        def of_vm(points: Tensor, *factors: Tensor) -> Tensor:
            return vector_matrix_components(factors[:3], factors[3:], points)

        # Derivatives jump at nodes, which random points do not hit.
        assert torch.autograd.gradcheck(of_vm, (inside(5).requires_grad_(), *factors))

    lines = [line.detach().requires_grad_() for line in cp().lines]
    assert torch.autograd.gradcheck(
        lambda points, *lines: cp_components(lines, points), (inside(5).requires_grad_(), *lines)
    )


@every_kind
def test_gradients_are_finite_at_corners_beyond_walls_and_for_zeros(make):
    factors = make()
    with torch.no_grad():
        for parameter in factors.parameters():
            parameter.zero_()
    points = torch.cat([nodes((2, 2, 2)), torch.full((1, 3), 1e6).double()]).requires_grad_()
    factors(points).sum().backward()
    for leaf in (points, *factors.parameters()):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


@every_kind
def test_twice_as_many_cells_hold_the_same_values(make):
    factors, points = make(), inside()
    finer = factors.upsampled([2 * n - 1 for n in factors.resolution])
    assert finer.resolution == tuple(2 * n - 1 for n in factors.resolution)
    close(finer(points), factors(points))
    assert all(parameter.requires_grad for parameter in finer.parameters())


@every_kind
def test_upsampled_factors_agree_where_old_nodes_see_new_ones(make):
    factors = make()
    finer = factors.upsampled((7, 9, 8))
    close(finer(nodes((7, 9, 8))), factors(nodes((7, 9, 8))))


@every_kind
def test_upsampling_leaves_the_old_factors_alone(make):
    factors = make()
    before = [parameter.clone() for parameter in factors.parameters()]
    finer = factors.upsampled(factors.resolution)
    for old, new, kept in zip(factors.parameters(), finer.parameters(), before, strict=True):
        close(new, old)
        with torch.no_grad():
            new.add_(1)
        assert torch.equal(old, kept)


@given(st.data())
def test_a_crop_has_the_same_values_in_a_smaller_box(data):
    factors = data.draw(st.sampled_from([vector_matrix, cp, cubic]))()
    first = [data.draw(st.integers(0, n - 2)) for n in factors.resolution]
    last = [data.draw(st.integers(low + 1, n - 1)) for low, n in zip(first, factors.resolution, strict=True)]
    smaller, points = factors.cropped(first, last), inside()
    assert smaller.resolution == tuple(high - low + 1 for low, high in zip(first, last, strict=True))
    cells = torch.tensor(factors.resolution).double() - 1
    low, high = (2 * torch.tensor(corner) / cells - 1 for corner in (first, last))
    close(smaller(points), factors(low + (points + 1) / 2 * (high - low)))


@every_kind
def test_weights_load_at_the_resolution_at_which_they_were_saved(make):
    saved, loaded, points = make().upsampled((9, 8, 7)), make(), inside()
    loaded.load_state_dict(saved.state_dict())
    assert loaded.resolution == (9, 8, 7)
    assert torch.equal(loaded(points), saved(points))


def test_weights_of_other_ranks_do_not_load():
    with pytest.raises(RuntimeError, match="size mismatch"):
        vector_matrix().load_state_dict(VectorMatrix(ANISOTROPIC, (2, 2, 3)).state_dict())


def test_factors_are_drawn_at_the_scale_that_is_asked_for():
    for made in (VectorMatrix((40, 50, 60), (8, 8, 8), 0.3), CP((4000, 4000, 4000), 8, 0.3)):
        for factor in (*made.planes, *made.lines):
            assert factor.std().item() == pytest.approx(0.3, rel=0.2)
            assert factor.min() < 0
    positive = VectorMatrix(ANISOTROPIC, (1, 2, 3), absolute=True)
    assert all(parameter.min() >= 0 for parameter in positive.parameters())
