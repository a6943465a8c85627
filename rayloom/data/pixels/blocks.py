"""Copies of a picture at 1/2, 1/4, 1/8, ... of the size: every block of pixels becomes one pixel.

Blocks are squares whose side is a power of two, so that halving again and again gives the same copies.
Rows at the bottom and columns on the right that fill no whole block are left out: every pixel of a copy
covers as many pixels of the picture as any other, and the camera's numbers are divided exactly.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROWS_PER_STRIP = 64


def block_means(picture: NDArray[np.uint8], block: int) -> NDArray[np.uint8]:
    """The mean over each block of a picture (h, w, c); of four channels the last is straight alpha.

    Colours are averaged with alpha as their weight, so that a copy over any background is the mean of the
    picture over that background. Sums are whole numbers, and only the quotients are rounded.
    """
    height, width, channels = picture.shape[0] // block, picture.shape[1] // block, picture.shape[2]
    means = np.empty((height, width, channels), np.uint8)
    # Strips bound the memory that the floating-point copy of a large photo takes.
    for start in range(0, height, _ROWS_PER_STRIP):
        stop = min(start + _ROWS_PER_STRIP, height)
        sums = picture[start * block : stop * block, : width * block].astype(np.float32)
        if channels == 4:
            sums[..., :3] *= sums[..., 3:]
        for _ in range(block.bit_length() - 1):
            sums = sums[::2, ::2] + sums[::2, 1::2] + sums[1::2, ::2] + sums[1::2, 1::2]
        if channels == 4:
            sums[..., :3] *= block**2 / np.maximum(sums[..., 3:], 1)
        means[start:stop] = np.rint(sums / block**2)
    return means


def any_of_blocks(mask: NDArray[np.bool_], block: int) -> NDArray[np.bool_]:
    """Whether a mask (h, w) is true anywhere in each block."""
    height, width = mask.shape[0] // block, mask.shape[1] // block
    whole = mask[: height * block, : width * block]
    return np.asarray(whole.reshape(height, block, width, block).any(axis=(1, 3)))


def block_middles(values: NDArray[Any], block: int) -> NDArray[Any]:
    """The value of a depth picture or of labels (h, w) at the middle of each block.

    Such are picked, never averaged: the mean over an edge is a depth at which there is nothing. The middle
    is a corner of four pixels, of which the lower right one is taken.
    """
    height, width = values.shape[0] // block, values.shape[1] // block
    return values[block // 2 :: block, block // 2 :: block][:height, :width]
