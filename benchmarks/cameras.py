"""Cameras that are missing or wrong: what `rayloom process` finds, and what methods learn, with pictures.

`found` runs `rayloom process` on folders of bare photos, then `rayloom train` on what it wrote. Where a
capture has poses of its own, centres are compared with these after the best similarity. `learned` trains on
the still life, whose cameras are swung about it by random twists as in BARF, and draws the cameras before
and after, for docs/poses.md. The captures are looked for in $RAYLOOM_DATA, else in ../shared/data.

Usage:

    python benchmarks/cameras.py found --captures photos_plush fox --seconds 60
    python benchmarks/cameras.py learned
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rayloom.claims.experiments import held_out_psnr, photograph, trained
from rayloom.claims.runner import device_description
from rayloom.data.disturbance import noisy_poses
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig
from rayloom.data.synthetic.rigs import Dome
from rayloom.data.synthetic.still_life import object_world
from rayloom.export.plots import plot_cameras
from rayloom.metrics.poses import aligned, pose_errors
from rayloom.training.viewpoints import learned_poses

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = PROJECT / "docs" / "images"
CAPTURES = ("photos_sceaux_castle", "photos_plush", "photos_skull", "photos_sacre_coeur_wild", "fox")
SYSTEMS: dict[str, dict[str, Any]] = {
    "joint-tensorf": {"steps": 1500},
    "barf": {
        "steps": 6000,
        "width": 64,
        "num_samples": 40,
        "rays_per_step": 384,
        "position_octaves": 8,
        "lr": 3e-3,
        "lr_final": 3e-4,
    },
    "loom": {"steps": 1500, "poses": "refine"},
}
PRESETS = {"joint-tensorf": "tiny", "barf": "tiny", "loom": "default"}
NOISE = 0.15
"""Deviation of every number of the twists, radians and units of the training frame."""


def found(data: Path, seconds: float) -> dict[str, Any]:
    """What `rayloom process` makes of the photos of a capture, and the held-out PSNR of loom on it."""
    with tempfile.TemporaryDirectory() as scratch:
        photos, out, run = Path(scratch) / data.name, Path(scratch) / "capture", Path(scratch) / "run"
        # A capture's own file of poses must not be seen.
        shutil.copytree(data / "images" if (data / "images").is_dir() else data, photos)
        start = time.perf_counter()
        report = rayloom("process", photos, "--out", out, "--quiet", "--json")
        took = time.perf_counter() - start
        facts = {"capture": data.name, "seconds": took, "centres": None, "psnr": None, "views": None}
        facts["device"] = device_description()
        facts |= {name: report[name] for name in ("num_photos", "num_registered", "pieces", "mean_error_px")}
        facts["attempts"] = [attempt["name"] for attempt in report["attempts"]]
        if not (out / "transforms.json").is_file():
            return facts
        if (data / "transforms.json").is_file():
            facts["centres"] = error_of_centres(out, data)
        trained_run = rayloom("train", "--data", out, "--seconds", seconds, "--out", run, "--quiet", "--json")
        mean, protocol = trained_run["eval"]["mean"], trained_run["eval"]["protocol"]
        return facts | {"psnr": mean["psnr"], "views": protocol["num_views"]}


def rayloom(*words: object) -> dict[str, Any]:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "rayloom", *map(str, words)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def error_of_centres(found_in: Path, published_in: Path) -> float:
    """Root of the mean squared distance of camera centres, over the mean radius of the published ones."""
    ours, theirs = (poses_by_name(folder) for folder in (found_in, published_in))
    names = sorted(ours.keys() & theirs.keys())
    poses, truth = (torch.from_numpy(np.stack([of[name] for name in names])) for of in (ours, theirs))
    centres = truth[:, :, 3]
    off = (aligned(poses, truth)[:, :, 3] - centres).square().sum(-1).mean().sqrt()
    return float(off / (centres - centres.mean(0)).norm(dim=-1).mean())


def poses_by_name(folder: Path) -> dict[str, NDArray[np.float64]]:
    """world_from_camera of each photo of a capture by its file's name, in the training frame."""
    scene = load_scene(folder, DataConfig(scale=8))
    return {Path(name).stem: pose for name, pose in zip(scene.names, scene.world_from_camera, strict=True)}


