"""Learning-rate curves as plain functions of the share of training that is over."""

import math

from rayloom.paper import MethodConfig


def exponential(fraction: float, start: float, end: float, hold: float = 0.0) -> float:
    """A value that stays at `start` up to `hold` < 1, then falls to `end` as much in equal times."""
    fallen = min(max(fraction - hold, 0.0) / (1.0 - hold), 1.0)
    return start * (end / start) ** fallen


def warmup(fraction: float, share: float, smallest: float = 0.01) -> float:
    """A factor that rises over the first `share` of training from `smallest` to 1 along a quarter sine.

    The rise of Barron et al. 2021; 1 throughout where `share` is 0.
    """
    if fraction >= share:
        return 1.0
    return smallest + (1.0 - smallest) * math.sin(0.5 * math.pi * fraction / share)


def rate(config: MethodConfig, fraction: float, start: float, end: float, hold: float | None = None) -> float:
    """A rate that falls from `start` to `end` when the method's settings say so, after any warm-up.

    With `hold` it falls from that share of training on, whatever `lr_hold` says.
    """
    hold = config.lr_hold if hold is None else hold
    return warmup(fraction, config.lr_warmup) * exponential(fraction, start, end, hold)


def lr_scale(config: MethodConfig, fraction: float) -> float:
    """The share of its rate at the start that a parameter group without an `lr_final` of its own has now."""
    return rate(config, fraction, config.lr, config.lr_final) / config.lr
