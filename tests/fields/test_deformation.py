import pytest
import torch

from rayloom.fields.deformation import DeformationField, Movement
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.geometry.transforms import apply, se3_exp

close = torch.testing.assert_close
movements = pytest.mark.parametrize("movement", ["translation", "screw"])


def field(movement: Movement, *, moves: bool = True) -> DeformationField:
    torch.manual_seed(0)
    made = DeformationField(FrequencyEncoding(2), code_size=2, width=16, depth=6, movement=movement).double()
    if moves:
        torch.nn.init.normal_(made.head.weight, std=0.3)
    return made


def places() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(3, 5, 3, generator=generator, dtype=torch.float64)
    return points, torch.randn(3, 2, generator=generator, dtype=torch.float64)


@movements
def test_at_first_almost_nothing_moves_but_something_can(movement: Movement):
    points, codes = places()
    untrained = field(movement, moves=False)
    moved = untrained(points, codes)
    assert 0 < (moved - points).abs().max() < 1e-2
    moved.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in untrained.parameters())


def test_the_output_is_added_or_is_the_twist_of_a_rigid_map():
    points, codes = places()
    for movement in ("translation", "screw"):
        made = field(movement)
        given = torch.cat([made.position(points), codes[:, None].expand(3, 5, 2)], dim=-1)
        output = made.head(made.trunk(given))
        expected = points + output if movement == "translation" else apply(se3_exp(output), points)
        close(made(points, codes), expected)


@movements
def test_places_of_a_ray_share_its_code_and_depend_on_it(movement: Movement):
    made, (points, codes) = field(movement), places()
    close(made(points, codes)[1, 2], made(points[1:2, 2:3], codes[1:2])[0, 0])
    assert not torch.allclose(made(points, codes), made(points, codes + 1))


@movements
def test_the_jacobian_is_that_of_automatic_differentiation_place_by_place(movement: Movement):
    made, (points, codes) = field(movement), places()
    jacobians = made.jacobian(points[:, 0], codes)
    for point, code, jacobian in zip(points[:, 0], codes, jacobians, strict=True):
        expected = torch.autograd.functional.jacobian(lambda x: made(x[None], code)[0], point)  # noqa: B023
        close(jacobian, expected)


@movements
def test_the_jacobian_can_be_trained_also_where_no_gradient_was_asked_for(movement: Movement):
    made, (points, codes) = field(movement), places()
    with torch.no_grad():
        jacobians = made.jacobian(points[:, 0], codes)
    jacobians.square().sum().backward()
    gradient = next(made.trunk.parameters()).grad
    assert gradient is not None
    assert gradient.any()
