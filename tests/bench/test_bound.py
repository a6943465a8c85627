import pytest
import torch

from rayloom.bench.bound import accesses_per_sample, flops_per_sample, samples_per_second
from rayloom.fields.hash_field import HashField
from rayloom.geometry.boxes import Box
from rayloom.kernels import HashGridLayout


def field(num_codes: int) -> HashField:
    box = Box(torch.full((3,), -1.0), torch.ones(3))
    layout = HashGridLayout(8, 4, 8, 4, 16)
    return HashField(layout, box, contracted=False, num_codes=num_codes, initial_density=1.0)


def test_operations_and_rows_are_those_of_the_networks_and_the_grid():
    # 32-64-16 and 32-64-3, six operations a weight, less the gradient of 16 harmonics.
    weights = 32 * 64 + 64 * 16 + 32 * 64 + 64 * 3
    assert flops_per_sample(field(0)) == 6 * weights - 2 * 16 * 64
    assert flops_per_sample(field(3)) == 6 * (weights + 16 * 64) - 2 * 16 * 64
    assert accesses_per_sample(field(0)) == 8 * 8 * 3


def test_the_bound_is_below_that_of_arithmetic_and_of_loads_alone():
    one = field(0)
    bound = samples_per_second(one, 5e11, 2e9)
    assert bound < min(5e11 / flops_per_sample(one), 2e9 / accesses_per_sample(one))
    assert samples_per_second(one, 1e30, 2e9) == pytest.approx(2e9 / accesses_per_sample(one))
    assert samples_per_second(one, 5e11, 1e30) == pytest.approx(5e11 / flops_per_sample(one))
