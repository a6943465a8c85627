import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels.marching import StepRule, march
from rayloom.kernels.occupancy import OccupancyBits, occupancy_bits

CENTER, HALF_SIZE = (0.3, -0.2, 0.1), (1.0, 1.5, 0.8)


def grid(cascades: int, resolution: int, share: float) -> OccupancyBits:
    """Occupied blobs: single cells, and blocks of cells."""
    shape = (cascades, resolution, resolution, resolution)
    coarse = torch.rand(cascades, *(resolution // 8,) * 3) < share
    blobs = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return occupancy_bits((torch.rand(shape) < share / 4) | (blobs & (torch.rand(shape) < 0.7)), CENTER, HALF_SIZE)


@settings(max_examples=25)
@given(
    st.integers(0, 2**31), st.sampled_from([(1, 8), (1, 64), (3, 32)]), st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([0.0, 1 / 128, 0.03]), st.floats(0.005, 0.1), st.booleans(),
)  # fmt: skip
def test_skipping_empty_space_changes_nothing(seed, size, share, growth, smallest, jitter):
    torch.manual_seed(seed)
    cells = grid(*size, share)
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
    # Rounding may decide otherwise only within a hair's breadth of a wall.
    for ray, index in kept[0] ^ kept[1]:
        start, end = (step.t_from_u(first[ray] + index + i) for i in (0, 1))
        t = 0.5 * (start + end) * (1 + torch.linspace(-2e-5, 2e-5, 9))
        around = cells.contains(origins[ray] + t[:, None] * directions[ray], (end - start).expand(9))
        assert around.any(), "the sample is at a wall"
        assert not around.all(), "the sample is at a wall"


def test_the_limit_keeps_the_nearest_samples():
    cells = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    origins, directions = torch.zeros(2, 3), torch.eye(3)[:2]
    near, far = torch.zeros(2), torch.ones(2)
    samples = march(origins, directions, near, far, cells, StepRule(0.1), limit=3, implementation="numba")
    assert samples.ray_index.tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(samples.starts[:3], torch.tensor([0.0, 0.1, 0.2]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_ray_that_is_no_number_gets_no_samples_and_harms_no_other(bad):
    cells = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    origins, directions = torch.zeros(3, 3), torch.eye(3)
    origins[1, 0] = bad
    near, far = torch.zeros(3), torch.ones(3)
    samples = march(origins, directions, near, far, cells, StepRule(0.25), implementation="numba")
    assert samples.ray_index.tolist() == [0, 0, 0, 0, 2, 2, 2, 2]
