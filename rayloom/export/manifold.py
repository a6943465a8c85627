"""Surfaces with two faces at each edge: whether they are closed, and sheets that touch taken apart."""

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from rayloom.export.surface import Surface

MAX_ROUNDS = 8
"""Of halving edges; each of them may leave a few edges that have to wait for their neighbours."""

_NEXT = [1, 2, 0]


def is_watertight(surface: Surface) -> bool:
    """Whether each edge belongs to exactly two faces, which run along it in opposite directions."""
    ahead, back = _half_edges(surface)
    ahead, back = np.sort(ahead), np.sort(back)
    return len(ahead) > 0 and bool((ahead[1:] > ahead[:-1]).all()) and np.array_equal(ahead, back)


def apart(surface: Surface) -> Surface:
    """A closed surface whose sheets, where several meet at an edge or a vertex, no longer share it.

    Of the faces around an edge, those belong together that have matter between them. Nothing moves: vertices
    are repeated, and where that is not enough edges are halved. A surface with a border stays as it is.
    """
    if _pairs(surface) is None:
        return surface
    surface = _unfolded(_unglued(_unfolded(surface)))
    for _ in range(MAX_ROUNDS):
        chosen = _doubles(surface)
        if chosen is None:
            break
        surface = _unfolded(_halved(surface, *chosen))
    return surface


def _unfolded(surface: Surface) -> Surface:
    """The surface without faces that use a vertex twice, and without pairs that lie on each other."""
    order = np.argsort(surface.faces, -1)
    # Even permutations of sorted vertices run one way around, odd ones the other.
    sign = np.where((order[:, 1] - order[:, 0]) % 3 == 1, 1, -1)
    _, kind = np.unique(np.sort(surface.faces, -1), axis=0, return_inverse=True)
    kind = kind.ravel()
    # As many copies of a face stay as there are more of it one way around than the other.
    copies = np.lexsort((sign, kind))
    group = 2 * kind[copies] + (sign[copies] > 0)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    rank = np.empty_like(kind)
    rank[copies] = np.arange(len(kind)) - starts.repeat(np.diff(starts, append=len(kind)))
    kept = rank < np.bincount(kind, sign)[kind] * sign
    a, b, c = surface.faces.T
    return surface.only(kept & (a != b) & (b != c) & (c != a))


def _unglued(surface: Surface) -> Surface:
    """The surface with a vertex for each fan of faces around it."""
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    pairs = _pairs(surface)
    assert pairs is not None, "closed"
    first, second = pairs
    # Half-edge k of a face begins at its corner k and ends at the next one; the partner runs back.
    rows, columns = np.concatenate([first, _ends(first)]), np.concatenate([_ends(second), second])
    size = surface.faces.size
    graph = coo_array((np.ones(len(rows), np.bool_), (rows, columns)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    _, source = np.unique(label, return_index=True)
    return Surface(surface.vertices[surface.faces.ravel()[source]], label.reshape(-1, 3).astype(np.int64))


def _doubles(surface: Surface) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Pairs of half-edges between the same vertices as another pair, one of each face at most; or None."""
    pairs = _pairs(surface)
    assert pairs is not None, "closed"
    ahead, back = _half_edges(surface)
    keys = np.minimum(ahead, back)[pairs[0]]
    _, once = np.unique(keys, return_index=True)
    faces: set[int] = set()
    chosen = []
    for row in np.setdiff1d(np.arange(len(keys)), once).tolist():
        touched = {int(pairs[0][row]) // 3, int(pairs[1][row]) // 3}
        if not touched & faces:
            faces |= touched
            chosen.append(row)
    return (pairs[0][chosen], pairs[1][chosen]) if chosen else None


def _halved(surface: Surface, first: NDArray[np.int64], second: NDArray[np.int64]) -> Surface:
    """The surface with a vertex of its own in the middle of each edge, given by its two half-edges."""
    faces, ends = surface.faces, surface.faces.ravel()
    middles = (surface.vertices[ends[first]] + surface.vertices[ends[_ends(first)]]) / 2
    number = np.tile(len(surface.vertices) + np.arange(len(first)), 2)
    face, corner = np.divmod(np.concatenate([first, second]), 3)
    halves = faces[face], faces[face]
    rows = np.arange(len(face))
    halves[0][rows, (corner + 1) % 3] = number
    halves[1][rows, corner] = number
    faces = faces.copy()
    faces[face] = halves[0]
    return Surface(np.concatenate([surface.vertices, middles]), np.concatenate([faces, halves[1]]))


def _half_edges(surface: Surface) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for the way of each half-edge from vertex to vertex, and for the way back."""
    start, end = surface.faces.ravel(), surface.faces[:, _NEXT].ravel()
    size = len(surface.vertices)
    return start * size + end, end * size + start


def _ends(half_edges: Int[NDArray[np.int64], " n"]) -> NDArray[np.int64]:
    """The corners at which half-edges end."""
    face, corner = np.divmod(half_edges, 3)
    return 3 * face + (corner + 1) % 3


def _pairs(surface: Surface) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Half-edges along the same edge in opposite directions, each in one pair; None with a border."""
    ahead, back = _half_edges(surface)
    order = np.argsort(np.minimum(ahead, back), kind="stable")
    edges = np.minimum(ahead, back)[order]
    starts = np.flatnonzero(np.diff(edges, prepend=-1))
    counts = np.diff(starts, append=len(edges))
    if len(edges) == 0 or not np.array_equal(np.sort(ahead), np.sort(back)):
        return None
    plain = starts[counts == 2]
    first, second = [order[plain]], [order[plain + 1]]
    for start, count in zip(starts[counts > 2], counts[counts > 2], strict=True):
        matched = _matched(surface, order[start : start + count])
        first.append(matched[:, 0])
        second.append(matched[:, 1])
    return np.concatenate(first), np.concatenate(second)


def _matched(surface: Surface, around: Int[NDArray[np.int64], " n"]) -> Int[NDArray[np.int64], "half 2"]:
    """Half-edges of one edge in pairs with matter between their faces."""
    face, corner = np.divmod(around, 3)
    a, b = surface.faces[face, corner], surface.faces[face, (corner + 1) % 3]
    low, high = surface.vertices[[min(a[0], b[0]), max(a[0], b[0])]]
    axis = (high - low) / max(np.linalg.norm(high - low), 1e-30)
    arms = surface.vertices[surface.faces[face, (corner + 2) % 3]] - low
    level = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    angles = np.arctan2(arms @ np.cross(axis, level), arms @ level)
    turned = around[np.argsort(angles, kind="stable")]
    # Seen along the edge, matter follows, in the sense of rising angles, on faces that run against it, and
    # ends at the next face that runs along it. Two rounds find what encloses the angle pi.
    along = (a < b)[np.argsort(angles, kind="stable")]
    waiting: list[int] = []
    pairs: list[tuple[int, int]] = []
    done: set[int] = set()
    for half_edge, runs_along in [*zip(turned.tolist(), along.tolist(), strict=True)] * 2:
        if half_edge in done or half_edge in waiting:
            continue
        if not runs_along:
            waiting.append(half_edge)
        elif waiting:
            partner = waiting.pop()
            pairs.append((partner, half_edge))
            done |= {partner, half_edge}
    return np.array(pairs, np.int64)
