import torch

from rayloom.fields.hash_field import HashField
from rayloom.geometry.boxes import Box
from rayloom.kernels import HashGridLayout, StepRule, occupancy_bits, use_reference
from rayloom.kernels.fused import Space

BOX = Box(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 2.0, 3.0]))


def field(*, contracted: bool = False, num_codes: int = 0, initial_density: float = 1.0) -> HashField:
    layout = HashGridLayout(8, 4, 10, 4, 32)
    made = HashField(layout, BOX, contracted=contracted, num_codes=num_codes, initial_density=initial_density)
    torch.nn.init.uniform_(made.table, -1, 1)
    return made


def test_the_box_fills_the_unit_cube():
    corners = torch.stack([BOX.low, BOX.high])
    torch.testing.assert_close(field().unit(corners), torch.tensor([[0.0] * 3, [1.0] * 3]))


def test_contracted_the_box_fills_the_middle_half_and_all_of_space_fits():
    made = field(contracted=True)
    corners = torch.stack([BOX.low, BOX.high])
    torch.testing.assert_close(made.unit(corners), torch.tensor([[0.25] * 3, [0.75] * 3]))
    far = made.unit(1e6 * torch.randn(100, 3))
    assert ((far >= 0) & (far <= 1)).all()


def test_before_training_density_is_what_was_asked():
    made = field(initial_density=0.3)
    torch.nn.init.zeros_(made.table)
    density, _ = made.geometry(torch.rand(10, 3))
    torch.testing.assert_close(density, torch.full((10,), 0.3))


def test_fog_over_all_of_space_thins_with_distance_and_blocks_as_much_in_every_fold():
    made = field(contracted=True, initial_density=0.3)
    torch.nn.init.zeros_(made.table)
    distance = torch.tensor([0.0, 0.9, 2.0, 4.0, 30.0])
    points = torch.tensor([0.0, 0.0, 1.5]) + distance[:, None] * torch.tensor(
        [0.2, -1.0, 0.5]
    ) * torch.tensor([1.0, 2.0, 1.5])
    density, _ = made.geometry(points)
    torch.testing.assert_close(density, 0.3 / distance.clamp(min=1), rtol=1e-4, atol=0)


def test_an_unknown_image_has_the_mean_of_all_codes():
    made = field(num_codes=3)
    assert made.codes is not None
    torch.nn.init.normal_(made.codes)
    directions = torch.nn.functional.normalize(torch.randn(2, 3), dim=-1)
    view = made.view(directions, torch.tensor([1, -1]))
    torch.testing.assert_close(view[0, 16:], made.codes[1])
    torch.testing.assert_close(view[1, 16:], made.codes.mean(0))


def test_gradients_reach_every_parameter():
    made = field(num_codes=2)
    density, features = made.geometry(torch.rand(50, 3) * (BOX.high - BOX.low) + BOX.low)
    directions = torch.nn.functional.normalize(torch.randn(50, 3), dim=-1)
    rgb = made.color(features, made.view(directions, torch.arange(50) % 2))
    (density.sum() + rgb.square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_fused_density_is_the_composed_density():
    made = field(contracted=True, initial_density=0.5)
    fused = made.fused()
    assert fused is not None
    center, half = (0.0, 0.0, 1.5), (1.0, 2.0, 1.5)
    space = Space(occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), center, half), StepRule(0.1))
    points = 3 * torch.randn(200, 3)
    with torch.no_grad(), use_reference():
        composed, _ = made.geometry(points)
    torch.testing.assert_close(fused.density_at(points, space), composed, rtol=1e-4, atol=1e-5)
