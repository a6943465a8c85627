import torch

from rayloom.geometry.boxes import Box
from rayloom.kernels import StepRule, march
from rayloom.sampling.occupancy import OccupancyGrid

CUBE = Box(-torch.ones(3), torch.ones(3))


def ball(points: torch.Tensor) -> torch.Tensor:
    return 100.0 * (points.norm(dim=-1) < 0.5)


def updated(num_cells: int | None, num_updates: int = 1, cascades: int = 1) -> OccupancyGrid:
    grid = OccupancyGrid(CUBE, cascades, 32)
    for _ in range(num_updates):
        if num_cells is None:
            grid.survey(ball, 0.01, decay=0.95, threshold=0.01)
        else:
            grid.update(ball, 0.01, num_cells=num_cells, decay=0.95, threshold=0.01)
    return grid


def test_a_new_grid_is_wholly_occupied():
    assert OccupancyGrid(CUBE, 2, 32).occupied_share == 1


def test_a_survey_finds_the_matter_and_its_share():
    share = updated(None).occupied_share
    assert 0.5 < share / (4 / 3 * torch.pi * 0.5**3 / 8) < 1.5


def test_a_grid_contains_what_rays_look_at():
    grid, points = updated(None), 2 * torch.rand(2000, 3) - 1
    looked_at = grid.contains(points)
    assert looked_at[points.norm(dim=-1) < 0.5 - 3**0.5 * (2 / 16)].all()
    assert not looked_at[points.norm(dim=-1) > 0.5 + 3**0.5 * (2 / 16)].any()


def test_occupied_cells_are_those_that_rays_look_at():
    grid = updated(None, cascades=2)
    cells = grid.occupied_cells()
    assert len(cells) / (2 * 32**3) == grid.occupied_share
    cascade, cell = cells // 32**3, cells % 32**3
    points = grid.points_in(cell, cascade, 32)
    # Beyond the inner box, where alone the outer one is asked, and in the inner one.
    asked = (points.abs().amax(-1) > 1) == (cascade == 1)
    assert asked.any()
    assert grid.contains(points[asked]).all()


def test_an_update_finds_nothing_but_matter():
    grid = updated(4096, 60)
    share = grid.occupied_share
    assert 0.8 < share / (4 / 3 * torch.pi * 0.5**3 / 8) < 1.3


def test_cells_of_matter_stay_and_others_go():
    occupancy = updated(None, 3).occupancy
    inside = torch.randn(100, 3)
    inside = 0.45 * inside / inside.norm(dim=-1, keepdim=True)
    thin = torch.full((100,), 1e-3)
    assert occupancy.contains(inside, thin).all()
    assert not occupancy.contains(2 * inside, thin).any()


def test_updates_correct_a_survey_in_time():
    grid = updated(None)
    for _ in range(120):
        grid.update(ball, 0.01, num_cells=8192, decay=0.95, threshold=0.01)
    centers = grid.points_in(torch.arange(32**3), torch.zeros(32**3, dtype=torch.int64), 32)
    far_from_edge = (centers.norm(dim=-1) - 0.5).abs() > 0.11
    occupied = grid.optical_depth.view(-1) > 0.01
    assert torch.equal(occupied[far_from_edge], (centers.norm(dim=-1) < 0.5)[far_from_edge])


def test_points_of_a_cell_lie_in_it_also_in_outer_boxes():
    grid = OccupancyGrid(Box(torch.zeros(3), torch.tensor([2.0, 4.0, 6.0])), 3, 32)
    cells = torch.randint(3 * 32**3, (1000,))
    points = grid.points_in(cells % 32**3, cells // 32**3, 32)
    unit = (points - torch.tensor(grid.center)) / torch.tensor(grid.half_size)
    scaled = unit / torch.exp2((cells // 32**3).float())[:, None]
    place = ((scaled + 1) * 16).floor().long()
    found = (cells // 32**3) * 32**3 + (place[:, 0] * 32 + place[:, 1]) * 32 + place[:, 2]
    torch.testing.assert_close(found, cells)


def test_rays_step_only_through_what_is_occupied():
    origins = torch.tensor([[-2.0, 0.01, 0.01], [-2.0, 0.9, 0.9]])
    directions = torch.tensor([[1.0, 0.0, 0.0]]).expand(2, 3)
    samples = march(
        origins, directions, torch.zeros(2), torch.full((2,), 4.0), updated(None).occupancy, StepRule(0.01)
    )
    assert (samples.ray_index == 0).all()
    assert samples.starts.min() > 1.4
    assert samples.ends.max() < 2.6
    assert len(samples.starts) > 90


def test_a_grid_survives_saving():
    grid, other = updated(None), OccupancyGrid(CUBE, 1, 32)
    other.load_state_dict(grid.state_dict())
    torch.testing.assert_close(other.occupancy.bits, grid.occupancy.bits)
    assert other.occupied_share == grid.occupied_share
