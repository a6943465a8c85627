"""How good loom is on real captures after some time, beside NeRF in the same time.

Every figure comes from the commands that a user would type: `rayloom train METHOD --data CAPTURE` and its
evaluation on the held-out views. NeRF runs at its smallest preset and at the paper's size; a view of the
latter takes many minutes on a CPU, so that its PSNR is that of some pixels, drawn at random from each
held-out view. The captures are looked for in $RAYLOOM_DATA, else in ../shared/data.

Usage:

    python benchmarks/captures.py --seconds 120
    python benchmarks/captures.py fox llff_fern --seconds 300 --methods loom
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from rayloom.claims.runner import device_description
from rayloom.cli.opening import open_run
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.metrics.images import psnr

PROJECT = Path(__file__).resolve().parents[1]
CAPTURES: dict[str, tuple[str, ...]] = {
    "blender_chair_400": (),
    "blender_chair_800": (),
    "tiny_chair_100": (),
    "fox": ("--scale", "2"),
    "llff_fern": (),
    "desk_colmap": (),
    "cafe_table_360": (),
}
METHODS = ("loom", "nerf", "nerf@tiny")
SAMPLED = {"mip-nerf-360@small", "nerf", "nerf@small"}
"""Methods of which a view takes too long; they are scored on some pixels of each."""
PIXELS_PER_VIEW = 512
SCORES = ("psnr", "ssim", "lpips_alex", "lpips_vgg")


def measure(data: Path, method: str, seconds: float, options: tuple[str, ...], runs: Path) -> dict[str, Any]:
    """One training and its evaluation, as `train --json` reports it, with the held-out PSNR over time."""
    out = runs / f"{data.name}-{method.replace('@', '-')}"
    words = ["train", method, "--data", data, "--seconds", seconds, "--out", out, "--json", *options]
    if method == "loom":
        words += ["--eval-every", seconds / 4]
    if method in SAMPLED:
        words.append("--no-eval")
    command = [sys.executable, "-m", "rayloom", *map(str, words)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    run = json.loads(finished.stdout)
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    curve = [
        (round(record["seconds"]), round(record["held_out_psnr"], 2))
        for record in records
        if record["held_out_psnr"] is not None
    ]
    result = run["eval"] or sampled_evaluation(out)
    scores = {name: result["mean"].get(name) for name in SCORES}
    protocol = result["protocol"]
    kept = ("method", "steps", "seconds", "compile_seconds", "rays", "samples", "peak_memory_mb")
    facts = {"capture": data.name, "resolution": protocol["resolution"], "num_views": protocol["num_views"]}
    return (
        facts
        | {name: run[name] for name in kept}
        | {"method": method, "asked_seconds": seconds}
        | scores
        | {"pixels_per_view": PIXELS_PER_VIEW if method in SAMPLED else None, "psnr_over_seconds": curve}
    )


def sampled_evaluation(run: Path) -> dict[str, Any]:
    """Mean over the held-out views of the PSNR of some of their pixels, in the form of an evaluation."""
    method, scene = open_run(run, None, "auto")
    cameras, generator = scene_cameras(scene), torch.Generator().manual_seed(0)
    views = scene.indices("test")
    scores = []
    for view in views:
        truth, valid = truth_image(scene, view)
        usable = valid.flatten().nonzero()[:, 0]
        chosen = usable[torch.randint(len(usable), (PIXELS_PER_VIEW,), generator=generator)]
        rays = cameras.image_rays(view)
        image = method.render_image(rays.reshape(rays.shape.numel())[chosen].reshape(1, PIXELS_PER_VIEW))
        scores.append(psnr(image.rgb.clamp(0, 1), truth.reshape(-1, 3)[chosen][None]))
    sizes = sorted({(scene.intrinsics[view].width, scene.intrinsics[view].height) for view in views})
    return {"mean": {"psnr": fmean(scores)}, "protocol": {"resolution": sizes, "num_views": len(views)}}


def kept_rows(
    out: Path, captures: list[str], methods: list[str], asked_seconds: float
) -> list[dict[str, Any]]:
    """Rows of an earlier measuring that this one does not measure anew."""
    file = out.with_suffix(".json")
    rows = json.loads(file.read_text())["results"] if file.exists() else []
    anew = set(itertools.product(captures, methods, [asked_seconds]))
    return [row for row in rows if (row["capture"], row["method"], row["asked_seconds"]) not in anew]


def place(result: dict[str, Any]) -> tuple[int, str, float]:
    """Where a row stands in the table."""
    return list(CAPTURES).index(result["capture"]), result["method"], result["asked_seconds"]


def row(result: dict[str, Any]) -> str:
    """A line of the table."""
    size = ", ".join(f"{width} x {height}" for width, height in result["resolution"])
    scores = ["-" if result[name] is None else f"{result[name]:.2f}" for name in SCORES[:1]]
    scores += ["-" if result[name] is None else f"{result[name]:.3f}" for name in SCORES[1:]]
    curve = ", ".join(f"{psnr:.1f} at {seconds} s" for seconds, psnr in result["psnr_over_seconds"])
    sampled = result.get("pixels_per_view")
    views = f"{result['num_views']}, {sampled} pixels each" if sampled else str(result["num_views"])
    cells = [result["capture"], size, views, result["method"], *scores]
    cells += [f"{result['seconds']:.0f}", str(result["steps"]), f"{result['peak_memory_mb']:.0f}", curve]
    return "| " + " | ".join(cells) + " |"


def write(results: list[dict[str, Any]], out: Path) -> None:
    """The figures as JSON and as a table."""
    machine = device_description()
    out.with_suffix(".json").write_text(json.dumps({"device": machine, "results": results}, indent=1) + "\n")
    titles = ("capture", "size", "views", "method", "PSNR", "SSIM", "LPIPS alex", "LPIPS vgg")
    titles += ("seconds", "steps", "peak MB", "PSNR of four held-out views over training")
    lines = [
        "# Real captures",
        "",
        f"Made by `python benchmarks/captures.py` on {machine}. Means over the held-out views; see",
        "`docs/cli.md` for the protocol. [Pictures](mip-nerf-360-beside-nerf.png): photo,",
        "`mip-nerf-360@small` and `nerf@small` after 120 s each, at a quarter of the size.",
        "",
        "| " + " | ".join(titles) + " |",
        "|" + "---|" * len(titles),
        *map(row, results),
    ]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure the captures named, or all; keep what is measured as soon as it is there."""
    parser = argparse.ArgumentParser(description="Measure loom and NeRF on real captures.")
    parser.add_argument("captures", nargs="*", default=list(CAPTURES), help="some of: " + ", ".join(CAPTURES))
    parser.add_argument("--seconds", type=float, default=120, help="training time of each run")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--runs", type=Path, help="keep the run folders here")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results" / "captures")
    args = parser.parse_args()
    root = Path(os.environ.get("RAYLOOM_DATA", PROJECT.parent / "shared" / "data"))
    results = kept_rows(args.out, args.captures, args.methods, args.seconds)
    with tempfile.TemporaryDirectory() as scratch:
        for name in args.captures:
            for method in args.methods:
                options, runs = CAPTURES[name], args.runs or Path(scratch)
                results.append(measure(root / name, method, args.seconds, options, runs))
                print(row(results[-1]), flush=True)
                write(sorted(results, key=place), args.out)


if __name__ == "__main__":
    main()
