"""Functions of one and two variables with known detail, for networks that fit signals."""

import math

import numpy as np
from numpy.typing import NDArray


def sines(
    num_samples: int, seed: int = 0, *, highest: int = 16, octaves: bool = False
) -> NDArray[np.float64]:
    """A random function of period 1 at the middles of equal cells, within [-1, 1].

    All frequencies up to `highest` take part with equal strength; with `octaves` only its powers of two do,
    each half as strong as the one before, so that the signal has detail at every scale.
    """
    rng = np.random.default_rng(seed)
    frequency = 2 ** np.arange(int(math.log2(highest)) + 1) if octaves else np.arange(1, highest + 1)
    strength = 0.5 ** np.arange(len(frequency)) if octaves else np.ones(len(frequency))
    phase = rng.uniform(0, 2 * math.pi, len(frequency))
    x = (np.arange(num_samples) + 0.5) / num_samples
    return np.sin(2 * math.pi * x[:, None] * frequency + phase) @ (strength / strength.sum())


def pattern(size: int, seed: int = 0) -> NDArray[np.float64]:
    """A colour picture with smooth parts, sharp edges and fine stripes: size x size x 3 in [0, 1].

    Each pixel is the value at its centre; the finest stripes have a period of 1/40 of the width.
    """
    rng = np.random.default_rng(seed)
    middles = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(middles, middles)
    phase = rng.uniform(0, 2 * math.pi, 3)
    picture = 0.5 + 0.3 * np.sin(5 * x[..., None] + 7 * y[..., None] ** 2 + phase)
    for i in range(5):
        center, radius, angle = rng.uniform(0.1, 0.9, 2), rng.uniform(0.1, 0.22), rng.uniform(0, math.pi)
        low, high = rng.uniform(0, 1, (2, 3))
        along = math.cos(angle) * (x - center[0]) + math.sin(angle) * (y - center[1])
        stripes = 0.5 + 0.5 * np.sin(2 * math.pi * along * (10, 40, 20, 0, 30)[i])
        inside = np.hypot(x - center[0], y - center[1]) < radius
        if i % 2:
            inside = np.maximum(abs(x - center[0]), abs(y - center[1])) < radius
        picture[inside] = (low + stripes[..., None] * (high - low))[inside]
    return picture


def ellipses(size: int, seed: int = 0, *, count: int = 8) -> NDArray[np.float64]:
    """Densities of random overlapping ellipses, as slices for tomography: size x size, at least 0."""
    rng = np.random.default_rng(seed)
    middles = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(middles, middles)
    density = np.zeros((size, size))
    for _ in range(count):
        center, radii = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.08, 0.4, 2)
        angle, value = rng.uniform(0, math.pi), rng.uniform(0.1, 0.4)
        u = math.cos(angle) * (x - center[0]) + math.sin(angle) * (y - center[1])
        v = math.cos(angle) * (y - center[1]) - math.sin(angle) * (x - center[0])
        density += value * ((u / radii[0]) ** 2 + (v / radii[1]) ** 2 < 1)
    return density
