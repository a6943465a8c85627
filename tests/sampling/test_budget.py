from hypothesis import given
from hypothesis import strategies as st

from rayloom.sampling.budget import RayBudget


def test_rays_grow_until_their_samples_are_as_many_as_planned():
    budget = RayBudget(1 << 15, 1024)
    numbers = []
    for _ in range(4):
        budget.follow(8.0)
        numbers.append(budget.num_rays)
    assert numbers == [2048, 4096, 4096, 4096]


@given(st.integers(1, 1 << 18), st.lists(st.floats(0, 1e4), min_size=1, max_size=20))
def test_rays_never_more_than_double_and_stay_within_bounds(samples: int, per_ray: list[float]):
    budget = RayBudget(samples, 1024)
    for number in per_ray:
        before = budget.num_rays
        budget.follow(number)
        assert 256 <= budget.num_rays <= min(max(2 * before, 256), 1 << 15)
