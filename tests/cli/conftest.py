"""A capture of sixteen pixels a side, and a run that was trained on it by the command line."""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HAZE = Path(__file__).parents[1] / "methods" / "haze_nerf.py"
BALL = Path(__file__).with_name("known_ball.py")
SIZE, ANGLE = 16, 0.7


def ball(pose: np.ndarray) -> Image.Image:
    """A picture, with alpha, of a ball of radius 1 at the origin, coloured by its normal."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5 - SIZE / 2, np.arange(SIZE) + 0.5 - SIZE / 2)
    directions = np.stack([x, -y, np.full_like(x, -SIZE / 2 / math.tan(ANGLE / 2))], axis=-1)
    directions = directions / np.linalg.norm(directions, axis=-1, keepdims=True) @ pose[:3, :3].T
    along = -directions @ pose[:3, 3]
    miss = np.sum((pose[:3, 3] + along[..., None] * directions) ** 2, axis=-1)
    t = along - np.sqrt(np.maximum(1 - miss, 0))
    normal = pose[:3, 3] + t[..., None] * directions
    rgba = np.concatenate([0.5 + 0.5 * normal, (miss < 1)[..., None]], axis=-1)
    return Image.fromarray(np.rint(np.clip(rgba, 0, 1) * 255).astype(np.uint8))


def look_from(azimuth: float, height: float) -> np.ndarray:
    """A pose with OpenGL axes, at distance 4, that looks to the origin."""
    backward = np.array([math.cos(azimuth), math.sin(azimuth), height])
    backward /= np.linalg.norm(backward)
    right = np.cross([0, 0, 1], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, 4 * backward], axis=-1)
    return pose


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the format of NeRF-synthetic: eight photos to train on, two to test."""
    root = tmp_path_factory.mktemp("ball")
    for split, count in (("train", 8), ("test", 2)):
        frames = []
        (root / split).mkdir()
        for i in range(count):
            pose = look_from(2 * math.pi * i / count + (split == "test"), 0.3 + 0.4 * (i % 2))
            ball(pose).save(root / split / f"r_{i}.png")
            frames.append({"file_path": f"./{split}/r_{i}", "transform_matrix": pose.tolist()})
        content = {"camera_angle_x": ANGLE, "frames": frames}
        (root / f"transforms_{split}.json").write_text(json.dumps(content))
    return root


@contextmanager
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one, since many files would wait for the disk."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else tmp_path_factory.mktemp("files")
    with tempfile.TemporaryDirectory(dir=place) as path:
        yield Path(path)


@dataclass(frozen=True)
class Trained:
    """A run and what the command said."""

    run: Path
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def trained(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Haze-NeRF after three steps, by `rayloom train FILE.py@tiny`."""
    run = tmp_path_factory.mktemp("runs") / "haze"
    args = ["train", "--data", str(capture), f"{HAZE}@tiny", "--steps=3", "--out", str(run), "--json"]
    command = [sys.executable, "-m", "rayloom", *args]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return Trained(run, said)
