"""The orbit of a short run in both ways."""

import re
import subprocess
import sys
from pathlib import Path

import av

PROJECT = Path(__file__).resolve().parents[2]
SIZE, FRAMES = 32, 40


def said_by(*command: object) -> str:
    """What a command of python prints."""
    line = [sys.executable, *map(str, command)]
    done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_orbit_is_filmed_in_both_ways(tmp_path: Path):
    world, run, video = tmp_path / "world", tmp_path / "run", tmp_path / "new" / "orbit.mp4"
    said_by("-m", "rayloom", "world", "--out", world, "--views", 10, "--size", SIZE)
    said_by("-m", "rayloom", "train", "rels-nerf@tiny", "--data", world, "--steps", 200, "--out", run)
    said = said_by("examples/05_latent_orbit.py", run, "--frames", FRAMES, "--out", video)
    scores = dict(re.findall(r"^RCC of (\w+): ([\d.]+) dB", said, re.MULTILINE))
    assert set(scores) == {"colours", "decoded"}
    assert all(5 < float(score) < 60 for score in scores.values())
    ((rays, decoder),) = re.findall(r"^decoded: ([\d.]+) ms for rays \+ ([\d.]+) ms", said, re.MULTILINE)
    assert float(rays) > 0
    assert float(decoder) > 0
    with av.open(str(video)) as film:
        shapes = [(frame.height, frame.width) for frame in film.decode(video=0)]
    assert len(shapes) == FRAMES
    assert min(shapes)[1] >= 2 * SIZE
