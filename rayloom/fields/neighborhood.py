"""What pixels learn from their neighbours: a shallow convolutional network on rendered features.

Jiang et al., "AligNeRF", 2023, arXiv:2211.09682. Samples carry features, which are rendered as colours are;
a few convolutions of the picture of features say what neighbourhoods add to the colours of single rays.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn


class NeighborhoodCNN(nn.Module):
    """3 x 3 convolutions with ReLUs, and a linear layer to a residual of colours.

    Borders are reflected, so that pictures must have at least 2 pixels a side. The last layer begins at zero:
    at first neighbourhoods add nothing.
    """

    def __init__(self, num_features: int, width: int, depth: int = 3) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")
            for inputs, outputs in pairwise([num_features] + [width] * depth)
        )
        self.head = nn.Conv2d(width, 3, 1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    @property
    def radius(self) -> int:
        """How many pixels away a neighbour may be that counts."""
        return len(self.convolutions)

    def forward(self, features: Float[Tensor, "*batch h w c"]) -> Float[Tensor, "*batch h w 3"]:
        """What is to be added to the colours of pictures with these features."""
        x = features.movedim(-1, -3)
        for convolution in self.convolutions:
            x = convolution(x).relu()
        return self.head(x).movedim(-3, -1)

    @torch.no_grad()
    def in_patches(
        self, features: Float[Tensor, "h w c"], *, side: int = 256, overlap: int | None = None
    ) -> Float[Tensor, "h w 3"]:
        """The same for one large picture in patches of about `side` pixels, which bounds the memory.

        Each patch sees `overlap` pixels around it. From `radius` on, which is the default, the result is that
        of the whole picture; with fewer, seams show where patches meet. A picture of a single row or column,
        whose borders reflect nothing, gets nothing.
        """
        reach = self.radius if overlap is None else overlap
        height, width = features.shape[:2]
        residual = features.new_zeros(height, width, 3)
        if min(height, width) < 2:
            return residual
        for top, bottom in _pieces(height, side):
            for left, right in _pieces(width, side):
                first_row, first_column = max(top - reach, 0), max(left - reach, 0)
                seen = features[first_row : bottom + reach, first_column : right + reach]
                inner = self(seen)[top - first_row :, left - first_column :]
                residual[top:bottom, left:right] = inner[: bottom - top, : right - left]
        return residual


def idle(*modules: nn.Module) -> Float[Tensor, ""]:
    """Zero, for losses in which modules have no part yet: their gradients are zero and not absent."""
    parameters = [parameter.sum() for module in modules for parameter in module.parameters()]
    return 0.0 * torch.stack(parameters).sum()


def _pieces(length: int, side: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of nearly equal pieces of at most `side` pixels."""
    count = -(-length // side)
    ends = [length * i // count for i in range(count + 1)]
    yield from pairwise(ends)
