"""A surface laid flat in a picture: charts by xatlas, and which place of the surface each texel shows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from rayloom.errors import InputError
from rayloom.export.surface import Surface

PADDING = 4
"""Texels between charts, so that none shows another one's colour when it is seen from afar."""
CANDIDATES_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Unwrapped:
    """A surface whose vertices have a place in a picture; those on seams occur more than once."""

    surface: Surface
    normals: Float[NDArray[np.float64], "n 3"]
    """Unit normals of the vertices, those of the surface without seams."""
    uv: Float[NDArray[np.float64], "n 2"]
    """Places in [0, 1], from the lower left corner of the picture."""
    size: tuple[int, int]
    """Width and height of the picture in texels."""


@dataclass(frozen=True)
class Texels:
    """The texels that show something, and what."""

    rows: Int[NDArray[np.int64], " n"]
    columns: Int[NDArray[np.int64], " n"]
    points: Float[NDArray[np.float64], "n 3"]
    normals: Float[NDArray[np.float64], "n 3"]


def unwrap(surface: Surface, resolution: int) -> Unwrapped:
    """The surface cut into charts, packed into a picture of about `resolution` texels along each side."""
    import xatlas  # noqa: PLC0415

    atlas = xatlas.Atlas()
    # Charts follow lengths, and floats hold few digits far from the origin: a unit cube suits both.
    low, high = surface.vertices.min(0), surface.vertices.max(0)
    unit = (surface.vertices - low) / (high - low).max()
    atlas.add_mesh(unit.astype(np.float32), surface.faces.astype(np.uint32))
    options = xatlas.PackOptions()
    options.resolution, options.padding, options.bilinear = resolution, PADDING, True
    atlas.generate(pack_options=options)
    if len(atlas) == 0 or atlas.width == 0:
        raise InputError("the surface", "cannot be laid flat; expected --color vertices for it")
    source, faces, uv = atlas[0]
    cut = Surface(surface.vertices[source], faces.astype(np.int64))
    # xatlas counts rows from the top, as pictures do.
    places = np.column_stack([uv[:, 0], 1 - uv[:, 1]]).astype(np.float64)
    return Unwrapped(cut, surface.normals[source], places, (atlas.width, atlas.height))


def texels(unwrapped: Unwrapped) -> Texels:
    """The texels whose centre lies in a face, and the place of the face that is there."""
    width, height = unwrapped.size
    flat = np.column_stack([unwrapped.uv[:, 0] * width, (1 - unwrapped.uv[:, 1]) * height])
    corners = flat[unwrapped.surface.faces]
    low = np.ceil(corners.min(1) - 0.5).astype(np.int64).clip(0)
    high = np.floor(corners.max(1) - 0.5).astype(np.int64).clip(max=[width - 1, height - 1])
    sizes = (high - low + 1).clip(0)
    counts = sizes.prod(-1)
    parts = []
    for chosen in np.split(np.arange(len(counts)), _cuts(counts)):
        parts.append(_inside(chosen, counts, low, sizes, corners))
    face, column, row, shares = (np.concatenate(values) for values in zip(*parts, strict=True))
    # A texel on an edge lies in both faces; one of them will do.
    _, first = np.unique(row * width + column, return_index=True)
    surface, shares = unwrapped.surface, shares[first][:, :, None]
    vertices = surface.faces[face[first]]
    normals = (shares * unwrapped.normals[vertices]).sum(1)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-30)
    return Texels(row[first], column[first], (shares * surface.vertices[vertices]).sum(1), normals)


def filled(
    colors: Float[NDArray[np.float64], "n 3"], places: Texels, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """The picture with these colours; texels that show nothing take that of the nearest one that does."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415

    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[places.rows, places.columns] = np.rint(255 * colors.clip(0, 1))
    empty: Bool[NDArray[np.bool_], "h w"] = np.ones((height, width), np.bool_)
    empty[places.rows, places.columns] = False
    nearest = np.asarray(distance_transform_edt(empty, return_distances=False, return_indices=True))
    return picture[nearest[0], nearest[1]]


def _cuts(counts: Int[NDArray[np.int64], " faces"]) -> NDArray[np.int64]:
    """Where to cut a list of faces so that the boxes around the pieces' faces have so many texels at most."""
    pieces = counts.cumsum() // CANDIDATES_AT_ONCE
    return np.flatnonzero(np.diff(pieces)) + 1


def _inside(
    chosen: NDArray[np.int64],
    counts: NDArray[np.int64],
    low: NDArray[np.int64],
    sizes: NDArray[np.int64],
    corners: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Face, column, row and barycentric coordinates of the texels in boxes around faces that lie in them."""
    face = chosen.repeat(counts[chosen])
    starts = counts[chosen].cumsum() - counts[chosen]
    number = np.arange(len(face)) - starts.repeat(counts[chosen])
    column, row = low[face, 0] + number % sizes[face, 0], low[face, 1] + number // sizes[face, 0]
    a, b, c = corners[face].transpose(1, 0, 2)
    center = np.column_stack([column, row]) + 0.5
    area = _cross(b - a, c - a)
    area = np.where(area == 0, np.inf, area)
    shares = np.column_stack(
        [_cross(c - b, center - b), _cross(a - c, center - c), _cross(b - a, center - a)]
    )
    shares /= area[:, None]
    # Texels on an edge must not fall between two faces by rounding.
    kept = (shares >= -1e-9).all(-1) & np.isfinite(area)
    return face[kept], column[kept], row[kept], shares[kept]


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
