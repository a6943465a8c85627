from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.method import MethodConfig
from rayloom.training.collapse import CollapseAlarm, collapse
from rayloom.training.records import Record
from rayloom.types import Rays, Rendering
from tests.training.painted_scenes import Gradient, make_scene, photo
from tests.training.test_loop import OneColor

SCENE = make_scene(("train", "train", "test"))


class Plain(OneColor):
    """Sees one colour of so much opacity."""

    opacity = 1.0

    def render(self, rays: Rays) -> Rendering:
        return replace(super().render(rays), opacity=torch.full_like(rays.near, self.opacity))


def painted_over(level: float, opacity: float = 1.0) -> Plain:
    method = Plain(MethodConfig(), SCENE.info)
    method.painted.data[:] = level
    method.opacity = opacity
    return method


@pytest.mark.parametrize(
    ("level", "opacity", "words"),
    [
        (1.0, 1.0, "all white"),
        (0.0, 1.0, "all black"),
        (1.0, 0.0, "all white and empty"),
        (0.5, 1.0, "of one colour, 0.50 0.50 0.50"),
    ],
)
def test_a_collapse_is_named(level: float, opacity: float, words: str) -> None:
    assert collapse(painted_over(level, opacity), SCENE) == words


class Contrast(Gradient):
    """Paints what the photos show, whichever camera asks."""

    def render(self, rays: Rays) -> Rendering:
        return super().render(replace(rays, camera_index=torch.full_like(rays.camera_index, -1)))


def test_a_picture_with_contrast_is_none() -> None:
    assert collapse(Contrast(MethodConfig(), SCENE.info), SCENE) is None


def test_photos_of_one_colour_say_nothing() -> None:
    white = replace(SCENE, images=(np.full_like(photo(), 255),) * 3)
    assert collapse(painted_over(1.0), white) is None


def test_random_numbers_and_modes_stay_as_they_were() -> None:
    method, before = painted_over(1.0).train(), torch.get_rng_state()
    collapse(method, SCENE)
    assert method.training
    assert torch.equal(torch.get_rng_state(), before)


def record(step: int, seconds: float, fraction: float = 0.5) -> Record:
    return Record(step, seconds, fraction, loss=0.1, psnr=10.0, rays_per_second=1.0, memory_mb=1.0)


def test_the_alarm_passes_records_on_and_speaks_once(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Record] = []
    alarm = CollapseAlarm(painted_over(0.0), SCENE, heard.append)
    records = [
        record(10, 50.0),
        record(300, 5.0),
        record(400, 21.0),
        record(500, 50.0),
        record(600, 51.0, 1.0),
    ]
    for item in records:
        alarm.hear(item)
    assert heard == records
    assert [entry.getMessage().partition(":")[0] for entry in caplog.records] == ["step 400"]
    assert "all that is seen is all black" in caplog.text
