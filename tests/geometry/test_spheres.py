import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rayloom.geometry.spheres import distance_at_radius, outward_distance, points_beyond

close = torch.testing.assert_close


def rays(seed: int, num: int = 64, spread: float = 0.5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    origins = spread * torch.randn(num, 3, generator=generator, dtype=torch.float64)
    directions = torch.randn(num, 3, generator=generator, dtype=torch.float64)
    return origins, torch.nn.functional.normalize(directions, dim=-1)


def rotated_about(axis: Tensor, angle: Tensor, points: Tensor) -> Tensor:
    """Rodrigues' rotation, as the authors' code has it."""
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    along = (axis * points).sum(-1, keepdim=True) * axis
    return points * cos + torch.linalg.cross(axis, points) * sin + along * (1 - cos)


@given(st.integers(0, 1000))
def test_from_inside_the_sphere_the_way_out_ends_on_it(seed: int) -> None:
    origins, directions = rays(seed)
    inside = origins.norm(dim=-1) < 1
    t = outward_distance(origins, directions, torch.zeros(len(origins), dtype=torch.float64))
    ends = origins + t[:, None] * directions
    close(ends[inside].norm(dim=-1), torch.ones(int(inside.sum()), dtype=torch.float64))
    assert (t[inside] > 0).all()


def test_a_ray_that_misses_the_sphere_turns_outward_where_it_passes_the_centre() -> None:
    origins = torch.tensor([[2.0, -3.0, 0.0], [2.0, 3.0, 0.0], [0.0, -3.0, 0.0]])
    directions = torch.tensor([[0.0, 1.0, 0.0]]).expand(3, 3)
    # One passes at distance 2, one is past already, and one goes through the sphere and leaves it.
    close(outward_distance(origins, directions, torch.full((3,), 0.1)), torch.tensor([3.0, 0.1, 4.0]))


@given(st.integers(0, 1000))
def test_points_beyond_are_those_of_the_ray(seed: int) -> None:
    origins, directions = rays(seed, spread=0.3)
    inverse = torch.rand(len(origins), 5, dtype=torch.float64) * 0.9 + 1e-3
    places = points_beyond(origins, directions, inverse)
    t = distance_at_radius(origins, directions, inverse)
    on_ray = origins[:, None] + t[..., None] * directions[:, None]
    reached = (1 / inverse) > origins.norm(dim=-1, keepdim=True)
    close((places[..., :3] / places[..., 3:])[reached], on_ray[reached])
    close(places[..., :3].norm(dim=-1), torch.ones_like(inverse))


def test_points_beyond_are_those_of_the_rotation_in_the_paper() -> None:
    """The point where the ray leaves the sphere, turned about o x p by asin(b) - asin(b / r)."""
    origins, directions = rays(3, spread=0.3)
    radius = torch.full((len(origins),), 4.0, dtype=torch.float64)
    t = outward_distance(origins, directions, torch.zeros_like(radius))
    on_sphere = origins + t[:, None] * directions
    axis = torch.nn.functional.normalize(torch.linalg.cross(origins, on_sphere), dim=-1)
    middle = origins - (origins * directions).sum(-1, keepdim=True) * directions
    passing = middle.norm(dim=-1)
    angle = passing.asin() - (passing / radius).asin()
    turned = rotated_about(axis, angle, on_sphere)
    close(points_beyond(origins, directions, 1 / radius[:, None])[:, 0, :3], turned)


def test_infinity_is_the_direction_and_has_gradients() -> None:
    origins, directions = rays(0)
    origins.requires_grad_()
    places = points_beyond(origins, directions, torch.zeros(len(origins), 1, dtype=torch.float64))
    close(places[:, 0], torch.cat([directions, torch.zeros(len(origins), 1, dtype=torch.float64)], dim=-1))
    places.sum().backward()
    assert origins.grad is not None
    assert origins.grad.isfinite().all()


def test_a_ray_through_the_centre_reaches_a_radius_at_that_distance() -> None:
    direction = torch.tensor([[1.0, 2.0, -2.0]]) / 3
    t = distance_at_radius(torch.zeros(1, 3), direction, torch.tensor([[1.0, 0.5, 0.01]]))
    close(t, torch.tensor([[1.0, 2.0, 100.0]]))
    assert math.isfinite(float(points_beyond(torch.zeros(1, 3), direction, torch.ones(1, 1)).sum()))
