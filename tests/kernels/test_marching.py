import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels.marching import StepRule, march
from rayloom.kernels.occupancy import occupancy_bits

UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
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


def test_the_limit_keeps_the_nearest_samples():
    grid = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), *UNIT)
    origins, directions = torch.zeros(2, 3), torch.eye(3)[:2]
    near, far = torch.zeros(2), torch.ones(2)
    samples = march(origins, directions, near, far, grid, StepRule(0.1), limit=3)
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
