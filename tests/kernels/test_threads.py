"""The cores that a process may use, and torch's share of them."""

import math

import pytest
import torch

from rayloom.kernels import threads


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
