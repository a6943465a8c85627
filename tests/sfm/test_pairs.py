import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rayloom.sfm.pairs import alike, all_pairs, neighbours


@given(count=st.integers(0, 40), reach=st.integers(1, 12))
def test_neighbours_are_near_or_a_power_of_two_apart(count: int, reach: int) -> None:
    powers = {1, 2, 4, 8, 16, 32, 64}
    expected = {(i, j) for i, j in all_pairs(count) if j - i <= reach or j - i in powers}
    found = neighbours(count, reach)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_all_pairs_are_counted_once() -> None:
    assert all_pairs(3) == [(0, 1), (0, 2), (1, 2)]


def test_photos_of_one_place_are_found_among_those_of_others() -> None:
    rng = np.random.default_rng(0)
    # Four places with things of their own; a photo shows most of them, a little changed.
    things = rng.integers(0, 256, (4, 60, 128))
    photos = [
        np.clip(rng.permutation(things[i % 4])[:45] + rng.normal(0, 8, (45, 128)), 0, 255).astype(np.uint8)
        for i in range(12)
    ]
    pairs = alike(photos, num_alike=2)
    assert pairs == [(i, j) for i, j in all_pairs(12) if i % 4 == j % 4]


def test_photos_without_features_are_compared_too() -> None:
    blank = np.empty((0, 128), np.uint8)
    textured = np.random.default_rng(0).integers(0, 256, (30, 128), dtype=np.uint8)
    assert (1, 2) in alike([blank, textured, textured], num_alike=1)
    assert alike([blank, blank], num_alike=5) == [(0, 1)]
