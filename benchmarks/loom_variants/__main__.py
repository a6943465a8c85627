"""What loom may adopt from mip-NeRF 360: variants of loom, trained on real captures for equal seconds.

A measuring script and no method: a paper's file is final, and the variants beside this file override it only
to be compared. Each has a control that differs in one thing. What changes how the field is asked has no fused
kernel, so that its control is loom without fused kernels too.

Every run is one of `rayloom train loom` on the CPU, after some steps that are thrown away, so that no clock
sees a compiler. The captures are looked for in $RAYLOOM_DATA, else in ../shared/data. Rows that the results
file has already are kept unless they are measured anew.

Usage:

    python -m benchmarks.loom_variants --seconds 60 --seeds 0 1 2
    python -m benchmarks.loom_variants --captures fox --variants composed multisampled --views 4
"""

import argparse
import itertools
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.loom_variants.antialiased import DownWeighted, Multisampled
from benchmarks.loom_variants.composed import Composed
from benchmarks.loom_variants.proposals import Proposed
from rayloom.claims.runner import device_description
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.kernels.threads import num_threads
from rayloom.methods.loom import Loom, LoomConfig
from rayloom.training.config import TrainConfig
from rayloom.training.evaluate import evaluate
from rayloom.training.fit import build, fit

PROJECT = Path(__file__).resolve().parents[2]
CAPTURES = {"fox": 2.0, "cafe_table_360": 1.0, "desk_colmap": 1.0}
"""Names, and by what their sizes are divided."""
DEFAULT = LoomConfig()
WARM_STEPS = 17
"""Steps after which every kernel was called: the grids look for matter after 16."""


@dataclass(frozen=True)
class Variant:
    """A form of loom, and the variant that it is compared with."""

    words: str
    control: str
    method: type[Loom]
    config: LoomConfig = DEFAULT


VARIANTS = {
    "loom": Variant("as it is: fused kernels, distortion loss", "loom", Loom),
    "no-distortion": Variant("without the distortion loss", "loom", Loom, LoomConfig(distortion=0.0)),
    "composed": Variant("without fused kernels", "loom", Composed),
    "multisampled": Variant("six points of the cone in each interval", "composed", Multisampled),
    "down-weighted": Variant("one point, levels weighted by the cone's width", "composed", DownWeighted),
    "proposals": Variant("proposal sampling instead of occupancy grids", "composed", Proposed),
}


def measure(scene: Scene, name: str, seconds: float, seed: int) -> dict[str, Any]:
    """One training of a variant and its scores on the held-out views."""
    variant = VARIANTS[name]
    warm = TrainConfig(steps=WARM_STEPS, device="cpu")
    small = replace(variant.config, rays_per_step=256, samples_per_step=1 << 10)
    fit(build(variant.method, small, scene.info, warm), scene, warm)
    config = TrainConfig(seconds=seconds, seed=seed, device="cpu")
    method = build(variant.method, variant.config, scene.info, config)
    outcome = fit(method, scene, config)
    result = evaluate(method, scene)
    counts = {"steps": outcome.steps, "rays": outcome.rays, "samples": outcome.samples}
    rates = {f"{what}_per_second": count / outcome.seconds for what, count in counts.items()}
    facts = {"capture": scene.root.name, "resolution": result["protocol"]["resolution"]}
    facts |= {"num_views": result["protocol"]["num_views"], "variant": name, "seed": seed}
    facts |= {"cores": num_threads()}
    return facts | {"asked_seconds": seconds, "seconds": outcome.seconds} | rates | dict(result["mean"])


