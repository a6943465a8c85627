"""How well semantic classes of pixels are told."""

from typing import TypedDict

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class LabelScores(TypedDict):
    """Scores of classes over all pixels of all pictures whose true class is known."""

    accuracy: float
    """Share of the pixels whose class is right."""
    miou: float
    """Mean over the classes that occur of the intersection over the union."""


class LabelTally:
    """How often each true class was told as each class."""

    def __init__(self, num_labels: int) -> None:
        self.counts = torch.zeros(num_labels, num_labels, dtype=torch.int64)

    def add(self, told: Int[Tensor, "h w"], true: Int[Tensor, "h w"], valid: Bool[Tensor, "h w"]) -> None:
        """Count the pixels of a picture that are valid and whose true class is known."""
        counted = valid & (true >= 0)
        pairs = len(self.counts) * true[counted] + told[counted]
        self.counts += pairs.bincount(minlength=self.counts.numel()).reshape(self.counts.shape).cpu()

    def scores(self) -> LabelScores | None:
        """The scores so far; None before the first known pixel."""
        if not self.counts.any():
            return None
        right = self.counts.diag()
        shares = intersection_over_union(self.counts)
        return {
            "accuracy": float(right.sum() / self.counts.sum()),
            "miou": float(shares[self.counts.sum(1) > 0].mean()),
        }


def intersection_over_union(counts: Int[Tensor, "k k"]) -> Float[Tensor, " k"]:
    """Of each class, from how often each true class (rows) was told as each other (columns)."""
    right = counts.diag()
    # A class that neither occurs nor is told has an empty union, and nobody asks for its share.
    union = counts.sum(0) + counts.sum(1) - right
    return right / union.clamp(min=1)
