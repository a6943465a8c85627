from dataclasses import replace

import pytest
import torch

from rayloom.fields.hash_field import HashField
from rayloom.geometry.boxes import Box
from rayloom.kernels import HashGridLayout, StepRule, occupancy_bits, use_reference
from rayloom.kernels.fused import Space
from rayloom.types import Rays

BOX = Box(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 2.0, 3.0]))

FULL = torch.ones(1, 8, 8, 8, dtype=torch.bool)
SPACE = Space(occupancy_bits(FULL, (0.0, 0.0, 1.5), (1.0, 2.0, 1.5)), StepRule(0.1))


def rays_ahead(height: int, width: int) -> Rays:
    """Rays from below through the box, each in a direction of its own."""
    y, x = torch.meshgrid(torch.linspace(-0.5, 0.5, height), torch.linspace(-0.5, 0.5, width), indexing="ij")
    directions = torch.nn.functional.normalize(torch.stack([x, y, torch.ones_like(x)], dim=-1), dim=-1)
    origins, zero = torch.tensor([0.0, 0.0, -1.0]).expand_as(directions), torch.zeros_like(x)
    index, pixels = torch.full_like(x, -1, dtype=torch.int64), torch.stack([x, y], dim=-1)
    return Rays(origins, directions, directions, zero, zero + 9, zero, index, pixels, zero)


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


@pytest.mark.parametrize(("share", "levels"), [(0.0, 4), (0.2, 4), (0.25, 5), (0.99, 7), (1.0, 8)])
def test_finer_levels_that_are_held_back_are_empty_and_the_others_as_they_were(share, levels):
    made = field()
    before, first_held = made.table.detach().clone(), [*made.layout.levels, None][levels]
    made.hold_back(share)
    kept = len(before) if first_held is None else first_held.offset
    assert torch.equal(made.table[:kept], before[:kept])
    assert (made.table[kept:] == 0).all()


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
    torch.nn.init.normal_(made.codes.weight)
    directions = torch.nn.functional.normalize(torch.randn(2, 3), dim=-1)
    view = made.view(directions, torch.tensor([1, -1]))
    torch.testing.assert_close(view[0, 16:], made.codes.weight[1])
    torch.testing.assert_close(view[1, 16:], made.codes.weight.mean(0))


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
    points = 3 * torch.randn(200, 3)
    with torch.no_grad(), use_reference():
        composed, _ = made.geometry(points)
    torch.testing.assert_close(fused.density_at(points, SPACE), composed, rtol=1e-4, atol=1e-5)
    assert torch.equal(made.quick_density(points, SPACE), fused.density_at(points, SPACE))


def test_without_a_kernel_the_quick_density_is_the_composed_one_and_there_is_no_fused_image(
    monkeypatch: pytest.MonkeyPatch,
):
    made = field()
    monkeypatch.setattr(made, "fused", lambda: None)
    points = torch.rand(9, 3)
    assert torch.equal(made.quick_density(points, SPACE), made.geometry(points)[0])
    assert made.fused_image(rays_ahead(2, 3), torch.ones(3), SPACE) is None


def test_a_fused_image_is_that_of_its_rays_row_after_row():
    made, rays = field(initial_density=5.0), rays_ahead(4, 5)
    image, fused = made.fused_image(rays, torch.tensor([0.2, 0.4, 0.6]), SPACE), made.fused()
    assert image is not None
    assert fused is not None
    background = torch.tensor([0.2, 0.4, 0.6]).expand(20, 3)
    rgb, opacity, depth = fused.render(rays.reshape(20), background, SPACE, torch.full((20,), 0.5))
    assert opacity.max() > 0.1
    assert torch.equal(image.rgb, rgb.reshape(4, 5, 3))
    assert torch.equal(image.opacity, opacity.reshape(4, 5))
    assert torch.equal(image.depth, depth.reshape(4, 5))


def test_a_stranger_may_show_the_code_of_a_photo_in_a_fused_image_too():
    made, rays, white = field(num_codes=2, initial_density=5.0), rays_ahead(4, 5), torch.ones(3)
    codes = made.codes
    assert codes is not None
    torch.nn.init.normal_(codes.weight)
    rays = replace(rays, camera_index=torch.full((4, 5), -1))
    first = made.fused_image(replace(rays, camera_index=torch.zeros(4, 5, dtype=torch.long)), white, SPACE)
    mean = made.fused_image(rays, white, SPACE)
    with codes.showing(codes.weight[0].detach()):
        shown = made.fused_image(rays, white, SPACE)
    assert first is not None
    assert mean is not None
    assert shown is not None
    assert torch.equal(shown.rgb, first.rgb)
    assert (mean.rgb - first.rgb).abs().max() > 1e-3


def test_what_is_seen_from_several_sides_is_the_colour_from_each_of_them():
    made = field(num_codes=2)
    points = torch.rand(6, 3) * (BOX.high - BOX.low) + BOX.low
    directions = torch.nn.functional.normalize(torch.randn(6, 4, 3), dim=-1)
    nobody = torch.full((6,), -1)
    for j, seen in enumerate(made.seen(points, directions).unbind(1)):
        alone = made.color(made.geometry(points)[1], made.view(directions[:, j], nobody))
        torch.testing.assert_close(seen, alone)
