"""Marching cubes block by block gives one closed, outward surface in the right place."""

import numpy as np
import pytest
import torch

from rayloom.errors import InputError
from rayloom.export import surface as surfaces
from rayloom.export.manifold import is_watertight
from rayloom.export.surface import Grid, Surface, extract

LOW, HIGH = np.array([-1.0, -0.9, -0.8]), np.array([1.0, 1.0, 1.0])


def ball(points: torch.Tensor, radius: float = 0.6) -> torch.Tensor:
    return 20 * torch.exp((radius - points.norm(dim=-1)) / 0.05)


def found(*, closed: bool = True, radius: float = 0.6, resolution: int = 40) -> Surface:
    grid = Grid.of_box(LOW, HIGH, resolution)
    return extract(lambda p: ball(p, radius), grid, 20.0, closed=closed, tell=lambda stage, share: None)


def volume(surface: Surface) -> float:
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def test_the_surface_of_a_ball_is_where_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(surfaces, "CELLS", 16)
    made = found()
    # Along an edge of length h the distance from the middle is bent by h^2 / (8 r) at most.
    assert np.abs(np.linalg.norm(made.vertices, axis=-1) - 0.6).max() < 0.05**2 / (8 * 0.6) + 1e-5
    assert is_watertight(made)
    assert volume(made) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.01)
    cosines = (made.normals * made.vertices).sum(-1) / np.linalg.norm(made.vertices, axis=-1)
    assert cosines.min() > 0.99


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    whole = found()
    monkeypatch.setattr(surfaces, "CELLS", 7)
    pieces = found()
    assert len(pieces.faces) == len(whole.faces)
    assert len(pieces.vertices) == len(whole.vertices)
    order = [np.lexsort(np.round(s.vertices, 5).T) for s in (whole, pieces)]
    np.testing.assert_allclose(whole.vertices[order[0]], pieces.vertices[order[1]], atol=1e-5)


def test_what_a_box_cuts_is_closed_or_open_as_asked():
    assert is_watertight(found(radius=1.2))
    assert not is_watertight(found(radius=1.2, closed=False))


@pytest.mark.parametrize(("density", "words"), [(0.0, "nowhere as dense as 20"), (1e3, "solid in 100%")])
def test_no_surface_is_said(density: float, words: str):
    grid = Grid.of_box(LOW, HIGH, 16)
    with pytest.raises(InputError, match=words):
        extract(
            lambda p: torch.full_like(p[:, 0], density), grid, 20.0, closed=False, tell=lambda s, share: None
        )


def test_cells_cover_the_box_and_are_cubes():
    grid = Grid.of_box(LOW, HIGH, 40)
    assert grid.counts == (40, 38, 36)
    np.testing.assert_allclose(grid.low, LOW)
    np.testing.assert_allclose(grid.low + grid.width * np.array(grid.counts), HIGH)
