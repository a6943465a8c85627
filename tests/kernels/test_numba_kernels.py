"""Every fast kernel for the CPU equals its reference in float64: values and all gradients."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.cases import compare, fast_kernels

KERNELS = fast_kernels("numba")


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=15)
@given(data=st.data())
def test_numba_equals_the_reference(name, data):
    compare(name, KERNELS[name], "numba", data.draw)


def test_the_comparison_finds_the_kernels():
    names = {"hash_grid", "march", "packed_weights", "sparse_adam_step", "tiny_mlp", "total_variation"}
    assert names <= KERNELS.keys()
