import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels.marching import StepRule, march
from rayloom.kernels.occupancy import OccupancyBits, occupancy_bits

UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
CENTER, HALF_SIZE = (0.3, -0.2, 0.1), (1.0, 1.5, 0.8)
RULES = st.builds(StepRule, st.floats(1e-3, 0.1), st.sampled_from([0.0, 1 / 256, 0.02]), st.floats(0.1, 10.0))


@settings(max_examples=20)
@given(RULES)
def test_lattice_and_distance_are_inverse(rule):
    t = torch.rand(50, dtype=torch.float64) * 100
    torch.testing.assert_close(rule.t_from_u(rule.u_from_t(t)), t)


@settings(max_examples=20)
@given(RULES)
def test_a_step_has_the_length_of_the_rule_at_its_start(rule):
    start = torch.rand(50, dtype=torch.float64) * 100
    length = rule.t_from_u(rule.u_from_t(start) + 1) - start
    largest = rule.largest if rule.growth else math.inf
    expected = (rule.growth * start).clamp(rule.smallest, largest)
    # A step across a knot mixes the lengths on its two sides, which differ by the growth at most.
    torch.testing.assert_close(length, expected, rtol=rule.growth + 1e-9, atol=0)


def test_full_space_is_cut_into_touching_steps_from_near_to_far():
    grid = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), *UNIT)
    origins, directions = torch.tensor([[-2.0, 0.1, 0.1]]), torch.tensor([[1.0, 0.0, 0.0]])
    near, far = torch.tensor([1.25]), torch.tensor([2.5])
    samples = march(origins, directions, near, far, grid, StepRule(0.125))
    torch.testing.assert_close(samples.starts, torch.arange(1.25, 2.5, 0.125))
    torch.testing.assert_close(samples.ends, samples.starts + 0.125)


def test_jitter_shifts_the_steps_along_the_ray():
    grid = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), *UNIT)
    origins, directions = torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]])
    near, far = torch.tensor([0.25]), torch.tensor([0.75])
    samples = march(origins, directions, near, far, grid, StepRule(0.125), torch.tensor([0.5]))
    torch.testing.assert_close(samples.starts, 0.25 + 0.0625 + 0.125 * torch.arange(4))


def test_only_occupied_cells_are_sampled():
    flags = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    flags[0, 5, 4, 4] = True
    origins, directions = torch.tensor([[-2.0, 0.1, 0.1]]), torch.tensor([[1.0, 0.0, 0.0]])
    near, far = torch.zeros(1), torch.full((1,), 9.0)
    samples = march(origins, directions, near, far, occupancy_bits(flags, *UNIT), StepRule(0.0625))
    torch.testing.assert_close(samples.starts, torch.tensor([2.25, 2.3125, 2.375, 2.4375]))


@pytest.mark.parametrize("implementation", ["numba", "torch"])
def test_the_limit_keeps_the_nearest_samples(implementation):
    grid = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), *UNIT)
    origins, directions = torch.zeros(2, 3), torch.eye(3)[:2]
    near, far = torch.zeros(2), torch.ones(2)
    samples = march(
        origins, directions, near, far, grid, StepRule(0.1), limit=3, implementation=implementation
    )
    assert samples.ray_index.tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(samples.starts[:3], torch.tensor([0.0, 0.1, 0.2]))


def test_rays_that_miss_and_no_rays_give_no_samples():
    grid = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), *UNIT)
    for count in (0, 3):
        origins, directions = torch.full((count, 3), 5.0), torch.eye(3)[:count]
        near, far = torch.zeros(count), torch.full((count,), 9.0)
        samples = march(origins, directions, near, far, grid, StepRule(0.1))
        assert samples.starts.shape == samples.ray_index.shape == (0,)
        assert samples.num_rays == count


def grid(cascades: int, resolution: int, share: float) -> OccupancyBits:
    """Occupied blobs: single cells, and blocks of cells."""
    shape = (cascades, resolution, resolution, resolution)
    coarse = torch.rand(cascades, *(resolution // 8,) * 3) < share
    blobs = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return occupancy_bits(
        (torch.rand(shape) < share / 4) | (blobs & (torch.rand(shape) < 0.7)), CENTER, HALF_SIZE
    )


@settings(max_examples=25)
@given(
    st.integers(0, 2**31), st.sampled_from([(1, 8), (1, 64), (3, 32)]), st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([0.0, 1 / 128, 0.03]), st.floats(0.005, 0.1), st.booleans(),
)  # fmt: skip
def test_skipping_empty_space_changes_nothing(seed, size, share, growth, smallest, jitter):
    torch.manual_seed(seed)
    cells = grid(size[0], size[1], share)
    step = StepRule(smallest, growth, 0.5)
    origins = torch.randn(150, 3) * 2
    directions = torch.nn.functional.normalize(torch.randn(150, 3), dim=-1)
    directions[::10] = torch.eye(3)[torch.randint(0, 3, (15,))]
    near, far = torch.rand(150) * 0.2, 2 + torch.rand(150) * 5
    shift = torch.rand(150) if jitter else None
    kept: list[set[tuple[int, int]]] = []
    for implementation in ("numba", "torch"):
        found = march(
            origins, directions, near, far, cells, step, shift, limit=10**6, implementation=implementation
        )
        first = step.u_from_t(near) + (0 if shift is None else shift)
        index = (step.u_from_t(found.starts) - first[found.ray_index]).round().long()
        kept.append(set(zip(found.ray_index.tolist(), index.tolist(), strict=True)))
        assert len(kept[-1]) == len(index), "no sample twice"
        assert (found.ray_index.diff() >= 0).all(), "sorted by ray"
    # Rounding may decide otherwise only within a hair's breadth of a wall, or of a width that asks
    # another box.
    for ray, index in kept[0] ^ kept[1]:
        start, end = (step.t_from_u(first[ray] + index + i) for i in (0, 1))
        breadth = 1 + torch.linspace(-2e-5, 2e-5, 9)
        t, width = 0.5 * (start + end) * breadth, (end - start) * breadth.flip(0)
        around = torch.stack([
            cells.contains(origins[ray] + t[:, None] * directions[ray], w.expand(9)) for w in width
        ])  # fmt: skip
        assert around.any(), "the sample is at a wall"
        assert not around.all(), "the sample is at a wall"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_ray_that_is_no_number_gets_no_samples_and_harms_no_other(bad):
    cells = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    origins, directions = torch.zeros(3, 3), torch.eye(3)
    origins[1, 0] = bad
    near, far = torch.zeros(3), torch.ones(3)
    samples = march(origins, directions, near, far, cells, StepRule(0.25), implementation="numba")
    assert samples.ray_index.tolist() == [0, 0, 0, 0, 2, 2, 2, 2]