def learned(name: str, picture: Path) -> dict[str, Any]:
    """How a method finds cameras on the still life, with a picture of them."""
    settings = dict(SYSTEMS[name])
    truth = photograph(object_world(0), Dome(), num_views=28, size=48, seed=0)
    seen = noisy_poses(truth, NOISE, NOISE, seed=0)
    steps = settings.pop("steps")
    start = time.perf_counter()
    method = trained(name, seen, preset=PRESETS[name], steps=steps, seed=0, **settings)
    seconds = time.perf_counter() - start
    train = list(truth.indices("train"))
    true, given = (torch.from_numpy(scene.world_from_camera[train]) for scene in (truth, seen))
    before, after = aligned(given, true), learned_poses(method, truth)
    assert after is not None, "each of these methods learns cameras"
    plot_cameras(picture, true.numpy(), before.numpy(), after.numpy())
    errors = {"before": pose_errors(before, true), "after": pose_errors(after, true)}
    facts = {f"turn_{when}": error.median_rotation_deg for when, error in errors.items()}
    facts |= {f"move_{when}": error.median_translation for when, error in errors.items()}
    facts |= {"system": name, "steps": steps, "seconds": seconds, "device": device_description()}
    return facts | {"psnr": held_out_psnr(method, truth)}


def row_of_found(one: dict[str, Any]) -> str:
    """A line of the first table."""
    error = "-" if one["mean_error_px"] is None else f"{one['mean_error_px']:.2f}"
    centres = "-" if one["centres"] is None else f"{100 * one['centres']:.2f} %"
    psnr = "-" if one["psnr"] is None else f"{one['psnr']:.2f} ({one['views']} views)"
    pieces, attempts = ", ".join(map(str, one["pieces"])), "; ".join(one["attempts"])
    cells = [one["capture"], f"{one['num_registered']} of {one['num_photos']}", pieces, error, centres]
    return "| " + " | ".join([*cells, attempts, f"{one['seconds']:.0f}", psnr, one["device"]]) + " |"


def row_of_learned(one: dict[str, Any]) -> str:
    """A line of the second table."""
    turns = f"{one['turn_before']:.2f}° to {one['turn_after']:.2f}°"
    moves = f"{one['move_before']:.3f} to {one['move_after']:.3f}"
    cells = [one["system"], str(one["steps"]), f"{one['seconds']:.0f}", turns, moves]
    return "| " + " | ".join([*cells, f"{one['psnr']:.2f}", one["device"]]) + " |"


def write(results: dict[str, list[dict[str, Any]]], out: Path) -> None:
    """The figures as JSON and as tables, in which what was not measured yet stands as open."""
    out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    found_rows = {one["capture"]: row_of_found(one) for one in results["found"]}
    learned_rows = {one["system"]: row_of_learned(one) for one in results["learned"]}
    first = ("capture", "photos with a camera", "pieces", "reprojection error, px", "error of centres")
    first += ("attempts", "seconds", "loom's held-out PSNR", "device")
    second = ("system", "steps", "seconds", "median turn", "median shift", "held-out PSNR", "device")
    lines = [
        "# Cameras that are missing or wrong",
        "",
        "Made by `python benchmarks/cameras.py`.",
        "",
        "`rayloom process` on bare photos. The error of centres is the root of their mean squared distance",
        "from the published ones, after the best similarity, over the mean radius of these.",
        "",
        "| " + " | ".join(first) + " |",
        "|" + "---|" * len(first),
        *(found_rows.get(name, f"| {name} | open " + "| " * (len(first) - 2) + "|") for name in CAPTURES),
        "",
        "Cameras learned on the still life, 24 photos of 48 pixels, swung about it by twists of deviation",
        f"{NOISE}: one seed; the claims have more.",
        "",
        "| " + " | ".join(second) + " |",
        "|" + "---|" * len(second),
        *(learned_rows.get(name, f"| {name} | open " + "| " * (len(second) - 2) + "|") for name in SYSTEMS),
    ]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure one part or both; keep what is measured as soon as it is there."""
    parser = argparse.ArgumentParser(description="Measure cameras that are found and learned.")
    parser.add_argument("parts", nargs="*", default=["found", "learned"], help="found, learned or both")
    parser.add_argument("--captures", nargs="+", choices=CAPTURES, default=list(CAPTURES))
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--seconds", type=float, default=60, help="training time on what was found")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results" / "cameras")
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures of cameras go")
    args = parser.parse_args()
    root = Path(os.environ.get("RAYLOOM_DATA", PROJECT.parent / "shared" / "data"))
    kept = args.out.with_suffix(".json")
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"found": [], "learned": []}
    for name in args.captures if "found" in args.parts else ():
        row = found(root / name, args.seconds)
        others = [old for old in results["found"] if old["capture"] != name]
        results["found"] = sorted([*others, row], key=lambda one: CAPTURES.index(one["capture"]))
        print(row_of_found(row), flush=True)
        write({part: results[part] for part in ("found", "learned")}, args.out)
    for name in args.systems if "learned" in args.parts else ():
        row = learned(name, args.images / f"cameras-{name}.png")
        others = [old for old in results["learned"] if old["system"] != name]
        results["learned"] = sorted([*others, row], key=lambda one: list(SYSTEMS).index(one["system"]))
        print(row_of_learned(row), flush=True)
        write({part: results[part] for part in ("found", "learned")}, args.out)


if __name__ == "__main__":
    main()
