"""Means over processes that train together, of everything that could be averaged."""

import pytest
import torch
from torch import nn

from rayloom.kernels.processes import average, average_gradients, num_processes
from tests.training.several import together


def test_one_process_alone_keeps_what_it_has():
    tensor, parameter = torch.tensor([1.0, 2.0]), nn.Parameter(torch.ones(2))
    average([tensor])
    average_gradients([parameter])
    assert num_processes() == 1
    assert tensor.tolist() == [1, 2]
    assert parameter.grad is None


def test_tensors_become_means_in_place_each_in_its_own_precision():
    def work(rank: int) -> None:
        assert num_processes() == 3
        exact = torch.tensor([1 + rank * 2.0**-40], dtype=torch.float64)
        columns = torch.full((2, 2), float(rank)).t()[:, 1:]
        average([columns, exact, torch.zeros(0)])
        assert exact.tolist() == [1 + 2.0**-40]
        assert columns.tolist() == [[1], [1]]

    assert together(3, work) == [0, 0, 0]


def test_a_gradient_that_one_process_lacks_counts_as_zero_and_one_that_all_lack_stays_away():
    def work(rank: int) -> None:
        known, resting, nowhere = (nn.Parameter(torch.ones(2)) for _ in range(3))
        resting.requires_grad_(False)
        if rank == 1:
            known.grad = torch.tensor([4.0, 8.0])
        average_gradients([known, resting, nowhere])
        assert known.grad is not None
        assert known.grad.tolist() == [2, 4]
        assert resting.grad is None
        assert nowhere.grad is None

    assert together(2, work) == [0, 0]


def test_a_process_that_ends_early_is_noticed_by_the_others(capfd: pytest.CaptureFixture[str]):
    def work(rank: int) -> None:
        if rank == 0:
            average([torch.zeros(1)])

    assert together(2, work) == [1, 0]
    assert "one of its processes was lost" in capfd.readouterr().err
