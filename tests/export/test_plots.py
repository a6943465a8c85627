"""The curves of a training run, and cameras before and after it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from rayloom.errors import InputError
from rayloom.export.plots import plot_cameras, plot_training


def records(count: int) -> list[dict[str, float | None]]:
    """A run whose loss falls; every fifth record looks at held-out views."""
    return [
        {
            "step": 100 * i,
            "seconds": 2.0 * i,
            "loss": 0.1 * 0.9**i,
            "psnr": 15 + 0.3 * i,
            "held_out_psnr": 14 + 0.25 * i if i % 5 == 0 else None,
        }
        for i in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [1, 40])
def test_curves_become_a_picture(tmp_path: Path, count: int):
    plot_training(records(count), tmp_path / "plots" / "curves.png")
    picture = np.asarray(PILImage.open(tmp_path / "plots" / "curves.png").convert("RGB"))
    assert picture.shape == (480, 1200, 3)
    blue = (picture[..., 2].astype(int) - picture[..., 0]) > 80
    assert blue[:, :600].any()
    assert blue[:, 600:].any()


def test_records_with_nothing_but_a_loss_are_drawn(tmp_path: Path):
    plot_training([{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_nothing_to_draw_is_an_error(tmp_path: Path):
    with pytest.raises(InputError, match="no record holds a loss"):
        plot_training([{"step": 1}], tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_plotting_needs_no_display_and_no_global_state(tmp_path: Path):
    plot_training(records(3), tmp_path / "curves.png")
    assert "matplotlib.pyplot" not in sys.modules


def cameras(seed: int, count: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    return np.concatenate([axes, rng.normal(size=(count, 3, 1))], axis=-1)


def redness(picture: np.ndarray) -> int:
    return int(((picture[..., 0].astype(int) - picture[..., 2] > 100) & (picture[..., 1] < 100)).sum())


def test_cameras_before_and_after_stand_side_by_side_with_lines_to_the_true_ones(tmp_path: Path):
    true, before = cameras(0), cameras(1)
    plot_cameras(tmp_path / "cameras.png", true, before, true)
    picture = np.asarray(PILImage.open(tmp_path / "cameras.png").convert("RGB"))
    assert picture.shape == (600, 1200, 3)
    assert redness(picture[:, :600]) > 100
    assert redness(picture[:, 600:]) == 0


def test_cameras_in_one_place_are_drawn(tmp_path: Path):
    alike = np.repeat(cameras(0, 1), 5, axis=0)
    plot_cameras(tmp_path / "cameras.png", alike, alike, alike)
    assert (tmp_path / "cameras.png").stat().st_size > 0
