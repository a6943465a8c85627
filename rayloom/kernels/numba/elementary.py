"""Elementary functions that vectorise: the library's are calls, which a compiler cannot widen."""

import math

import numpy as np

from rayloom.kernels.numba.jit import f32, kernel
from rayloom.kernels.numba.vector import bits_from_float, float_from_bits


@kernel
def exp(x):  # noqa: ANN001, ANN201
    """e^x to 1e-6 (1 + |x|) relative, for float32; 0 below and the largest power of two above its range.

    2^k times a polynomial for 2^f, f in [-1/2, 1/2]: its Taylor series, cut where float32 ends.
    """
    y = min(max(x * f32(1.4426950408889634), f32(-126)), f32(126))
    k = math.floor(y + f32(0.5))
    f = f32(y - k)
    p = f32(1.5403530393381608e-4)
    p = p * f + f32(1.3333558146428443e-3)
    p = p * f + f32(9.618129107628477e-3)
    p = p * f + f32(5.550410866482158e-2)
    p = p * f + f32(2.4022650695910072e-1)
    p = p * f + f32(6.931471805599453e-1)
    p = p * f + f32(1)
    return f32(p * float_from_bits(np.int32((np.int32(k) + 127) << 23)))


@kernel
def one_minus_exp(x):  # noqa: ANN001, ANN201
    """1 - e^-x for x >= 0, exact to float32 also for thin matter, where the difference would round to 0."""
    p = f32(1) - x * f32(1 / 7)
    p = f32(1) - x * f32(1 / 6) * p
    p = f32(1) - x * f32(1 / 5) * p
    p = f32(1) - x * f32(1 / 4) * p
    p = f32(1) - x * f32(1 / 3) * p
    p = f32(1) - x * f32(1 / 2) * p
    return x * p if x < f32(0.25) else f32(1) - exp(-x)


@kernel
def exponent(x):  # noqa: ANN001, ANN201
    """The e with 2^(e-1) <= x < 2^e, for x > 0; hugely negative for 0."""
    return ((np.int64(bits_from_float(x)) >> 23) & 255) - 126
