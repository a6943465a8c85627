"""The peak of memory beside what `--memory` estimates before training, for 50 to 5,000 photos.

Every case is a process of its own, `rayloom train --memory GB`, on photos of one colour each that are made
for it. Its memory that no file backs is read every few milliseconds, and the highest reading is its peak.

Usage:

    python benchmarks/memory.py
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rayloom.claims.runner import device_description
from rayloom.training.memory import private_memory_mb

PROJECT = Path(__file__).resolve().parents[1]
BAR = 0.15
"""By which peak and estimate may differ, as a share of the estimate."""
SECONDS_PER_READING = 0.004
ANGLE = 0.7


@dataclass(frozen=True)
class Case:
    """A training to be measured."""

    photos: int
    size: int
    method: str
    memory_gb: float
    steps: int
    scored: bool = False


CASES = (
    Case(50, 200, "loom", 4.0, 40),
    Case(500, 200, "loom", 4.0, 40),
    Case(5000, 200, "loom", 4.0, 40),
    Case(5000, 200, "loom", 1.2, 40),
    Case(50, 200, "loom@quality", 4.0, 20),
    *(
        Case(50, 200, method, 4.0, 6)
        for method in (
            *("nerf@tiny", "nerf@small", "mip-nerf@small", "mip-nerf-360@tiny", "barf@small", "nerf-w@small"),
            *("tensorf@small", "plenoxels@small", "kilo-nerf@small", "plen-octrees@small"),
        )
    ),
    Case(50, 400, "loom", 4.0, 40, scored=True),
)


def write_capture(root: Path, photos: int, size: int) -> None:
    """Photos of one colour each on a ring, all but two to train on, in the format of NeRF-synthetic."""
    colors = np.random.default_rng(0).integers(0, 256, (photos, 3), dtype=np.uint8)
    for split, numbers in (("train", range(2, photos)), ("test", range(2))):
        (root / split).mkdir(parents=True)
        frames: list[dict[str, Any]] = []
        for i in numbers:
            photo = np.broadcast_to(colors[i], (size, size, 3))
            Image.fromarray(np.ascontiguousarray(photo)).save(root / split / f"{i}.png", compress_level=1)
            pose = look_at_origin(2 * math.pi * i / photos)
            frames.append({"file_path": f"./{split}/{i}", "transform_matrix": pose.tolist()})
        content = {"camera_angle_x": ANGLE, "frames": frames}
        (root / f"transforms_{split}.json").write_text(json.dumps(content))


def look_at_origin(azimuth: float) -> np.ndarray:
    """A pose with OpenGL axes at distance 4."""
    backward = np.array([math.cos(azimuth), math.sin(azimuth), 0.3])
    backward /= np.linalg.norm(backward)
    right = np.cross([0, 0, 1], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, 4 * backward], axis=-1)
    return pose


def measure(case: Case, data: Path, run: Path) -> dict[str, Any]:
    """Peak and estimate of a case, in MiB."""
    words = ["train", case.method, "--data", data, "--out", run, "--memory", case.memory_gb]
    words += ["--steps", case.steps, "--device", "cpu", "--quiet", *([] if case.scored else ["--no-eval"])]
    process = subprocess.Popen([sys.executable, "-m", "rayloom", *map(str, words)], stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        # Of a process that has just ended there is nothing to read.
        peak = max(peak, private_memory_mb(process.pid))
        time.sleep(SECONDS_PER_READING)
    if process.returncode != 0:
        raise SystemExit(process.returncode)
    estimate = json.loads((run / "memory.json").read_text())["estimate_mb"]
    share = peak / estimate["total"] - 1
    return asdict(case) | {"peak_mb": peak, "estimate_mb": estimate, "off": share, "met": abs(share) <= BAR}


def row(result: dict[str, Any]) -> str:
    """A line of the table."""
    estimate = result["estimate_mb"]
    cells = [f"{result['photos']} of {result['size']} x {result['size']}", result["method"]]
    cells += ["yes" if result["scored"] else "no", f"{result['memory_gb']:g}", f"{result['peak_mb']:.0f}"]
    cells += [
        f"{estimate['total']:.0f}",
        f"{100 * result['off']:+.1f} %",
        "yes" if result["met"] else "**no**",
    ]
    cells += [f"{estimate[name]:.0f}" for name in PARTS]
    return "| " + " | ".join(cells) + " |"


PARTS = ("base", "photos", "method", "optimizer", "step", "checkpoint", "picture")


def write(results: list[dict[str, Any]], out: Path) -> None:
    """The figures as JSON and as a table."""
    machine = device_description()
    out.with_suffix(".json").write_text(json.dumps({"device": machine, "results": results}, indent=1) + "\n")
    titles = (
        "photos",
        "method",
        "scored",
        "budget GB",
        "peak MB",
        "estimate MB",
        "off",
        "within 15 %",
        *PARTS,
    )
    lines = [
        "# Memory",
        "",
        f"Made by `python benchmarks/memory.py` on {machine}. The peak is that of the memory which no file",
        "backs, of a process that trains for some steps; the estimate is what `--memory` tells before them.",
        "",
        "| " + " | ".join(titles) + " |",
        "|" + "---|" * len(titles),
        *map(row, results),
    ]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure all cases; keep what is measured as soon as it is there."""
    parser = argparse.ArgumentParser(description="Measure the peak of memory beside its estimate.")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results" / "memory")
    parser.add_argument("--cases", type=int, nargs="+", default=range(len(CASES)), help="numbers, from 0")
    args = parser.parse_args()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in args.cases:
            case = CASES[number]
            data = Path(scratch) / f"{case.photos}-{case.size}"
            if not data.exists():
                write_capture(data, case.photos, case.size)
            results.append(measure(case, data, Path(scratch) / f"run-{number}"))
            print(row(results[-1]), flush=True)
            write(results, args.out)


if __name__ == "__main__":
    main()
