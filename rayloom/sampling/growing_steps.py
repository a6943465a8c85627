"""Steps that suit the space of a hash grid: even in a box, growing with distance where there is no end."""

from rayloom.geometry.boxes import Box
from rayloom.kernels import StepRule


def growing_steps(
    box: Box, num_steps: int, share: float, *, bounded: bool, first: int = 12, coarse_share: float = 0.6
) -> StepRule:
    """How rays step when this share of learning is over.

    There are `num_steps` from side to side of a box that is all there is, at any time. Else the distance
    grows e-fold in so many at last, and the box is crossed in so many too; at the beginning in `first`, so
    that many rays see a scene while it is fog. Steps grow finer over `coarse_share` of learning.
    """
    side = float((box.high - box.low).min())
    if bounded:
        return StepRule(side / num_steps)
    finer = min(max(share, 0.0) / coarse_share, 1.0) if coarse_share > 0 else 1.0
    per_fold = first * (num_steps / first) ** finer
    return StepRule(side / per_fold, growth=1 / per_fold)
