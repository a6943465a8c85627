"""Elementary functions of the CPU kernels are those of the library, to rounding."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels.numba import elementary
from rayloom.kernels.numba.jit import kernel


@kernel
def _exp(x):
    return elementary.exp(x)


@settings(max_examples=200)
@given(st.floats(-80, 80, width=32))
def test_exp_is_exact_to_rounding(x):
    assert _exp(np.float32(x)) == pytest.approx(math.exp(x), rel=1e-6 * (1 + abs(x)))


@settings(max_examples=200)
@given(st.floats(0, 100, width=32))
def test_opacity_is_exact_also_for_thin_matter(x):
    lost, left = elementary.absorb(np.float32(x))
    assert lost == pytest.approx(-math.expm1(-x), rel=1e-6)
    assert left == pytest.approx(math.exp(-x), rel=1e-6 * (1 + x), abs=2**-125)


@given(st.floats(2**-20, 2**20, width=32))
def test_exponent_is_that_of_frexp(x):
    assert elementary.exponent(np.float32(x)) == math.frexp(x)[1]
