"""Learning-rate curves as plain functions of the share of training that is over."""

import math

from rayloom.paper import MethodConfig


def exponential(fraction: float, start: float, end: float) -> float:
    """A value that falls by the same factor in equal times, from `start` at 0 to `end` at 1."""
    return start * (end / start) ** min(fraction, 1.0)


def warmup(fraction: float, share: float, smallest: float = 0.01) -> float:
    """A factor that rises over the first `share` of training from `smallest` to 1 along a quarter sine.

    The rise of Barron et al. 2021; 1 throughout where `share` is 0.
    """
    if fraction >= share:
        return 1.0
    return smallest + (1.0 - smallest) * math.sin(0.5 * math.pi * fraction / share)


def lr_scale(config: MethodConfig, fraction: float) -> float:
    """What every parameter group's own rate is multiplied by: 1 at the start, less any warm-up."""
    return warmup(fraction, config.lr_warmup) * exponential(fraction, config.lr, config.lr_final) / config.lr