def with_views(scene: Scene, num_views: int | None) -> Scene:
    """The scene with so many held-out views, evenly spread; the others count as validation."""
    held_out = scene.indices("test")
    if num_views is None or num_views >= len(held_out):
        return scene
    kept = {held_out[i * len(held_out) // num_views] for i in range(num_views)}
    split = tuple("val" if i in held_out and i not in kept else part for i, part in enumerate(scene.split))
    return replace(scene, split=split)


def group(row: dict[str, Any]) -> tuple[Any, ...]:
    """Runs that differ in their seed alone stand in one line of the table."""
    size = row["resolution"][0]
    place = (
        list(CAPTURES).index(row["capture"]),
        -size[0],
        row["num_views"],
        row["cores"],
        row["asked_seconds"],
    )
    return *place, list(VARIANTS).index(row["variant"])


def line(runs: list[dict[str, Any]], controls: list[dict[str, Any]]) -> str:
    """A line of the table: means over the seeds, and the gain over the control with the same seeds."""
    first, seeds = runs[0], {run["seed"]: run for run in controls}
    gains = [run["psnr"] - seeds[run["seed"]]["psnr"] for run in runs if run["seed"] in seeds]
    size = ", ".join(f"{width} x {height}" for width, height in first["resolution"])
    half_range = (max(run["psnr"] for run in runs) - min(run["psnr"] for run in runs)) / 2

    def mean(name: str, digits: int, unit: float = 1) -> str:
        known = [run[name] / unit for run in runs if run[name] is not None]
        return f"{fmean(known):.{digits}f}" if known else "-"

    cells = [first["capture"], f"{size}, {first['num_views']} views", str(first["cores"])]
    cells.append(f"{first['asked_seconds']:g}")
    cells += [
        first["variant"],
        str(len(runs)),
        mean("psnr", 2) + (f" ± {half_range:.2f}" if len(runs) > 1 else ""),
    ]
    cells += [f"{fmean(gains):+.2f}" if gains and first["variant"] != "loom" else "-"]
    cells += [mean("ssim", 3), mean("lpips_vgg", 3), mean("steps_per_second", 1)]
    cells += [mean("rays_per_second", 1, 1e3), mean("samples_per_second", 0, 1e3)]
    return "| " + " | ".join(cells) + " |"


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """The figures as JSON and as a table."""
    machine = device_description()
    rows.sort(key=lambda row: (*group(row), row["seed"]))
    out.with_suffix(".json").write_text(json.dumps({"device": machine, "results": rows}, indent=1) + "\n")
    groups = {key: list(runs) for key, runs in itertools.groupby(rows, key=group)}
    names = list(VARIANTS)
    controls = {
        key: groups.get((*key[:-1], names.index(VARIANTS[names[key[-1]]].control)), []) for key in groups
    }
    titles = ("capture", "size", "cores", "seconds", "variant", "seeds", "PSNR", "gain", "SSIM", "LPIPS vgg")
    titles += ("steps/s", "thousand rays/s", "thousand samples/s")
    lines = [
        "# Variants of loom at equal seconds",
        "",
        f"Made by `python -m benchmarks.loom_variants` on {machine};",
        "`cores` says how many of them a row used. Means over held-out views and seeds;",
        "behind ± half the range over seeds. The gain is in dB over the control with the same seeds. Samples",
        "are those with a colour, and those of proposals.",
        "",
        *(
            f"* `{name}`: {one.words}; beside `{one.control}`."
            for name, one in VARIANTS.items()
            if name != "loom"
        ),
        "",
        "| " + " | ".join(titles) + " |",
        "|" + "---|" * len(titles),
        *(line(runs, controls[key]) for key, runs in groups.items()),
    ]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure what is named, or all; keep what is measured as soon as it is there."""
    parser = argparse.ArgumentParser(description="Measure variants of loom at equal seconds.")
    parser.add_argument("--captures", nargs="+", choices=CAPTURES, default=list(CAPTURES))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seconds", type=float, default=60, help="training time of each run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--views", type=int, help="held-out views to score; all by default")
    parser.add_argument("--scale", type=float, help="divide the sizes of all captures by this")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks" / "results" / "loom-variants")
    args = parser.parse_args()
    root = Path(os.environ.get("RAYLOOM_DATA", PROJECT.parent / "shared" / "data"))
    kept = args.out.with_suffix(".json")
    rows: list[dict[str, Any]] = json.loads(kept.read_text())["results"] if kept.exists() else []
    for capture in args.captures:
        scene = load_scene(root / capture, DataConfig(scale=args.scale or CAPTURES[capture]))
        scene = with_views(scene, args.views)
        # Variants take turns within a seed, so that a slow hour of the machine strikes all of them.
        for seed, name in itertools.product(args.seeds, args.variants):
            row = measure(scene, name, args.seconds, seed)
            rows = [old for old in rows if (group(old), old["seed"]) != (group(row), seed)] + [row]
            print(line([row], []), flush=True)
            write(rows, args.out)


if __name__ == "__main__":
    main()
