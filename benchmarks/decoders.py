"""Speed and quality of ReLS-NeRF by the size of its decoder, drawn beside the field's own colours.

Each size is trained by the command that a user would type; times are the least of several, of one held-out
view, in this process. The chair is looked for in $RAYLOOM_DATA, else in ../shared/data.

Usage:

    python benchmarks/decoders.py --steps 1000 --runs outputs/decoders
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from rayloom.claims.runner import device_description
from rayloom.cli.opening import open_run
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.methods.rels_nerf import ReLSNeRF
from rayloom.metrics.images import psnr

PROJECT = Path(__file__).resolve().parents[1]
SIZES = ("r32-small", "r32", "r32-large")
NUM_TIMES = 7


def measure(data: Path, size: str, steps: int, run: Path) -> dict[str, Any]:
    """One training, the scores of its pictures, and what one takes decoded and in colours."""
    words = ["train", "rels-nerf", "--autoencoder", size, "--data", data, "--steps", steps]
    command = [sys.executable, "-m", "rayloom", *map(str, words), "--out", str(run), "--json"]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    method, scene = open_run(run, None, "cpu")
    assert isinstance(method, ReLSNeRF)
    cameras, views = scene_cameras(scene), scene.indices("test")
    rays = cameras.image_rays(views[0])
    colors: list[float] = []
    terms: list[tuple[float, float, float]] = []
    with torch.inference_mode():
        for _ in range(NUM_TIMES + 1):
            start = time.perf_counter()
            method.color_image(rays)
            own = time.perf_counter() - start
            method.render_image(rays)
            terms.append((own, method.cost.rays, method.cost.decoder))
        for i in views:
            truth, valid = truth_image(scene, i)
            colors.append(psnr(method.color_image(cameras.image_rays(i)).rgb, truth, valid))
    # The first round warms up.
    own, for_rays, for_decoder = (min(column) for column in zip(*terms[1:], strict=True))
    mean = report["eval"]["mean"]
    return {
        "size": size, "steps": report["steps"], "seconds": report["seconds"], "num_views": len(views),
        "weights": sum(p.numel() for p in method.autoencoder.decoder.parameters()),
        "psnr": mean["psnr"], "lpips_alex": mean["lpips_alex"], "psnr_colors": fmean(colors),
        "colors_ms": 1e3 * own, "rays_ms": 1e3 * for_rays, "decoder_ms": 1e3 * for_decoder,
    }  # fmt: skip


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """PSNR over milliseconds a picture: a point for each size, and one for its field's colours."""
    from matplotlib.figure import Figure  # noqa: PLC0415  Slow to import, and only needed here.

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    times = [row["rays_ms"] + row["decoder_ms"] for row in rows]
    axes.plot(times, [row["psnr"] for row in rows], marker="o", label="decoded")
    axes.scatter(
        [row["colors_ms"] for row in rows], [row["psnr_colors"] for row in rows],
        marker="s", color="tab:gray", label="the field's own colours",
    )  # fmt: skip
    for row, x in zip(rows, times, strict=True):
        axes.annotate(row["size"], (x, row["psnr"]), textcoords="offset points", xytext=(6, -12))
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds a picture of 400 x 400")
    axes.set_ylabel("PSNR of new views, dB")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=120)


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """The figures as JSON, as a table, and drawn."""
    machine = device_description()
    out.with_suffix(".json").write_text(json.dumps({"device": machine, "sizes": rows}, indent=1) + "\n")
    draw(rows, out.with_suffix(".png"))
    head = ("decoder", "weights", "rays, ms", "decoder, ms", "colours, ms", "faster", "PSNR", "LPIPS alex",
            "PSNR of colours")  # fmt: skip
    lines = [
        "# ReLS-NeRF by the size of its decoder", "",
        f"Made by `python benchmarks/decoders.py` on {machine}: the chair at 400 x 400, "
        f"{rows[0]['steps']} steps, {rows[0]['num_views']} held-out views.", "",
        "| " + " | ".join(head) + " |", "|" + "---|" * len(head), *map(line, rows), "",
        f"![speed and quality]({out.name}.png)",
    ]  # fmt: skip
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def line(row: dict[str, Any]) -> str:
    """A line of the table."""
    faster = row["colors_ms"] / (row["rays_ms"] + row["decoder_ms"])
    cells = [row["size"], f"{row['weights']:,}", *(f"{row[n]:.1f}" for n in ("rays_ms", "decoder_ms"))]
    cells += [f"{row['colors_ms']:.1f}", f"{faster:.1f} x", f"{row['psnr']:.2f}", f"{row['lpips_alex']:.3f}"]
    return "| " + " | ".join([*cells, f"{row['psnr_colors']:.2f}"]) + " |"


def main() -> None:
    """Measure all sizes."""
    parser = argparse.ArgumentParser(description="Measure ReLS-NeRF by the size of its decoder.")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results" / "decoders")
    args = parser.parse_args()
    data = Path(os.environ.get("RAYLOOM_DATA", PROJECT.parent / "shared" / "data")) / "blender_chair_400"
    rows = [measure(data, size, args.steps, args.runs / size) for size in SIZES]
    write(rows, args.out)
    print("\n".join(map(line, rows)))


if __name__ == "__main__":
    main()
