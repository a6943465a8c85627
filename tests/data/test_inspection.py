import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel
from rayloom.data.inspection import describe_scene, inspect_scene, plot_scene
from rayloom.data.prepare import load_scene, prepare_scene
from rayloom.data.scene import DataConfig
from tests.data.camera_rings import capture_of, pinhole, ring_poses


@pytest.fixture
def scene(tmp_path):
    capture = capture_of(ring_poses(9), warnings=("Something was odd.",))
    frames = list(capture.frames)
    for name, level in (("all", 0), ("none", 255)):
        Image.new("L", (16, 12), level).save(tmp_path / f"{name}.png")
    frames[3] = replace(frames[3], ignore_mask=tmp_path / "all.png")
    frames[4] = replace(frames[4], ignore_mask=tmp_path / "none.png")
    small = np.zeros((6, 8, 3), np.uint8)
    radial = replace(pinhole(8, 6, 7.0), model=CameraModel.SIMPLE_RADIAL)
    frames[5] = replace(frames[5], image=small, intrinsics=radial)
    points = np.random.default_rng(0).normal(size=(100, 3))
    return prepare_scene(replace(capture, frames=tuple(frames), points=points), DataConfig())


def test_the_report_is_the_contract(scene):
    report = inspect_scene(scene)
    assert json.loads(json.dumps(report)) == report
    assert report == {
        "format": "test",
        "images": 9,
        "used": 8,
        "resolution": [16, 12],
        "camera_models": ["PINHOLE", "SIMPLE_RADIAL"],
        "moments": 1,
        "near": scene.info.near,
        "far": scene.info.far,
        "split": {"train": 7, "val": 0, "test": 2},
        "masks": {"ignore": 2, "empty": 0},
        "warnings": ["Something was odd.", "1 images are masked whole, the first is image_0003."],
    }


def test_the_lines_say_the_same(scene):
    text = "\n".join(describe_scene(scene))
    for part in ("test, unbounded", "9 (8 of 9 used), 16 x 12", "7 train, 2 test", "Something was odd."):
        assert part in text


def test_moments_are_counted_where_the_photos_have_times(scene):
    assert "moments" not in "\n".join(describe_scene(scene))
    timed = replace(scene, times=np.array([0, 0, 0.5, 0.5, 1, 1, 1, 1, 1]))
    assert inspect_scene(timed)["moments"] == 3
    assert "time         3 moments" in describe_scene(timed)


@pytest.mark.parametrize("name", ["scene.png", "scene.pdf"])
def test_the_plot_is_written(scene, tmp_path, name):
    plot_scene(scene, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 10_000


def test_the_plot_shows_every_camera_and_the_box(scene, tmp_path):
    plot_scene(scene, tmp_path / "scene.png")
    picture = np.asarray(Image.open(tmp_path / "scene.png").convert("RGB")).astype(int)
    for colour in ((44, 160, 44), (31, 119, 180), (214, 39, 40)):
        assert (np.abs(picture - colour).max(-1) < 30).sum() > 100


def test_inspecting_needs_no_torch(shared_data):
    path = shared_data("llff_fern")
    code = (
        "import sys; from pathlib import Path;"
        "from rayloom.data.prepare import load_scene; from rayloom.data.scene import DataConfig;"
        "from rayloom.data.inspection import inspect_scene;"
        f"inspect_scene(load_scene(Path({str(path)!r}), DataConfig()));"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_real_capture_is_understood(shared_data):
    report = inspect_scene(load_scene(shared_data("desk_colmap"), DataConfig()))
    assert report["format"] == "colmap"
    assert report["resolution"] == [953, 535]
    assert report["camera_models"] == ["PINHOLE"]
    assert report["split"] == {"train": 25, "val": 0, "test": 4}
