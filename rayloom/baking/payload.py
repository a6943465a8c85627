"""Voxels as bytes: which blocks and corners there are, then channel after channel, as surprises, deflated."""

import math
import zlib

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from rayloom.baking.blocks import Blocks
from rayloom.errors import InputError
from rayloom.kernels.voxels import BLOCK, CHANNELS

LEVEL = 9
"""Of zlib: files are written once and sent often."""
CELLS = BLOCK**3
STRIDES = BLOCK * BLOCK, BLOCK, 1
"""From a corner to the next one along each axis."""
MOST_PLACES = 260**3
"""Blocks that fit into the space of a page, whether there is anything in them or not: 2048 voxels across."""
FEW_BLOCKS = 1 << 13
"""Blocks that any page may have. Real ones take hundreds of bytes each; of more of them there must be ..."""
BLOCK_BYTES = 8
"""... at least so many bytes for each, or a small file could fill the memory."""


def packed(blocks: Blocks, voxels: UInt8[Tensor, "blocks 8 8 8 12"]) -> bytes:
    """The places of blocks and those of their voxels that have density.

    Red and blue are told by what they differ from green, and every byte by what it differs from a guess from
    the corners before it, so that smooth values become small ones.
    """
    values = voxels.reshape(len(blocks), CELLS, CHANNELS).permute(1, 2, 0).numpy().copy()
    known = np.ascontiguousarray(values[:, 0] > 0)
    values[:, 1] -= values[:, 2] - np.uint8(128)
    values[:, 3] -= values[:, 2] - np.uint8(128)
    values *= known[:, None]
    guess = _Guess(values, known)
    surprises = np.stack([values[corner] - guess.at(corner) for corner in range(CELLS)])
    told = surprises.transpose(1, 2, 0)[:, known.T]
    places = np.packbits((blocks.numbers >= 0).numpy().ravel())
    # Surprises are as likely everywhere, so that hardly any repeat: short codes matter more than matches.
    deflate = zlib.compressobj(LEVEL, strategy=zlib.Z_FILTERED)
    return (
        deflate.compress(places.tobytes() + np.packbits(known.T).tobytes() + told.tobytes()) + deflate.flush()
    )


def unpacked(
    data: bytes, size: tuple[int, int, int], where: object
) -> tuple[Blocks, UInt8[Tensor, "blocks 8 8 8 12"]]:
    """The inverse; voxels without density are 0. Raises InputError for bytes that were cut or changed.

    Unpacking stops where these bytes cannot come from `packed`, before they take much memory.
    """
    places, source = math.prod(size), _Unpacker(data, where)
    if min(size) < 1 or places > MOST_PLACES:
        raise InputError(where, f"is a space of {size} blocks; expected at most {MOST_PLACES} in all")
    kept = np.unpackbits(source.take(-(-places // 8)))[:places].astype(bool)
    count, most = int(kept.sum()), FEW_BLOCKS + len(data) // BLOCK_BYTES
    if count > most:
        raise InputError(where, f"holds {count} blocks in {len(data)} bytes; expected at most {most}")
    known = np.unpackbits(source.take(count * CELLS // 8)).astype(bool).reshape(-1, CELLS)
    told = np.zeros((CHANNELS, *known.shape), np.uint8)
    told[:, known] = source.take(int(known.sum()) * CHANNELS).reshape(CHANNELS, -1)
    source.expect_end()
    values = _from_surprises(np.ascontiguousarray(told.transpose(2, 0, 1)), known.T.copy())
    voxels = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))
    blocks = Blocks.of(torch.from_numpy(kept.reshape(size)))
    return blocks, voxels.view(-1, BLOCK, BLOCK, BLOCK, CHANNELS)


class _Unpacker:
    """Inflates so many bytes at a time, and never more than were asked for."""

    def __init__(self, data: bytes, where: object) -> None:
        self.rest, self.where, self.inflate = data, where, zlib.decompressobj()

    def take(self, count: int) -> NDArray[np.uint8]:
        """The next bytes; raises InputError where there are not as many."""
        data = self._inflated(count) if count > 0 else b""
        if len(data) != count:
            raise InputError(self.where, f"holds fewer bytes of voxels than the {count} expected")
        return np.frombuffer(data, np.uint8)

    def expect_end(self) -> None:
        """Raise InputError unless this is all."""
        if self._inflated(1) or not self.inflate.eof:
            raise InputError(self.where, "holds more bytes of voxels than expected, or not their end")

    def _inflated(self, count: int) -> bytes:
        try:
            data = self.inflate.decompress(self.rest, count)
        except zlib.error as error:
            raise InputError(
                self.where, f"the voxels cannot be unpacked ({error}); expected a whole file"
            ) from error
        self.rest = self.inflate.unconsumed_tail
        return data


def _from_surprises(told: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The values of `corners channels blocks`, 0 where they are not known."""
    values = np.zeros_like(told)
    guess = _Guess(values, known)
    for corner in range(CELLS):
        values[corner] = np.where(known[corner], told[corner] + guess.at(corner), 0)
    values[:, 1] += values[:, 2] - np.uint8(128)
    values[:, 3] += values[:, 2] - np.uint8(128)
    return np.where(known[:, None], values, 0)


class _Guess:
    """What a corner is likely to be: the mean of the known ones before it, next to it along each axis.

    Where there is none, the last one known in its block, and 0 at first. To be asked corner by corner, of
    values that are 0 where they are not known.
    """

    def __init__(self, values: NDArray[np.uint8], known: NDArray[np.bool_]) -> None:
        self.values, self.known = values, known
        self.last = np.zeros_like(values[0])

    def at(self, corner: int) -> NDArray[np.uint8]:
        """The guess for all `channels blocks`; values before the corner must be there."""
        if corner > 0:
            np.copyto(self.last, self.values[corner - 1], where=self.known[corner - 1])
        before = [corner - step for step in STRIDES if corner // step % BLOCK > 0]
        count = self.known[before].sum(0, dtype=np.uint16)
        total = self.values[before].sum(0, dtype=np.uint16)
        mean = (total + count // 2) // np.maximum(count, 1)
        return np.where(count > 0, mean, self.last).astype(np.uint8)
