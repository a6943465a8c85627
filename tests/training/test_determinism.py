import os

import pytest
import torch

from rayloom.errors import InputError
from rayloom.kernels.threads import num_threads
from rayloom.training.determinism import determinism


def test_there_is_one_thread_inside_and_all_are_back_outside() -> None:
    cores, threads, kernels = os.sched_getaffinity(0), torch.get_num_threads(), num_threads()
    with determinism(True):
        assert len(os.sched_getaffinity(0)) == torch.get_num_threads() == num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
    assert (os.sched_getaffinity(0), torch.get_num_threads(), num_threads()) == (cores, threads, kernels)
    assert not torch.are_deterministic_algorithms_enabled()


def test_nothing_happens_where_it_is_not_wanted() -> None:
    with determinism(False):
        assert not torch.are_deterministic_algorithms_enabled()


def test_a_system_without_affinity_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")
    with pytest.raises(InputError, match="--deterministic: this system cannot"), determinism(True):
        pass
