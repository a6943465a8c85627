"""What weights along rays make of a value that is no number."""

import math

import torch

from rayloom.kernels import packed_weights


def test_a_number_that_is_none_passes_through_fast_arithmetic():
    """The check of the losses relies on it."""
    values, index = torch.ones(64), torch.arange(64) // 8
    values[11] = math.nan
    weights = packed_weights(values, index, 8, implementation="numba")
    assert weights.isnan().nonzero().flatten().tolist() == [11, 12, 13, 14, 15]
