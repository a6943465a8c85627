import torch

from rayloom.kernels.occupancy import occupancy_bits

UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_a_bit_stands_for_each_flag():
    flags = torch.rand(1, 8, 8, 8) < 0.3
    cell = torch.cartesian_prod(*[torch.arange(8)] * 3)
    points = (cell + 0.5) / 8 * 2 - 1
    found = occupancy_bits(flags, *UNIT).contains(points, torch.zeros(512))
    assert torch.equal(found, flags[0, cell[:, 0], cell[:, 1], cell[:, 2]])


def test_a_block_is_set_where_any_of_its_cells_is():
    flags = torch.zeros(1, 16, 16, 16, dtype=torch.bool)
    flags[0, 3, 9, 15] = True
    assert occupancy_bits(flags, *UNIT).blocks.nonzero().tolist() == [[0, 0b011]]


def test_points_ask_the_smallest_box_that_holds_them():
    flags = torch.zeros(3, 32, 32, 32, dtype=torch.bool)
    flags[1] = True
    grid = occupancy_bits(flags, (5.0, 0.0, 0.0), (1.0, 2.0, 1.0))
    points = torch.tensor([[5.9, 0, 0], [6.1, 0, 0], [5, 1.9, 0], [5, 2.1, 0], [5, 0, 2.1], [5, 0, 40.0]])
    assert grid.contains(points, torch.zeros(6)).tolist() == [False, True, False, True, False, False]


def test_long_steps_ask_a_box_with_cells_as_long():
    flags = torch.zeros(2, 32, 32, 32, dtype=torch.bool)
    flags[1] = True
    grid = occupancy_bits(flags, *UNIT)
    widths = torch.tensor([0.9, 1.1]) * grid.cell_width
    assert grid.contains(torch.zeros(2, 3), widths).tolist() == [False, True]


def test_outside_of_all_boxes_is_empty():
    grid = occupancy_bits(torch.ones(2, 32, 32, 32, dtype=torch.bool), *UNIT)
    points = torch.tensor([[1.99, -1.99, 0.0], [2.01, 0.0, 0.0]])
    assert grid.contains(points, torch.zeros(2)).tolist() == [True, False]
