"""Codes that tell photos apart: what differs between them and is not where or from where."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class CodeTable(nn.Module):
    """A learned vector for each training photo (generative latent optimisation, Bojanowski et al. 2018).

    Any other photo has the mean of all, unless another is `showing`.
    """

    def __init__(self, num_photos: int, size: int, deviation: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(deviation * torch.randn(num_photos, size))
        self._shown: Tensor | None = None

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def size(self) -> int:
        """Numbers in a code."""
        return self.weight.shape[1]

    @property
    def stranger(self) -> Float[Tensor, " size"]:
        """The code of a photo that did not train."""
        return self.weight.mean(0) if self._shown is None else self._shown

    @contextmanager
    def showing(self, code: Float[Tensor, " size"]) -> Iterator[None]:
        """Within, photos that did not train have this code."""
        before, self._shown = self._shown, code
        try:
            yield
        finally:
            self._shown = before

    def forward(self, photo: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch size"]:
        """The codes of photos by their number; -1 for one that did not train."""
        known = (photo >= 0)[..., None]
        return torch.where(known, self.weight[photo.clamp(min=0)], self.stranger)
