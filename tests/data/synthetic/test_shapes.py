import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.data.synthetic.composition import Bent, Difference, Placed, Rounded, Union
from rayloom.data.synthetic.crossings import balls_met
from rayloom.data.synthetic.primitives import Box, Capsule, Cone, Cylinder, Ellipsoid, Plane, Sphere, Torus
from rayloom.data.synthetic.shape import Shape, sphere_trace

SOLIDS: dict[str, Shape] = {
    "sphere": Sphere(0.7),
    "ellipsoid": Ellipsoid((0.7, 0.4, 0.5)),
    "box": Box((0.5, 0.3, 0.6)),
    "cylinder": Cylinder(0.4, 0.6),
    "capsule": Capsule(0.3, 0.5),
    "cone": Cone(0.6, 0.0, 0.5),
    "cut cone": Cone(0.3, 0.6, 0.5),
}
COMPOSED: dict[str, Shape] = {
    "torus": Torus(0.5, 0.2),
    "rounded box": Rounded(Box((0.4, 0.2, 0.5)), 0.1),
    "placed": Placed(Cone(0.5, 0.1, 0.4), (0.2, -0.1, 0.1), (0.5, 1.0, -0.3)),
    "crossing bars": Union((Box((0.6, 0.1, 0.1)), Cylinder(0.2, 0.5))),
    "blended": Union((Placed(Sphere(0.3), (0.25, 0, 0)), Placed(Sphere(0.3), (-0.25, 0, 0))), blend=0.2),
    "hollow": Difference(Box((0.4, 0.4, 0.4)), Sphere(0.5)),
    "bent": Bent(Capsule(0.1, 0.3), 1.2),
}
ALL = SOLIDS | COMPOSED | {"plane": Plane()}
seeds = st.integers(0, 2**31)
each = pytest.mark.parametrize("name", ALL)


