"""Work is shared out once, by as many threads as there are cores to run them."""

import math
import threading

import numpy as np
import pytest
import torch

from rayloom.kernels.numba import threads
from tests.kernels.tally import tally


@pytest.mark.parametrize("blocks", [0, 1, 1000])
def test_every_block_of_work_is_done_once(blocks):
    seen = np.zeros(blocks, np.int64)
    threads.run(tally, blocks, seen)
    assert (seen == 1).all()


def test_an_error_in_a_helper_is_raised_in_the_caller():
    def fail(thread: int, counter: np.ndarray) -> None:
        if thread == 1:
            raise ValueError("from the helper")

    with pytest.raises(ValueError, match="from the helper"):
        threads.Pool(1).run(fail, 2, ())


def test_callers_from_several_threads_do_not_wait_for_each_other():
    seen = np.zeros((8, 5000), np.int64)
    callers = [threading.Thread(target=threads.run, args=(tally, 5000, row)) for row in seen]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({}, math.inf), ({"": "max 100000"}, math.inf), ({"a/b": "150000 100000"}, 1.5),
     ({"": "100000 100000", "a/b": "400000 100000"}, 1.0), ({"a": "50000 100000"}, 0.5)],
)  # fmt: skip
def test_the_quota_is_the_tightest_of_the_nested_groups(tmp_path, limits, expected):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for folder, text in limits.items():
        (tmp_path / folder / "cpu.max").write_text(text + "\n")
    (tmp_path / "membership").write_text("0::/a/b\n")
    assert threads.cpu_quota(tmp_path, tmp_path / "membership") == expected


@pytest.mark.parametrize(("limit", "expected"), [("50000", 1), ("100000", 1), ("150000", 2), ("max", 4)])
def test_a_part_of_a_core_counts_as_one_thread(tmp_path, monkeypatch, limit, expected):
    (tmp_path / "cpu.max").write_text(f"{limit} 100000\n")
    monkeypatch.setattr(threads, "CGROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert threads.num_threads.__wrapped__() == expected


def test_torch_gets_its_threads_back_also_after_an_error():
    def interrupted() -> None:
        with threads.torch_on_one_thread():
            assert torch.get_num_threads() == 1
            raise KeyboardInterrupt

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == 3
