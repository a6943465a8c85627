"""Pages are as fine as their size allows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rayloom.baking import fitting, refining
from rayloom.baking.files import page_bytes
from rayloom.baking.fitting import Page, bake_page
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.scene import DataConfig, Scene
from rayloom.errors import InputError
from tests.baking.shining_ball import SCENES, BallConfig, ShiningBall, cameras_around


def scene() -> Scene:
    """Cameras around the ball; photos do not matter."""
    cameras = cameras_around(10)
    lens = Intrinsics(CameraModel.PINHOLE, 40, 40, 48.0, 48.0, 20.0, 20.0)
    return Scene(
        root=Path("ball"),
        format="test",
        names=tuple(map(str, range(10))),
        images=(np.zeros((40, 40, 3), np.uint8),) * 10,
        ignore=(None,) * 10,
        depths=(None,) * 10,
        intrinsics=(lens,) * 10,
        world_from_camera=cameras.world_from_camera.double().numpy(),
        near=np.full(10, 0.3),
        far=np.full(10, 8.0),
        times=np.zeros(10),
        split=("train",) * 10,
        raw_from_world=np.eye(4),
        points=None,
        info=replace(SCENES["object"], num_images=10),
    )


def made(folder: Path, max_mb: float, resolution: int | None = None) -> Page:
    return bake_page(
        ShiningBall(BallConfig(), scene().info),
        scene(),
        DataConfig(),
        name="ball",
        title="ball",
        max_mb=max_mb,
        resolution=resolution,
        parts=folder / "parts",
        settings={},
        tell=lambda stage, share: None,
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ball's pictures are exact, not quick."""
    monkeypatch.setattr(refining, "STEPS", 1)
    monkeypatch.setattr(refining, "DRAWN", 500)


def test_a_larger_page_is_finer_and_none_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "PILOT", 32)
    sizes = [made(tmp_path, limit) for limit in (0.12, 0.2)]
    assert sizes[0].resolution < sizes[1].resolution
    for limit, size in zip((0.12, 0.2), sizes, strict=True):
        assert 0.4 * limit < size.megabytes <= limit
        assert len(page_bytes(size.text)) / 1e6 == pytest.approx(size.megabytes)
    assert not (tmp_path / "parts").exists()


def test_a_resolution_is_kept_or_refused(tmp_path: Path) -> None:
    assert made(tmp_path, 100.0, 40).resolution == 40
    with pytest.raises(InputError, match=r"at --resolution 40; expected at most 0\.05"):
        made(tmp_path, 0.05, 40)


def test_what_cannot_be_small_enough_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "PILOT", 32)
    with pytest.raises(InputError, match="the page alone takes more at any resolution"):
        made(tmp_path, 0.01)
