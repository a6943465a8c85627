from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rayloom.training.allocations import Allocations, held_bytes


def test_tensors_count_until_they_are_gone() -> None:
    with Allocations() as counts:
        first = torch.ones(1000)
        second = first.view(10, 100).t()
        assert (counts.now, counts.peak) == (4000, 4000)
        del first
        assert counts.now == 4000, "a view keeps the memory"
        del second
        assert (counts.now, counts.peak) == (0, 4000)


def test_the_peak_is_that_of_what_is_there_at_once() -> None:
    with Allocations() as counts:
        for _ in range(5):
            product = torch.ones(100, 50) @ torch.ones(50, 100)
            del product
        assert counts.now == 0
        assert counts.peak == 4 * (100 * 50 + 50 * 100 + 100 * 100), "two factors and their product"
        counts.begin_peak()
        assert counts.peak == 0


def test_backward_counts_what_was_saved() -> None:
    weight = torch.ones(200, 300, requires_grad=True)
    with Allocations() as counts:
        (torch.ones(500, 200) @ weight).tanh().sum().backward()
        inputs, outputs, weights = 500 * 200, 500 * 300, 200 * 300
        # Ahead: inputs, weight, what tanh gave. On the way back that and its slope stand beside them.
        assert counts.peak >= 4 * (inputs + weights + 2 * outputs)
        assert counts.peak <= 4 * (inputs + 2 * weights + 3 * outputs) + 100
        assert weight.grad is not None
        assert counts.now == 4 * 2 * weights


def test_operations_in_place_take_nothing() -> None:
    with Allocations() as counts:
        numbers = torch.ones(1000)
        for _ in range(3):
            numbers.add_(1).mul_(2)
        assert counts.peak == 4000


def test_arrays_of_numpy_count_once_torch_meets_them() -> None:
    array = np.ones(1000, np.float32)
    with Allocations() as counts:
        assert counts.now == 0
        numbers = torch.from_numpy(array)[:10]
        assert counts.now == 4000
        del numbers
        assert counts.now == 0


class Holder(nn.Module):
    """Holds memory in every way that methods do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(10, 10))
        self.register_buffer("cells", torch.zeros(1000, dtype=torch.uint8))
        self.same = self.weight.detach().numpy()[2:5]
        self.kernel = {"moments": [np.zeros(50, np.float32), np.zeros((5, 10), np.float32)[1:]]}
        self.rule = partial(torch.add, torch.zeros(7))
        self.record = Record(torch.zeros(3, 4))
        self.record.circle.append(self)


@dataclass(frozen=True)
class Record:
    """A record that leads back to who holds it."""

    values: Tensor
    circle: list[object] = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        object.__setattr__(self, "circle", [])


def test_whatever_hangs_on_an_object_is_held_once() -> None:
    holder = Holder()
    expected = 400 + 1000 + 200 + 200 + 28 + 48
    assert held_bytes(holder) == expected
    (holder.weight.sum() * 2).backward()
    assert held_bytes(holder, holder) == expected + 400


def test_known_memory_is_not_held_again() -> None:
    holder, known = Holder(), set[int]()
    assert held_bytes(holder.kernel, known=known) == 400
    assert held_bytes(holder, known=known) == 400 + 1000 + 28 + 48
    assert held_bytes(holder, known=known) == 0


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_what_is_mapped_from_a_file_takes_no_memory(tmp_path: Path, mode: str) -> None:
    np.save(tmp_path / "rows.npy", np.ones((100, 3), np.uint8))
    mapped = np.asarray(np.load(tmp_path / "rows.npy", mmap_mode=mode, allow_pickle=False))  # type: ignore[arg-type]
    known = set[int]()
    assert held_bytes([mapped[:50], mapped[50:].reshape(-1)], known=known) == 0
    assert held_bytes(torch.from_numpy(mapped), known=known) == 0
