import pytest
import torch
from torch import Tensor

from rayloom.fields.tensor_field import TensorField, box_around
from rayloom.geometry.boxes import Box
from tests.methods.ball import OBJECT, UNBOUNDED

close = torch.testing.assert_close
BOX = Box(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 2.0, 1.0]))


def field(**settings: object) -> TensorField:
    chosen = {
        "contracted": False, "decomposition": "vm", "activation": "softplus",
        "num_features": 5, "width": 8, "octaves": 1,
    }  # fmt: skip
    return TensorField(BOX, 16, (1, 2, 3), (2, 2, 2), **(chosen | settings))  # type: ignore[arg-type]


def empty(made: TensorField) -> TensorField:
    """The same with features of zero everywhere."""
    for parameter in made.density_factors.parameters():
        torch.nn.init.zeros_(parameter)
    return made


def inside(num: int = 100) -> Tensor:
    return BOX.low + torch.rand(num, 3) * (BOX.high - BOX.low)


def test_the_box_fills_the_frame_of_the_factors():
    corners = torch.stack([BOX.low, BOX.high])
    close(field().unit(corners), torch.tensor([[-1.0] * 3, [1.0] * 3]))


def test_contracted_the_box_fills_the_middle_half_and_all_of_space_fits():
    made = field(contracted=True)
    corners = torch.stack([BOX.low, BOX.high])
    close(made.unit(corners), torch.tensor([[-0.5] * 3, [0.5] * 3]))
    assert made.unit(1e6 * torch.randn(100, 3)).abs().max() <= 1


def test_voxels_are_cubes_and_as_many_as_asked():
    nodes = field().nodes(16.0)
    assert nodes == [16, 32, 8]
    assert field().voxel_width == pytest.approx((2 / 15 + 4 / 31 + 1 / 7) / 3)


def test_a_box_has_two_nodes_along_an_edge_at_least():
    assert min(field().nodes(1.0)) == 2


def test_density_is_softplus_or_relu_of_the_sum_of_components():
    points = inside()
    soft, hard = field(), field(activation="relu")
    hard.load_state_dict(soft.state_dict())
    for factor in (*soft.density_factors.parameters(), *hard.density_factors.parameters()):
        with torch.no_grad():
            factor.copy_(10 * torch.randn_like(factor).sign())
    for made, activation in (
        (soft, lambda x: torch.nn.functional.softplus(x - 10)),
        (hard, lambda x: x.clamp(min=0)),
    ):
        features = made.density_factors(made.unit(points)).sum(-1)
        # The edges of the box are 2, 4 and 1 long: 75 over their mean.
        close(made.density(points), 75 / (7 / 3) * activation(features))
        assert (made.density(points) > 0).any()


def test_a_box_twice_as_large_has_half_the_density_and_so_the_same_pictures():
    made = empty(field())
    large = TensorField(
        Box(2 * BOX.low, 2 * BOX.high), 16, (1, 2, 3), (2, 2, 2), contracted=False, decomposition="vm",
        activation="softplus", num_features=5, width=8, octaves=1,
    )  # fmt: skip
    close(2 * empty(large).density(2 * inside()), made.density(inside()))


def test_beyond_a_box_is_nothing_and_fog_over_all_of_space_thins_with_distance():
    outward = torch.tensor([0.2, -1.0, 0.4]) * torch.tensor([1.0, 2.0, 0.5])
    distance = torch.tensor([0.0, 0.9, 2.0, 4.0, 30.0])
    points = torch.tensor([0.0, 0.0, 0.5]) + distance[:, None] * outward
    fog = empty(field(contracted=True)).density(points)
    close(fog, fog[0] / distance.clamp(min=1), rtol=1e-4, atol=0)
    assert torch.equal(empty(field()).density(points) > 0, distance <= 1)


def test_colours_are_in_range_and_depend_on_place_and_direction():
    made, points = field(), inside()
    up, east = torch.tensor([[0.0, 0.0, 1.0]]).expand(100, 3), torch.tensor([[1.0, 0.0, 0.0]]).expand(100, 3)
    rgb = made.color(points, up)
    assert ((rgb >= 0) & (rgb <= 1)).all()
    assert rgb.std(0).min() > 0
    assert not torch.allclose(rgb, made.color(points, east))


def test_no_points_have_no_density_and_no_colour_and_gradients_of_zero():
    made, nothing = field(), torch.zeros(0, 3)
    (made.density(nothing).sum() + made.color(nothing, nothing).sum()).backward()
    for parameter in made.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()


@pytest.mark.parametrize("decomposition", ["vm", "cp"])
def test_what_is_kept_looks_the_same_in_a_smaller_box(decomposition: str):
    made = field(decomposition=decomposition)
    kept = Box(torch.tensor([-0.31, -0.8, 0.3]), torch.tensor([0.45, 1.2, 2.0]))
    points = kept.low + torch.rand(100, 3) * (torch.tensor([0.45, 1.2, 1.0]) - kept.low)
    directions = torch.nn.functional.normalize(torch.randn(100, 3), dim=-1)
    before = made.density(points), made.color(points, directions)
    voxel = (BOX.high - BOX.low) / (torch.tensor(made.density_factors.resolution) - 1)
    made.shrink(kept)
    # Walls move outward to nodes, by less than a voxel, and never beyond the old box.
    assert (made.box.low <= kept.low).all()
    assert (made.box.low > kept.low - voxel).all()
    assert (made.box.high <= BOX.high).all()
    assert (made.box.high[:2] >= kept.high[:2]).all()
    close((made.density(points), made.color(points, directions)), before, rtol=1e-4, atol=1e-5)


def test_a_finer_grid_of_a_smaller_box_loads():
    saved, loaded = field(), field()
    saved.shrink(Box(torch.zeros(3), torch.ones(3)))
    saved.upsample(20.0)
    loaded.load_state_dict(saved.state_dict())
    points = torch.rand(50, 3)
    assert torch.equal(loaded.density(points), saved.density(points))
    assert loaded.box.low.tolist() == saved.box.low.tolist() != BOX.low.tolist()


def test_factors_and_networks_are_all_parameters():
    made = field()
    assert {*made.factors(), *made.networks()} == set(made.parameters())


def test_a_margin_makes_the_box_of_an_object_larger_about_its_middle():
    box = box_around(OBJECT, 1.5)
    close(box.low, 1.5 * torch.tensor(OBJECT.box_low))
    close(box.high, 1.5 * torch.tensor(OBJECT.box_high))
    close(box_around(UNBOUNDED, 1.5).high, torch.ones(3))
