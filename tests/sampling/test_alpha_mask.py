import math

import pytest
import torch
from torch import Tensor

from rayloom.geometry.boxes import Box
from rayloom.sampling.alpha_mask import mask_empty_space
from rayloom.sampling.occupancy import OccupancyGrid

BOX = Box(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 2.0, 3.0]))
RESOLUTION = 32
STEP = 0.01


def grid(cascades: int = 1) -> OccupancyGrid:
    return OccupancyGrid(BOX, cascades, RESOLUTION)


def cell_widths() -> Tensor:
    return (BOX.high - BOX.low) / RESOLUTION


def block(density: float = 100.0):
    """Matter in the cells 4 to 7, 10 and 20 to 22 along x, y and z."""
    low = BOX.low + torch.tensor([4, 10, 20]) * cell_widths()
    high = BOX.low + torch.tensor([8, 11, 23]) * cell_widths()
    return lambda points: density * Box(low, high).contains(points).float()


def middles() -> Tensor:
    """Middles of all cells, in rows."""
    index = torch.cartesian_prod(*3 * [torch.arange(RESOLUTION)])
    return BOX.low + (index + 0.5) * cell_widths()


def kept(made: OccupancyGrid) -> Tensor:
    flags = made.occupancy.contains(middles(), torch.full((RESOLUTION**3,), 1e-6))
    return flags.reshape(RESOLUTION, RESOLUTION, RESOLUTION)


def test_cells_of_matter_are_kept_with_their_neighbours_and_no_others():
    made, expected = grid(), torch.zeros(RESOLUTION, RESOLUTION, RESOLUTION, dtype=torch.bool)
    expected[3:9, 9:12, 19:24] = True
    assert mask_empty_space(made, block(), STEP, threshold=1e-4) is not None
    assert torch.equal(kept(made), expected)


def test_the_box_around_what_is_kept_comes_back():
    box = mask_empty_space(grid(), block(), STEP, threshold=1e-4)
    assert box is not None
    torch.testing.assert_close(box.low, BOX.low + torch.tensor([3, 9, 19]) * cell_widths())
    torch.testing.assert_close(box.high, BOX.low + torch.tensor([9, 12, 24]) * cell_widths())


@pytest.mark.parametrize("density", [0.0, 1e-4])
def test_where_nothing_can_be_seen_everything_stays_as_it_is(density):
    made = grid()
    assert mask_empty_space(made, block(density), STEP, threshold=1e-4) is None
    assert kept(made).all()


def test_a_cell_is_kept_from_the_share_of_light_that_a_step_absorbs_there():
    threshold = 0.3
    faintest = -math.log1p(-threshold) / STEP
    assert mask_empty_space(grid(), block(1.01 * faintest), STEP, threshold=threshold) is not None
    assert mask_empty_space(grid(), block(0.99 * faintest), STEP, threshold=threshold) is None


def test_a_later_look_may_keep_more_than_the_one_before():
    made = grid()
    mask_empty_space(made, block(), STEP, threshold=1e-4)
    mask_empty_space(made, lambda points: torch.ones(len(points)), STEP, threshold=1e-4)
    assert kept(made).all()


def test_nested_boxes_are_looked_at_with_longer_steps_and_share_one_box():
    made = grid(cascades=3)

    def far_away(points: Tensor) -> Tensor:
        """Thin matter beyond the second box, in the lower corner: its innermost cells are seen thrice."""
        center, half = torch.tensor(made.center), torch.tensor(made.half_size)
        return 0.02 * ((points - center) / half < -3.5).all(-1).float()

    assert mask_empty_space(made, far_away, STEP, threshold=9e-4) is None
    box = mask_empty_space(made, far_away, STEP, threshold=7e-4)
    assert box is not None
    low, half = torch.tensor(made.center) - 4 * torch.tensor(made.half_size), torch.tensor(made.half_size)
    torch.testing.assert_close(box.low, low)
    # Cells of the outermost box are a quarter of a half size wide: two of matter and a neighbour.
    torch.testing.assert_close(box.high, low + 0.75 * half)
