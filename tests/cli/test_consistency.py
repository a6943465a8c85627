from collections.abc import Callable

import pytest
import torch

from rayloom.cli import consistency
from rayloom.cli.consistency import measure_consistency, print_consistency
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig
from rayloom.data.synthetic.captures import make_capture
from rayloom.data.synthetic.rigs import Dome
from rayloom.data.synthetic.still_life import object_world
from rayloom.method import Method, MethodConfig, Paper
from rayloom.types import Batch, Image, Progress, Rays, Rendering
from tests.methods.ball import OBJECT


class Ball(Method[MethodConfig]):
    """Shows a ball about the origin in a paint that stays on it, or that changes from frame to frame."""

    paper, presets = Paper("A ball", year=2026), {}

    def __init__(self, flicker: Callable[[], float], opacity: float = 1.0) -> None:
        super().__init__(MethodConfig(), OBJECT)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.flicker, self.opacity = flicker, opacity

    def render(self, rays: Rays) -> Rendering:
        raise NotImplementedError

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def render_image(self, rays: Rays) -> Image:
        along = -(rays.origins * rays.directions).sum(-1)
        closest = rays.origins.square().sum(-1) - along.square()
        depth = along - (0.25 - closest).clamp(min=0).sqrt()
        points = rays.origins + depth[..., None] * rays.directions
        rgb = 0.5 + 0.3 * torch.sin(3 * points) + self.flicker()
        met = closest < 0.25
        return Image(rgb * met[..., None], self.opacity * met, depth * met)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consistency, "NUM_FRAMES", 60)
    made = make_capture(object_world(0), Dome(), num_views=6, size=40, seed=0)
    return prepare_scene(made.capture, DataConfig())


def test_paint_that_flickers_scores_less(scene, capsys):
    numbers = iter(range(1000))
    steady = measure_consistency(Ball(lambda: 0.0), scene, quiet=True)
    flickering = measure_consistency(Ball(lambda: 0.1 * (next(numbers) % 2)), scene, quiet=True)
    assert steady["frames"] == 60
    assert steady["rcc"] is not None
    assert flickering["rcc"] is not None
    assert steady["rcc"] > 30
    assert flickering["rcc"] == pytest.approx(20, abs=1)
    assert 0 < steady["kept"] < 1
    print_consistency(steady)
    assert f"RCC {steady['rcc']:.2f} dB over 60 frames" in capsys.readouterr().out


def test_a_film_of_nothing_has_no_score(scene, capsys):
    found = measure_consistency(Ball(lambda: 0.0, opacity=0.2), scene, quiet=True)
    assert found["rcc"] is None
    print_consistency(found)
    assert "RCC none" in capsys.readouterr().out
    print_consistency(None)
    assert capsys.readouterr().out == ""
