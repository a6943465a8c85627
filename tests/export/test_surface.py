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


def found(
    *, closed: bool = True, radius: float = 0.6, resolution: int = 40, smoothing: float = 0.0, density=ball
) -> Surface:
    grid, tell = Grid.of_box(LOW, HIGH, resolution), lambda stage, share: None
    return extract(lambda p: density(p, radius), grid, 20.0, closed=closed, tell=tell, smoothing=smoothing)


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


@pytest.mark.parametrize("smoothing", [0.0, 0.7])
def test_blocks_change_nothing(smoothing: float, monkeypatch: pytest.MonkeyPatch):
    whole = found(smoothing=smoothing)
    monkeypatch.setattr(surfaces, "CELLS", 7)
    pieces = found(smoothing=smoothing)
    assert len(pieces.faces) == len(whole.faces)
    assert len(pieces.vertices) == len(whole.vertices)
    order = [np.lexsort(np.round(s.vertices, 5).T) for s in (whole, pieces)]
    np.testing.assert_allclose(whole.vertices[order[0]], pieces.vertices[order[1]], atol=1e-5)


def rough(points: torch.Tensor, radius: float) -> torch.Tensor:
    """The ball with waves as short as four cells, by which density doubles or halves."""
    return ball(points, radius) * torch.exp(0.7 * torch.sin(2 * np.pi * points / 0.2).prod(-1))


def tilts(surface: Surface) -> np.ndarray:
    cosines = (surface.normals * surface.vertices).sum(-1) / np.linalg.norm(surface.vertices, axis=-1)
    return np.degrees(np.arccos(cosines.clip(-1, 1)))


def test_a_rough_ball_grows_smooth_and_stays_where_it_is():
    raw, smooth = found(density=rough), found(density=rough, smoothing=1.0)
    assert np.median(tilts(smooth)) < 0.6 * np.median(tilts(raw))
    # A Gaussian of 0.05 moves a sphere of radius 0.6 inwards by 0.05^2 / 0.6.
    assert np.linalg.norm(smooth.vertices, axis=-1).mean() == pytest.approx(0.6 - 0.05**2 / 0.6, abs=2e-3)
    assert is_watertight(smooth)


def test_a_plane_does_not_move_when_density_is_blurred():
    made = found(density=lambda points, radius: 20 * torch.exp((0.31 - points[:, 2]) / 0.05), smoothing=1.0)
    top = made.vertices[np.abs(made.vertices[:, :2]).max(-1) < 0.7]
    np.testing.assert_allclose(top[top[:, 2] > 0][:, 2], 0.31, atol=1e-4)


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
