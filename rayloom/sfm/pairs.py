"""Which photos are compared with which: all with all, or neighbours and those that look alike."""

from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

COMPARE_ALL_BELOW = 150
"""Photos up to which every pair is compared; the time grows with the square."""
REACH = 10
"""Photos before and after one that is taken to overlap with them."""
NUM_ALIKE = 20
"""Photos compared with one because they look like it."""
NUM_WORDS = 64
NUM_SAMPLES = 20_000

Pair = tuple[int, int]


def all_pairs(num_photos: int) -> list[Pair]:
    """Every pair (i, j) with i < j."""
    return list(combinations(range(num_photos), 2))


def neighbours(num_photos: int, reach: int = REACH) -> list[Pair]:
    """Pairs at most `reach` apart, or apart by a power of two, as on a path that comes back near itself."""
    gaps = {*range(1, reach + 1), *(2**k for k in range(num_photos.bit_length()))}
    return [(i, i + gap) for gap in sorted(gaps) for i in range(num_photos - gap)]


def alike(descriptors: Sequence[NDArray[np.uint8]], num_alike: int = NUM_ALIKE) -> list[Pair]:
    """Each photo with the `num_alike` most similar ones, from one (n, 128) array of descriptors a photo.

    A photo is described by the residuals of its descriptors to the nearest of a small vocabulary that is
    learnt from all photos (VLAD, Jégou et al. 2010), with signed square roots; similarity is their cosine.
    """
    words = _vocabulary(descriptors)
    vectors = np.array([_vlad(each, words) for each in descriptors])
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : min(num_alike, len(vectors) - 1)]
    return sorted({(min(i, int(j)), max(i, int(j))) for i, row in enumerate(nearest) for j in row})


def _vocabulary(descriptors: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Cluster centres, (words, 128), of a sample with the same share of every photo."""
    share = max(1, NUM_SAMPLES // len(descriptors))
    rng = np.random.default_rng(0)
    sample = np.concatenate([rng.permutation(each)[:share] for each in descriptors]).astype(np.float32)
    if len(sample) == 0:
        return np.zeros((1, 128), np.float32)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 15, 0.0)
    cv2.setRNGSeed(0)
    # Fewer words than features, or every feature would be a word of its own and tell nothing.
    num_words = max(1, min(NUM_WORDS, len(sample) // 10))
    _, _, centres = cv2.kmeans(sample, num_words, np.empty(0), criteria, 1, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centres, dtype=np.float32)


def _vlad(descriptors: NDArray[np.uint8], words: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vector of a photo; zero for one without features."""
    points = descriptors.astype(np.float32)
    # Of |p - w|^2, the part that decides which word is nearest.
    nearest = np.argmin(np.sum(words**2, axis=1) - 2 * points @ words.T, axis=1)
    residuals = np.zeros_like(words)
    np.add.at(residuals, nearest, points - words[nearest])
    flat = (np.sign(residuals) * np.sqrt(np.abs(residuals))).ravel()
    return (flat / max(float(np.linalg.norm(flat)), 1e-12)).astype(np.float32)
