"""Elementary functions that vectorise: the library's are calls, which a compiler cannot widen."""

import numpy as np

from rayloom.kernels.numba.jit import f32, inner
from rayloom.kernels.numba.vector import bits_from_float, float_from_bits


@inner
def exp(x):  # noqa: ANN001, ANN201
    """e^x to 1e-6 (1 + |x|) relative, for float32; cut to 2^-126 and 2^126 beyond its range.

    2^k times a polynomial for 2^f, f in [-1/2, 1/2]: its Taylor series, cut where float32 ends.
    """
    y = min(max(x * f32(1.4426950408889634), f32(-126)), f32(126))
    # Rounded by truncating a positive number; k + 127 is the exponent field of 2^k.
    biased = np.int32(y + f32(127.5))
    f = y - (f32(biased) - f32(127))
    p = f32(1.5403530393381608e-4)
    p = p * f + f32(1.3333558146428443e-3)
    p = p * f + f32(9.618129107628477e-3)
    p = p * f + f32(5.550410866482158e-2)
    p = p * f + f32(2.4022650695910072e-1)
    p = p * f + f32(6.931471805599453e-1)
    p = p * f + f32(1)
    return p * float_from_bits(np.int32(biased << np.int32(23)))


@inner
def absorb(depth):  # noqa: ANN001, ANN201
    """Of light that crosses an optical depth: the share that is lost, and the share that is left.

    The loss, 1 - e^-depth, is a series for thin matter, where the difference would round to 0.
    """
    p = f32(1) - depth * f32(1 / 7)
    p = f32(1) - depth * f32(1 / 6) * p
    p = f32(1) - depth * f32(1 / 5) * p
    p = f32(1) - depth * f32(1 / 4) * p
    p = f32(1) - depth * f32(1 / 3) * p
    p = f32(1) - depth * f32(1 / 2) * p
    left = exp(-depth)
    return depth * p if depth < f32(0.25) else f32(1) - left, left


@inner
def exponent(x):  # noqa: ANN001, ANN201
    """The e with 2^(e-1) <= x < 2^e, for x > 0; hugely negative for 0."""
    return ((np.int64(bits_from_float(x)) >> 23) & 255) - 126
