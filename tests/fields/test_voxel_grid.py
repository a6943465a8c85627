import pytest
import torch
from torch import Tensor

from rayloom.fields.voxel_grid import VoxelGrid, sampled_variation
from rayloom.geometry.boxes import Box
from rayloom.geometry.directions import spherical_harmonics

close = torch.testing.assert_close
BOX = Box(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 2.0, 1.0]))


def grid(resolution: int = 6, *, contracted: bool = False) -> VoxelGrid:
    made = VoxelGrid(BOX, resolution, degree=1, contracted=contracted, first_density=0.0)
    with torch.no_grad():
        made.raw_density.uniform_(-1, 2)
        made.harmonics.normal_()
    return made


def inside(num: int = 100) -> Tensor:
    return BOX.low + torch.rand(num, 3) * (BOX.high - BOX.low)


def nodes_of(made: VoxelGrid) -> Tensor:
    """World points of all nodes with values, in the order of their rows."""
    last = torch.tensor(made.rows.shape) - 1
    return BOX.low + made.places(torch.arange(len(made.raw_density))) / last * (BOX.high - BOX.low)


def test_voxels_are_cubes_and_as_many_as_asked() -> None:
    assert grid(16).nodes(16) == (16, 32, 8)
    assert min(grid().nodes(1)) == 2


def test_a_node_has_its_own_density_and_colour() -> None:
    made = grid()
    points, view = (
        nodes_of(made),
        torch.nn.functional.normalize(torch.randn(len(made.raw_density), 3), dim=-1),
    )
    close(made.density(points), made.raw_density.relu(), atol=1e-4, rtol=1e-4)
    sums = (made.harmonics.reshape(-1, 3, 4) * spherical_harmonics(view)[:, None, :4]).sum(-1)
    close(made.color(points, view), (0.5 + sums).clamp(min=0), atol=1e-4, rtol=1e-4)


def test_values_are_trilinear_between_nodes() -> None:
    """A function that is linear along each axis is met exactly."""
    made = grid()
    with torch.no_grad():
        x, y, z = nodes_of(made).unbind(-1)
        made.raw_density.copy_(5 + x * y - z + 2 * x * y * z)
    x, y, z = inside().unbind(-1)
    close(made.density(torch.stack([x, y, z], -1)), 5 + x * y - z + 2 * x * y * z, atol=1e-4, rtol=1e-4)


def test_a_box_ends_and_contracted_space_does_not() -> None:
    far_away = torch.tensor([[0.0, 0.0, 1.1], [30.0, 0.0, 0.5]])
    bounded, endless = grid(), grid(contracted=True)
    for made in (bounded, endless):
        torch.nn.init.ones_(made.raw_density)
    assert (bounded.density(far_away) == 0).all()
    # In the frame of the box, at distance 30 along x, a world unit is a thirtieth as long.
    close(endless.density(far_away)[1], torch.tensor(1 / 30))


def test_gradients_are_those_of_differences() -> None:
    made, points = grid(3).double(), inside(5).double()
    view = torch.nn.functional.normalize(torch.randn(5, 3).double(), dim=-1)
    made.box_low, made.box_high = made.box_low.double(), made.box_high.double()

    def looked_up(density: Tensor, harmonics: Tensor) -> tuple[Tensor, Tensor]:
        tables = {"raw_density": density, "harmonics": harmonics}
        call = torch.func.functional_call
        return call(_Density(made), {f"grid.{k}": v for k, v in tables.items()}, points), call(
            _Color(made), {f"grid.{k}": v for k, v in tables.items()}, (points, view)
        )

    # Away from the kinks of ReLU and the cut at 0.
    density = made.raw_density.detach().abs() + 0.1
    harmonics = 0.05 * made.harmonics.detach()
    assert torch.autograd.gradcheck(looked_up, (density.requires_grad_(), harmonics.requires_grad_()))


class _Density(torch.nn.Module):
    def __init__(self, grid: VoxelGrid) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, points: Tensor) -> Tensor:
        return self.grid.density(points)


class _Color(_Density):
    def forward(self, points: Tensor, view: Tensor) -> Tensor:  # type: ignore[override]
        return self.grid.color(points, view)


def test_what_is_pruned_is_empty_and_the_rest_is_as_before() -> None:
    made, points = grid(), inside(300)
    before = made.density(points)
    kept = nodes_of(made)[:, 0] < -0.2
    made.prune(kept, margin=0)
    assert len(made.raw_density) == kept.sum()
    close(made.density(points)[points[:, 0] < -0.7], before[points[:, 0] < -0.7])
    assert (made.density(points)[points[:, 0] > 0.2] == 0).all()
    assert (made.presence(points)[points[:, 0] > 0.2] == 0).all()
    assert (made.presence(points)[points[:, 0] < -0.2] == 1).all()


def test_a_margin_keeps_neighbours_and_nothing_is_pruned_to_nothing() -> None:
    made = grid()
    one = torch.zeros(len(made.raw_density), dtype=torch.bool)
    made.prune(one, margin=1)
    assert len(made.raw_density) == len(one)
    one[int(made.rows[3, 3, 1])] = True
    made.prune(one, margin=1)
    assert len(made.raw_density) == 27


@pytest.mark.parametrize("pruned", [False, True])
def test_an_upsampled_grid_says_the_same_at_the_old_nodes(pruned: bool) -> None:
    made = grid(6)
    if pruned:
        made.prune(nodes_of(made)[:, 1] > 0, margin=0)
    old, density = nodes_of(made), made.raw_density.detach().clone()
    shape = made.rows.shape
    finer = [2 * (n - 1) + 1 for n in shape]
    made.nodes = lambda resolution: tuple(finer)  # type: ignore[method-assign, assignment, return-value]
    made.upsample(12)
    assert tuple(made.rows.shape) == tuple(finer)
    assert len(made.raw_density) < 9 * len(density)
    close(made.density(old), density.relu(), atol=1e-4, rtol=1e-4)


def test_weights_are_loaded_at_whatever_resolution_they_have(tmp_path: object) -> None:
    saved, loaded, points = grid(8), grid(4), inside()
    saved.prune(nodes_of(saved)[:, 2] > 0.5, margin=1)
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded.density(points), saved.density(points))


def test_neighbours_are_the_next_nodes_and_at_the_end_the_node_itself() -> None:
    made = grid()
    here = made.rows[1, 2, 1].long()[None]
    assert made.neighbours(here)[0].tolist() == [int(made.rows[i]) for i in ((2, 2, 1), (1, 3, 1), (1, 2, 2))]
    last = made.rows[-1, -1, -1].long()[None]
    assert made.neighbours(last)[0].tolist() == [int(last)] * 3


def test_variation_is_the_root_of_summed_squares_per_1_256_of_an_edge() -> None:
    values = torch.tensor([[0.0, 1.0], [3.0, 1.0], [4.0, 1.0], [0.0, 1.0]])
    rows, neighbours = torch.tensor([0]), torch.tensor([[1, 2, 3]])
    close(sampled_variation(values, rows, neighbours, (256, 256, 256)), torch.tensor(5.0), atol=1e-4, rtol=0)
    close(sampled_variation(values, rows, neighbours, (128, 128, 128)), torch.tensor(2.5), atol=1e-4, rtol=0)
