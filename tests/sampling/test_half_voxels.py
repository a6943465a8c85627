import pytest
import torch

from rayloom.geometry.boxes import Box
from rayloom.sampling.half_voxels import half_voxel_steps, march_voxels
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Rays

BOX = Box(torch.tensor([-1.0, -1.0, -1.0]), torch.tensor([1.0, 1.0, 1.0]))


def straight(count: int = 64) -> Rays:
    """Rays along x, from outside of the box through its middle."""
    directions = torch.tensor([1.0, 0.0, 0.0]).expand(count, 3)
    ones = torch.ones(count)
    return Rays(
        origins=torch.tensor([-3.0, 0.0, 0.0]).expand(count, 3), directions=directions,
        view_directions=directions, near=0.5 * ones, far=6 * ones, radii=0.01 * ones,
        camera_index=torch.zeros(count, dtype=torch.long), pixels=torch.zeros(count, 2), time=0 * ones,
    )  # fmt: skip


def test_steps_are_half_a_voxel_and_grow_where_there_is_no_end():
    even, growing = (half_voxel_steps(0.25, contracted=flag) for flag in (False, True))
    assert (even.smallest, even.growth) == (0.125, 0.0)
    assert (growing.smallest, growing.growth) == (0.125, 0.0625)


@pytest.mark.parametrize("jitter", [False, True])
def test_a_box_that_is_all_there_is_ends_rays(jitter: bool):
    rays, steps = straight(), half_voxel_steps(0.25, contracted=False)
    samples = march_voxels(rays, OccupancyGrid(BOX, 1, 32), steps, BOX, jitter=jitter)
    x = rays.at_samples(samples)[:, 0]
    assert -1 <= x.min() < -0.8
    assert 0.8 < x.max() <= 1
    starts = samples.starts[samples.ray_index.diff(prepend=torch.tensor([-1])) > 0]
    assert (starts.unique().numel() > 1) == jitter


def test_without_a_box_rays_go_on_to_their_end():
    rays, grid = straight(), OccupancyGrid(BOX, 3, 32)
    samples = march_voxels(rays, grid, half_voxel_steps(0.25, contracted=True), None, jitter=False)
    x = rays.at_samples(samples)[:, 0]
    assert x.min() < -2
    assert x.max() > 2
