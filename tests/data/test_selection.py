import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rayloom.data.selection import Selection
from rayloom.training.allocations import held_bytes

FLAGS = arrays(np.bool_, st.tuples(st.integers(0, 20), st.integers(0, 20)))


@given(st.lists(FLAGS, min_size=1, max_size=5))
def test_true_flags_are_numbered_in_their_order(parts: list[np.ndarray]) -> None:
    selection = Selection(parts)
    flat = torch.from_numpy(np.concatenate([part.ravel() for part in parts]))
    places = flat.nonzero()[:, 0]
    assert len(selection) == len(places)
    assert selection[torch.arange(len(places))].equal(places)
    assert selection.flags[: len(flat)].equal(flat)
    assert not selection.flags[len(flat) :].any()


def test_numbers_may_come_in_any_order_and_twice() -> None:
    flags = np.random.default_rng(0).random(10_000) < 0.1
    places = torch.from_numpy(flags).nonzero()[:, 0]
    drawn = torch.randint(len(places), (5000,), generator=torch.Generator().manual_seed(0))
    assert Selection([flags])[drawn].equal(places[drawn])


def test_a_flag_takes_little_more_than_a_byte() -> None:
    selection = Selection([np.ones((1000, 64), np.bool_)] * 4)
    assert held_bytes(selection) == 4 * 64_000 * (1 + 8 / 64)
