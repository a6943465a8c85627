"""Numbering the true ones among many flags, in little more memory than the flags themselves."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 64
"""Flags that are counted together."""


class Selection:
    """The true ones of the flags in some arrays, behind one another: a byte a flag, a number a block."""

    def __init__(self, parts: Sequence[NDArray[np.bool_]]) -> None:
        size = sum(part.size for part in parts)
        flags = np.zeros(-(-size // BLOCK) * BLOCK, np.bool_)
        start = 0
        for part in parts:
            flags[start : start + part.size] = part.ravel()
            start += part.size
        self.flags: Bool[Tensor, " n"] = torch.from_numpy(flags)
        """All flags, and false ones up to the end of a block."""
        self._blocks = self.flags.view(-1, BLOCK)
        self._ends = self._blocks.sum(-1).cumsum(0)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, number: Int[Tensor, " m"]) -> Int[Tensor, " m"]:
        """The places of true flags by their number, from 0, in the order of places."""
        block = torch.searchsorted(self._ends, number, right=True)
        inside = self._blocks.index_select(0, block).cumsum(-1, dtype=torch.uint8)
        before = self._ends.index_select(0, block) - inside[:, -1]
        # As many places come before the flag as have not reached its number yet.
        within = (inside <= (number - before)[:, None].to(torch.uint8)).sum(-1)
        return block * BLOCK + within
