"""Rays through voxels: closed forms, the fast twin, and contracted space."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rayloom.baking.blocks import Blocks, atlas_of
from rayloom.kernels import StepRule
from rayloom.kernels.dispatch import Implementation
from rayloom.kernels.voxels import (
    Sums,
    VoxelAtlas,
    VoxelSpace,
    contract,
    trace_voxels,
    uncontract,
    voxel_gradients,
)
from tests.kernels.voxel_scenes import BOX, ENDLESS, SCALE, rays_through, sparse_atlas

STOP = 1e-3


def exactly(
    rays: tuple[Tensor, Tensor, Tensor, Tensor], atlas: VoxelAtlas, step: StepRule, stop: float
) -> Sums:
    """The reference in double precision."""
    origins, directions, near, far = (part.double() for part in rays)
    return trace_voxels(origins, directions, near, far, atlas, step, stop)


@given(seed=st.integers(0, 1000), reach=st.floats(0.1, 50.0))
def test_contracted_space_is_bounded_and_can_be_undone(seed: int, reach: float) -> None:
    points = reach * torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    contracted, norm = contract(points)
    assert contracted.abs().max() < 2
    torch.testing.assert_close(norm, points.abs().amax(-1).clamp(min=1))
    torch.testing.assert_close(uncontract(contracted), points, rtol=1e-9, atol=1e-9)
    inside = points.abs().amax(-1) <= 1
    assert torch.equal(contracted[inside], points[inside])


def test_lines_stay_straight_where_one_coordinate_stays_the_largest() -> None:
    t = torch.linspace(0, 10, 20, dtype=torch.float64)[:, None]
    line = torch.tensor([1.5, 0.2, -0.3], dtype=torch.float64) + t * torch.tensor([1.0, 0.5, -0.4])
    contracted, _ = contract(line)
    steps = contracted - contracted[0]
    assert torch.linalg.matrix_rank(steps, atol=1e-9) == 1


def test_corners_hold_their_values_and_edges_their_means() -> None:
    atlas = sparse_atlas(BOX, 1.0)
    corners = torch.tensor([[3.0, 8.0, 17.0], [4.0, 8.0, 17.0], [3.5, 8.0, 17.0]], dtype=torch.float64)
    density, values = atlas.at(BOX.world_from_grid(corners))
    level = (density * BOX.width).log().sub(SCALE.log_thinnest).div(SCALE.log_per_level)
    slot = int(atlas.slots[0, 1, 2])
    expected = atlas.voxels[slot, [3, 4], 0, 1].double()
    torch.testing.assert_close(level[:2], expected[:, 0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(level[2], expected[:, 0].mean(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(255 * values[:2], expected[:, 1:], rtol=1e-9, atol=1e-9)


def test_a_ray_through_even_matter_loses_what_the_law_of_absorption_says() -> None:
    space = VoxelSpace((0.0, 0.0, 0.0), 0.1, (2, 1, 1), contracted=False)
    values = torch.full((2, 8, 8, 8, 12), 51, dtype=torch.uint8)
    values[..., 0] = 120
    atlas = atlas_of(Blocks.of(torch.ones(space.blocks, dtype=torch.bool)), values, space, SCALE)
    ray = (
        torch.tensor([[-1.0, 0.3, 0.3]]),
        torch.tensor([[1.0, 0.0, 0.0]]),
        torch.zeros(1),
        torch.tensor([2.0]),
    )
    sums = exactly(ray, atlas, StepRule(0.025), 1e-9)
    # Matter ends half a cell before the last one, where its corners meet none: up to there it is even.
    depth = math.exp(SCALE.log_thinnest + 120 * SCALE.log_per_level) * 10 / 1
    assert depth < 10
    even = 1 - math.exp(-depth)
    assert float(sums.opacity) == pytest.approx(even, rel=0.02)
    torch.testing.assert_close(sums.values, 0.2 * sums.opacity[:, None].expand(-1, 11))


@pytest.mark.parametrize("space", [BOX, ENDLESS], ids=["box", "endless"])
@settings(max_examples=8)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.0, 0.02, 0.3, 1.0]))
def test_leaving_out_empty_space_changes_nothing(space: VoxelSpace, seed: int, share: float) -> None:
    atlas = sparse_atlas(space, share, seed)
    step = StepRule(0.0317, growth=0.0317 if space.contracted else 0.0)
    rays = rays_through(12, 1.5, seed)
    exact = exactly(rays, atlas, step, STOP)
    fast = trace_voxels(*rays, atlas, step, STOP, implementation="numba")
    # A midpoint within rounding of a block's wall, or of the end of the light, may fall on either side.
    close = (fast.opacity - exact.opacity).abs() < 1e-4
    assert close.float().mean() >= 0.95
    torch.testing.assert_close(fast.values[close].double(), exact.values[close], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(fast.depth[close].double(), exact.depth[close], rtol=1e-3, atol=1e-3)
    assert (fast.reach[close].double().isinf() == exact.reach[close].isinf()).float().mean() >= 0.95


@pytest.mark.parametrize("space", [BOX, ENDLESS], ids=["box", "endless"])
def test_a_ray_that_meets_nothing_is_empty(space: VoxelSpace) -> None:
    atlas = sparse_atlas(space, 0.0)
    for implementation in ("torch", "numba"):
        sums = trace_voxels(*rays_through(7, 1.5), atlas, StepRule(0.05), STOP, implementation=implementation)
        assert float(sums.values.abs().sum() + sums.opacity.sum() + sums.depth.sum()) == 0
        assert sums.reach.isinf().all()


def test_reach_is_where_the_light_ends() -> None:
    space = VoxelSpace((0.0, -0.4, -0.4), 0.1, (1, 1, 1), contracted=False)
    values = torch.full((1, 8, 8, 8, 12), 255, dtype=torch.uint8)
    atlas = atlas_of(Blocks.of(torch.ones(space.blocks, dtype=torch.bool)), values, space, SCALE)
    ray = (
        torch.tensor([[-1.0, 0.0, 0.0]]),
        torch.tensor([[1.0, 0.0, 0.0]]),
        torch.zeros(1),
        torch.ones(1) * 3,
    )
    for implementation in ("torch", "numba"):
        reach = trace_voxels(*ray, atlas, StepRule(0.02), STOP, implementation=implementation).reach
        assert float(reach) == pytest.approx(1.01, abs=0.011)


@pytest.mark.parametrize("implementation", ["torch", "numba"])
def test_gradients_say_what_a_byte_more_would_do(implementation: Implementation) -> None:
    atlas, step = sparse_atlas(BOX, 0.5), StepRule(0.0317)
    rays = rays_through(300, 1.5)
    generator = torch.Generator().manual_seed(1)
    grads = torch.randn(300, 11, generator=generator), torch.randn(300, generator=generator)
    # All corners of a block share a row, so that a byte more in all of them is one change.
    rows = torch.arange(len(atlas.voxels))[:, None, None, None].expand(atlas.voxels.shape[:-1]).contiguous()
    found = voxel_gradients(*rays, *grads, atlas, rows, len(rows), step, 1e-6, implementation=implementation)
    block = int(found.abs().sum(-1).argmax())
    for channel in (0, 1, 11):

        def loss(change: float, channel: int = channel) -> float:
            voxels = atlas.voxels.double()
            voxels[block, ..., channel] += change
            sums = exactly(rays, replace(atlas, voxels=voxels), step, 1e-6)
            return float((sums.values * grads[0]).sum() + (sums.opacity * grads[1]).sum())

        slope = (loss(0.01) - loss(-0.01)) / 0.02
        assert float(found[block, channel]) == pytest.approx(slope, rel=1e-2, abs=1e-5)