def _rays(seed: int, n: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Rays from places inside and outside of the bodies, all aimed near the origin."""
    g = torch.Generator().manual_seed(seed)
    origins = torch.randn(n, 3, generator=g, dtype=torch.float64) * torch.rand(n, 1, generator=g).double() * 2
    aims = 0.4 * torch.randn(n, 3, generator=g, dtype=torch.float64)
    return origins, torch.nn.functional.normalize(aims - origins, dim=-1)


def _first_crossing_by_small_steps(
    shape: Shape, origins: torch.Tensor, directions: torch.Tensor
) -> torch.Tensor:
    """The reference: walk in steps of 1/200, then halve the interval in which the sign changes."""
    edges = torch.linspace(1e-4, 8, 1600, dtype=torch.float64)
    points = origins[:, None] + edges[:, None] * directions[:, None]
    inside = shape.distance(points) < 0
    change = inside[:, 1:] != inside[:, :-1]
    step = change.double().argmax(-1)
    low, high = edges[step], edges[step + 1]
    was = inside.gather(1, step[:, None])[:, 0]
    for _ in range(40):
        middle = (low + high) / 2
        same = (shape.distance(origins + middle[:, None] * directions) < 0) == was
        low, high = torch.where(same, middle, low), torch.where(same, high, middle)
    return torch.where(change.any(-1), (low + high) / 2, torch.inf)


@each
@given(seed=seeds)
@settings(deadline=None, max_examples=5)
def test_distances_never_overshoot(name: str, seed: int):
    shape = ALL[name]
    g = torch.Generator().manual_seed(seed)
    reach = min(shape.reach, 1.0)
    a, b = (torch.rand(500, 3, generator=g, dtype=torch.float64) * 2 - 1 for _ in range(2))
    a, b = a * reach / math.sqrt(3), b * reach / math.sqrt(3)
    change = (shape.distance(a) - shape.distance(b)).abs()
    assert bool((change <= torch.linalg.vector_norm(a - b, dim=-1) + 1e-12).all())


@each
def test_crossings_are_where_small_steps_find_them(name: str):
    shape = ALL[name]
    origins, directions = _rays(0)
    t = shape.intersect(origins, directions)
    expected = _first_crossing_by_small_steps(shape, origins, directions)
    # A ray may cut a corner between two steps of the reference, which ends at 8.
    differs = ~torch.isclose(t, expected, atol=1e-6) & (t.isinf() | (t < 7.9))
    assert int(differs.sum()) <= 4
    assert int(torch.isfinite(t).sum()) > 50


@pytest.mark.parametrize("name", SOLIDS)
@given(seed=seeds)
@settings(deadline=None, max_examples=5)
def test_tracing_by_distance_equals_the_closed_form(name: str, seed: int):
    shape = SOLIDS[name]
    origins, directions = _rays(seed)
    # Rays that graze converge too slowly to count.
    t, traced = shape.intersect(origins, directions), sphere_trace(shape, origins, directions)
    both = torch.isfinite(t) & torch.isfinite(traced)
    torch.testing.assert_close(traced[both], t[both], atol=1e-6, rtol=0)
    assert int((torch.isfinite(t) != torch.isfinite(traced)).sum()) <= 4


@pytest.mark.parametrize(
    ("shape", "origin", "t"),
    [
        (Sphere(0.5), (-2.0, 0.3, 0.0), 2 - 0.4),
        (Sphere(0.5), (0.1, 0.0, 0.0), 0.4),
        (Ellipsoid((0.6, 0.3, 0.2)), (-2.0, 0.0, 0.0), 1.4),
        (Box((0.5, 0.4, 0.3)), (-2.0, 0.1, 0.1), 1.5),
        (Box((0.5, 0.4, 0.3)), (-2.0, 0.5, 0.1), math.inf),
        (Cylinder(0.5, 0.2), (-2.0, 0.3, 0.1), 1.6),
        (Capsule(0.5, 0.2), (-2.0, 0.0, 0.5), 1.6),
        (Cone(0.6, 0.0, 0.5), (-2.0, 0.0, 0.0), 1.7),
        (Torus(0.5, 0.2), (-2.0, 0.0, 0.0), 1.3),
        (Torus(0.5, 0.2), (0.0, 0.0, 0.0), 0.3),
        (Rounded(Box((0.3, 0.3, 0.3)), 0.1), (-2.0, 0.2, 0.0), 1.6),
    ],
)
def test_a_ray_along_x_meets_the_surface_where_school_geometry_says(
    shape: Shape, origin: tuple[float, float, float], t: float
):
    got = shape.intersect(
        torch.tensor([origin], dtype=torch.float64), torch.tensor([[1.0, 0, 0]], dtype=torch.float64)
    )
    torch.testing.assert_close(got, torch.tensor([t], dtype=torch.float64), atol=1e-8, rtol=0)


def test_a_slanted_ray_meets_the_plane():
    down = torch.tensor([[0.6, 0.0, -0.8], [0.6, 0.0, 0.8]], dtype=torch.float64)
    t = Plane().intersect(torch.tensor([[0.0, 0, 2.0]] * 2, dtype=torch.float64), down)
    torch.testing.assert_close(t, torch.tensor([2.5, math.inf], dtype=torch.float64))


@each
def test_normals_are_the_slopes_of_the_distance(name: str):
    shape = ALL[name]
    origins, directions = _rays(1)
    t = shape.intersect(origins, directions)
    hit = torch.isfinite(t)
    points = (origins + t[:, None] * directions)[hit]
    step = 1e-6 * torch.eye(3, dtype=torch.float64)
    ahead, behind = (shape.distance(points[:, None] + sign * step) for sign in (1, -1))
    slope = (ahead - behind) / 2e-6
    smooth = torch.linalg.vector_norm(ahead + behind - 2 * shape.distance(points)[:, None], dim=-1) < 1e-10
    expected = torch.nn.functional.normalize(slope, dim=-1)
    assert int(smooth.sum()) > 50
    torch.testing.assert_close(shape.normals(points)[smooth], expected[smooth], atol=1e-4, rtol=0)


@each
def test_the_reach_holds_the_body(name: str):
    shape = ALL[name]
    if shape.reach == math.inf:
        return
    points = torch.randn(4000, 3, dtype=torch.float64)
    points = points / torch.linalg.vector_norm(points, dim=-1, keepdim=True) * (shape.reach + 1e-9)
    assert bool((shape.distance(points) >= 0).all())


@given(st.floats(-1.2, 1.2), seeds)
@settings(deadline=None, max_examples=20)
def test_bending_and_straightening_are_inverse(curvature: float, seed: int):
    g = torch.Generator().manual_seed(seed)
    points = (torch.rand(50, 3, generator=g, dtype=torch.float64) - 0.5) * 0.6
    bent = Bent(Capsule(0.1, 0.3), curvature)
    torch.testing.assert_close(bent.rest(bent.bend(points)), points, atol=1e-12, rtol=0)


def test_difference_cuts_and_union_joins():
    point = torch.tensor([[0.0, 0.0, 0.0], [0.55, 0.0, 0.0]], dtype=torch.float64)
    cut, joined = Difference(Sphere(0.6), Sphere(0.5)), Union((Sphere(0.5), Sphere(0.6)))
    assert (cut.distance(point) < 0).tolist() == [False, True]
    assert (joined.distance(point) < 0).tolist() == [True, True]


@given(seeds, st.floats(0, 0.05))
@settings(deadline=None, max_examples=20)
def test_culling_loses_no_ray_that_meets_a_ball(seed: int, spread: float):
    g = torch.Generator().manual_seed(seed)
    origins, directions = (x.float() for x in _rays(seed, 200))
    centers, radii = torch.randn(5, 3, generator=g) * 20, torch.rand(5, generator=g) * 5
    met = balls_met(origins, directions, centers, radii, spread)
    for center, radius, row in zip(centers, radii, met, strict=True):
        t = Sphere(float(radius)).intersect((origins - center).double(), directions.double())
        assert bool((row | ~torch.isfinite(t)).all())
        assert spread > 0 or not bool(row.all()) or bool(torch.isfinite(t).all())
