"""What `loom@sharp` gains over `loom` in equal seconds, on photos at their full size.

Every figure comes from the commands that a user would type: `rayloom train METHOD --data CAPTURE` and its
evaluation on the held-out views. Beside the figures stand crops of a held-out view: photo, loom, loom@sharp,
where the photo has most detail. Crops of captures that may not be redistributed stay with the runs. The
captures are looked for in $RAYLOOM_DATA, else in ../shared/data.

Usage:

    python benchmarks/sharp.py --seconds 120 --runs outputs/sharp
    python benchmarks/sharp.py fox --seconds 60 --runs outputs/fox --methods loom loom@sharp
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rayloom.claims.runner import device_description
from rayloom.cli.opening import open_run
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.metrics import pictures

PROJECT = Path(__file__).resolve().parents[1]
CAPTURES = ("blender_chair_800", "fox", "desk_colmap", "cafe_table_360")
FREE = {"blender_chair_800"}
"""Captures whose pictures may be kept with the results."""
METHODS = ("loom", "loom@sharp")
SCORES = {
    "psnr": "PSNR", "psnr_shifted": "shifted", "ssim": "SSIM", "lpips_alex": "LPIPS alex",
    "lpips_vgg": "LPIPS vgg", "e_warp": "E_warp", "gradient_ratio": "gradients",
}  # fmt: skip
CROP = 160
"""Side of the crops, pixels."""


def measure(data: Path, method: str, seconds: float, run: Path) -> dict[str, Any]:
    """One training and its evaluation, as `train --json` reports it."""
    words = ["train", method, "--data", data, "--seconds", seconds, "--out", run, "--json"]
    command = [sys.executable, "-m", "rayloom", *map(str, words)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(finished.stdout)
    scores, protocol = report["eval"]["mean"], report["eval"]["protocol"]
    kept = ("steps", "seconds", "rays", "samples", "peak_memory_mb")
    facts = {"capture": data.name, "resolution": protocol["resolution"], "num_views": protocol["num_views"]}
    facts |= {"method": method, "asked_seconds": seconds}
    return facts | {name: report[name] for name in kept} | {name: scores[name] for name in SCORES}


def write_crops(runs: dict[str, Path], out: Path) -> None:
    """Photo and renderings of the held-out view in the middle, where the photo has most detail."""
    panels: list[tuple[str, np.ndarray]] = []
    for method, run in runs.items():
        trained, scene = open_run(run, None, "auto")
        views = scene.indices("test")
        view = views[len(views) // 2]
        photo, _ = truth_image(scene, view)
        crop = busiest(photo)
        with torch.no_grad():
            image = trained.eval().render_image(scene_cameras(scene).image_rays(view))
        if not panels:
            panels.append(("photo", pictures.eight_bit(photo[crop].numpy())))
        panels.append((method, pictures.eight_bit(image.rgb[crop].cpu().numpy())))
    pictures.write_png(pictures.side_by_side(panels), out)


def busiest(photo: torch.Tensor) -> tuple[slice, slice]:
    """The square of `CROP` pixels, or as large as fits, in which neighbours differ most."""
    right, below = photo[:-1, 1:] - photo[:-1, :-1], photo[1:, :-1] - photo[:-1, :-1]
    energy = (right.square() + below.square()).sum(-1)[None, None]
    side = min(CROP, *energy.shape[2:])
    sums = torch.nn.functional.avg_pool2d(energy, side, stride=1)[0, 0]
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return slice(top, top + side), slice(left, left + side)


def row(result: dict[str, Any]) -> str:
    """A line of the table."""
    size = ", ".join(f"{width} x {height}" for width, height in result["resolution"])
    scores = [
        "-"
        if (value := result[name]) is None
        else f"{value:.2f}"
        if name.startswith("psnr")
        else f"{value:.4f}"
        for name in SCORES
    ]
    seconds, memory = f"{result['seconds']:.0f}", f"{result['peak_memory_mb']:.0f}"
    cells = [result["capture"], size, result["method"], *scores, seconds, str(result["steps"]), memory]
    return "| " + " | ".join(cells) + " |"


def comparison(results: list[dict[str, Any]]) -> list[str]:
    """How the second method of each capture stands to the first, in words."""
    lines = []
    for capture in dict.fromkeys(result["capture"] for result in results):
        first, *others = (result for result in results if result["capture"] == capture)
        for other in others:
            shares = [
                f"{title} {100 * (other[name] / first[name] - 1):+.1f} %"
                for name, title in SCORES.items()
                if name in {"lpips_vgg", "e_warp"} and None not in (first[name], other[name])
            ]
            change = f"PSNR {other['psnr'] - first['psnr']:+.2f} dB"
            lines.append(
                f"* {capture}, {other['method']} against {first['method']}: " + ", ".join([*shares, change])
            )
    return lines


def write(results: list[dict[str, Any]], out: Path) -> None:
    """The figures as JSON and as a table."""
    machine = device_description()
    out.with_suffix(".json").write_text(json.dumps({"device": machine, "results": results}, indent=1) + "\n")
    titles = ("capture", "size", "method", *SCORES.values(), "seconds", "steps", "peak MB")
    lines = [
        "# Sharp photos",
        "",
        f"Made by `python benchmarks/sharp.py` on {machine}. Means over the held-out views; see",
        "`docs/cli.md` for the protocol.",
        "",
        "| " + " | ".join(titles) + " |",
        "|" + "---|" * len(titles),
        *map(row, results),
        "",
        *comparison(results),
    ]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure the captures named, or all; keep what is measured as soon as it is there."""
    parser = argparse.ArgumentParser(description="Measure loom@sharp beside loom on full-size photos.")
    parser.add_argument("captures", nargs="*", default=list(CAPTURES), help="some of: " + ", ".join(CAPTURES))
    parser.add_argument("--seconds", type=float, default=120, help="training time of each run")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--runs", type=Path, required=True, help="keep the run folders and all crops here")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results" / "sharp")
    args = parser.parse_args()
    root = Path(os.environ.get("RAYLOOM_DATA", PROJECT.parent / "shared" / "data"))
    results: list[dict[str, Any]] = []
    for name in args.captures:
        runs = {method: args.runs / f"{name}-{method.replace('@', '-')}" for method in args.methods}
        for method, run in runs.items():
            results.append(measure(root / name, method, args.seconds, run))
            print(row(results[-1]), flush=True)
            write(results, args.out)
        kept = args.out.with_name(f"{args.out.name}-{name}.png")
        write_crops(runs, kept if name in FREE else args.runs / f"{name}.png")


if __name__ == "__main__":
    main()
