"""How the GPU kernels are compiled and launched: by Triton, on the first call with tiles of a new shape.

Where TRITON_INTERPRET=1 is set before the first import of Triton, nothing is compiled: kernels run in
numpy, block by block, also on the CPU. The tests do so; it is far too slow for anything else.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
import triton
from triton import knobs

INTERPRETED = bool(knobs.runtime.interpret)
"""Whether kernels are interpreted. What is not compiled needs no GPU."""


def kernel(function: Callable[..., Any]) -> Any:  # noqa: ANN401  It is launched, or called by kernels.
    """The function as a kernel, or as a part of kernels."""
    # The tests wrap functions to check annotations; what is compiled is the function itself.
    return triton.jit(inspect.unwrap(function))


def launch(kernel: Any, programs: tuple[int, ...], *arguments: Any, **constants: Any) -> None:  # noqa: ANN401
    """Start the kernel on the device of its first argument, a tensor; no program is no work."""
    if 0 not in programs:
        with torch.cuda.device_of(arguments[0]):
            kernel[programs](*arguments, **constants)


def padded(size: int, least: int = 1) -> int:
    """The extent of a tile that holds `size` numbers: a power of two, as Triton wants it."""
    return max(1 << max(size - 1, 0).bit_length(), least)


def num_blocks(size: int, block: int) -> int:
    """How many blocks cover `size` numbers."""
    return -(-size // block)
