import torch
from torch import Tensor

from rayloom.fields.filtered_field import FilteredField
from rayloom.fields.filtering import gaussian_filter, gaussian_taps
from rayloom.fields.tensor_field import TensorField
from rayloom.geometry.boxes import Box

close = torch.testing.assert_close
BOX = Box(torch.tensor([-1.0, -0.5, -0.6]), torch.tensor([1.0, 0.9, 0.8]))


def filtered_field(width: float = 0.0, *, contracted: bool = False, normalized: bool = True) -> FilteredField:
    field = TensorField(
        BOX, 9, (2, 2, 2), (3, 3, 3), contracted=contracted, decomposition="vm", activation="softplus",
        num_features=4, width=8, octaves=1,
    )  # fmt: skip
    made = FilteredField(field, normalized=normalized).double()
    made.width.fill_(width)
    return made


def places(num: int = 50) -> Tensor:
    return 2.4 * torch.rand(num, 3, dtype=torch.float64) - 1.2


def test_without_a_width_it_is_the_field_itself_within_the_box_and_beyond():
    for contracted in (False, True):
        filtered, points = filtered_field(contracted=contracted), places()
        directions = torch.nn.functional.normalize(places(), dim=-1)
        close(filtered.density(points), filtered.field.density(points))
        close(filtered.color(points, directions), filtered.field.color(points, directions))


def test_a_width_filters_the_dense_grid_of_features():
    filtered = filtered_field(width=0.15)
    factors = filtered.field.density_factors
    nx, ny, nz = factors.resolution
    axes = [torch.linspace(-1, 1, n, dtype=torch.float64) for n in (nx, ny, nz)]
    nodes = torch.cartesian_prod(*axes)
    dense = factors(nodes).sum(-1).reshape(nx, ny, nz)
    expected = gaussian_filter(dense, 0.15 * (nx + ny + nz) / 3, (0, 1, 2))
    close(filtered.components(factors, nodes).sum(-1).reshape(nx, ny, nz), expected)
    assert (expected - dense).abs().max() > 1e-3


def test_density_alone_is_seen_under_a_scaled_filter():
    points = places()
    wide, narrow = filtered_field(width=0.2), filtered_field(width=0.05)
    narrow.field.load_state_dict(wide.field.state_dict())
    close(wide.density(points, 0.25), narrow.density(points))
    close(wide.density(points, 0.0), wide.field.density(points))
    assert not torch.equal(wide.density(points), narrow.density(points))


def test_factors_begin_positive_and_the_width_is_kept_with_them():
    filtered = filtered_field(width=0.1)
    assert all((factor >= 0).all() for factor in filtered.field.factors())
    other = filtered_field()
    other.load_state_dict(filtered.state_dict())
    assert torch.equal(other.density(points := places()), filtered.density(points))


def test_the_kernel_of_the_paper_makes_features_grow_on_each_of_three_axes():
    ours, theirs = filtered_field(), filtered_field(normalized=False)
    theirs.load_state_dict(ours.state_dict())
    factors, points = ours.field.density_factors, places() / 2
    for filtered in (ours, theirs):
        filtered.width.fill_(0.4 / (sum(factors.resolution) / 3))
    growth = gaussian_taps(0.4, normalized=False).sum() ** 3
    assert growth > 1.2
    close(theirs.components(factors, points), growth * ours.components(factors, points))
