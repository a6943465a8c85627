"""What loom may adopt from mip-NeRF 360: variants of loom, trained on real captures for equal seconds.

A measuring script and no method: a paper's file is final, and the variants below override it only to be
compared. Each has a control that differs in one thing. What changes how the field is asked has no fused
kernel, so that its control is loom without fused kernels too.

Every run is one of `rayloom train loom` on the CPU, after a few steps that are thrown away, so that no clock
sees a compiler. The captures are looked for in $RAYLOOM_DATA, else in ../shared/data. Rows that the results
file has already are kept unless they are measured anew.

Usage:

    python benchmarks/loom_variants.py --seconds 60 --seeds 0 1 2
    python benchmarks/loom_variants.py --captures fox --variants composed multisampled --views 4
"""

import argparse
import itertools
import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom import sampling
from rayloom.claims.runner import device_description
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.views import Views
from rayloom.fields.hash_field import MAX_LOG_DENSITY, HashField
from rayloom.kernels import HashGridLayout, hash_grid, march, tiny_mlp
from rayloom.losses import dense_distortion, interlevel, squared_error, squeezed
from rayloom.method import Method
from rayloom.methods.loom import Loom, LoomConfig
from rayloom.methods.mip_nerf_360 import ANNEAL_SLOPE, DILATION_BIAS, DILATION_MULTIPLIER
from rayloom.rendering import composite
from rayloom.rendering.packed import render_packed, select, visible
from rayloom.training.config import TrainConfig
from rayloom.training.evaluate import evaluate
from rayloom.training.fit import build, fit
from rayloom.types import (
    Batch,
    Image,
    Intervals,
    PackedSamples,
    Progress,
    Rays,
    Rendering,
    SceneInfo,
    StepReport,
)

PROJECT = Path(__file__).resolve().parents[1]
CAPTURES = {"fox": 2.0, "cafe_table_360": 1.0, "desk_colmap": 1.0}
"""Names, and by what their sizes are divided."""
DEVIATION = 0.5 / math.sqrt(2)
"""Of the normal distribution around a point, in radii of the cone there (Barron et al. 2023, section 3)."""
DEFAULT = LoomConfig()
PATTERN = 6
"""Points of a multisample."""
NUM_PROPOSALS, NUM_SAMPLES = (64, 32), 32
"""Slices of each round of proposals, and those that the field sees."""
PROPOSAL_LAYOUT = HashGridLayout(num_levels=6, features_per_level=2, log2_rows=15, coarsest=16, finest=256)
"""A quarter as fine as the field's grid."""


class Composed(Loom):
    """Loom of kernels that are called one by one: the control of whatever has no fused kernel."""

    def prepare(self) -> None:
        """There is no fused kernel to compile."""

    def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
        """The trainer composes the step."""
        return None

    def quick_density(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density for the grids."""
        return self.density(points)

    def render_image(self, rays: Rays) -> Image:
        """The picture, chunk by chunk."""
        return Method.render_image(self, rays)


class DownWeighted(Composed):
    """The point in the middle of an interval; a level counts by how much of the cone fits into its cells."""

    def observe(self, views: Views) -> None:
        """Remember from where, and how sharply, points are seen."""
        cameras = views.cameras
        central = cameras.rays(torch.arange(len(cameras.focal)), cameras.center)
        self.eyes, self.radii = central.origins, central.radii

    def render(self, rays: Rays) -> Rendering:
        """As `Loom.render`, but for cones."""
        samples = self.visible_samples(rays)
        density, features = self.matter(rays, samples)
        view = self.field.view(rays.view_directions, rays.camera_index)
        rgb = self.field.color(features, view[samples.ray_index])
        return render_packed(density, rgb, samples, self.background_of(rays))

    @torch.no_grad()
    def visible_samples(self, rays: Rays) -> PackedSamples:
        """As `Loom.visible_samples`; what is hidden is decided by one point of each interval."""
        space = self.space
        lines = (rays.origins, rays.directions, rays.near, rays.far)
        samples = march(*lines, space.occupancy, space.step, self.jitter(rays), limit=space.limit)
        density, _ = self.matter_in_the_middle(rays, samples)
        return select(samples, visible(density, samples, space.stop))

    def matter(self, rays: Rays, samples: PackedSamples) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density and features of intervals, as they are rendered."""
        return self.matter_in_the_middle(rays, samples)

    def matter_in_the_middle(
        self, rays: Rays, samples: PackedSamples
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density and features of the midpoints."""
        deviations = DEVIATION * rays.radii[samples.ray_index] * samples.midpoints
        return ask(self.field, rays.at_samples(samples)[:, None], deviations[:, None])

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, as the photo sees them that sees them best."""
        flat = points.reshape(-1, 3)
        deviations = DEVIATION * (torch.cdist(flat, self.eyes) * self.radii).amin(-1)
        return ask(self.field, flat[:, None], deviations[:, None])[0].reshape(points.shape[:-1])


class Multisampled(DownWeighted):
    """Six points in each slice of the cone, with its mean and, over all turns, its covariance."""

    def matter(self, rays: Rays, samples: PackedSamples) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density and features of the patterns, turned and mirrored by chance in training."""
        count, device = len(samples.starts), samples.starts.device
        if self.training:
            turns, mirrors = (
                2 * math.pi * torch.rand(count, device=device),
                torch.rand(count, device=device) < 0.5,
            )
        else:
            mirrors = torch.arange(count, device=device) % 2 == 0
            turns = mirrors * (math.pi / 6)
        return ask(self.field, *hexagons(rays, samples, turns, torch.where(mirrors, -1.0, 1.0)))


def hexagons(
    rays: Rays, samples: PackedSamples, turns: Float[Tensor, " n"], mirrors: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "n 6 3"], Float[Tensor, "n 6"]]:
    """Six points in each slice of the cones, and the deviation around each (Barron et al. 2023, eq. 1 and 2).

    t_j = t_0 + δ (t_1² + 2 μ² + 3/√7 (2j/5 - 1) √((δ² - μ²)² + 4 μ⁴)) / (δ² + 3 μ²) with midpoint μ and half
    width δ, at r t_j / √2 from the axis. Angles are those of a hexagon, one triangle of it before the other;
    they turn by `turns` and run backwards where `mirrors` is -1.
    """
    middle, half = samples.midpoints[:, None], 0.5 * samples.widths[:, None]
    index = torch.arange(PATTERN, dtype=middle.dtype, device=middle.device)
    spread = 3 / math.sqrt(7) * (2 * index / 5 - 1) * ((half**2 - middle**2) ** 2 + 4 * middle**4).sqrt()
    share = (samples.ends[:, None] ** 2 + 2 * middle**2 + spread) / (half**2 + 3 * middle**2)
    t = samples.starts[:, None] + half * share
    sixths = torch.tensor([0, 2, 4, 3, 5, 1], dtype=t.dtype, device=t.device)
    angles = turns[:, None] + mirrors[:, None] * (math.pi / 3) * sixths
    radii = rays.radii[samples.ray_index][:, None] * t
    ahead = rays.directions
    axis = nn.functional.one_hot(ahead.abs().argmin(-1), 3).to(ahead)
    right = nn.functional.normalize(torch.linalg.cross(ahead, axis), dim=-1)
    up = torch.linalg.cross(ahead, right)
    around = [vector[samples.ray_index][:, None] for vector in (rays.origins, ahead, right, up)]
    x, y = (radii * turned / math.sqrt(2) for turned in (angles.cos(), angles.sin()))
    points = around[0] + t[..., None] * around[1] + x[..., None] * around[2] + y[..., None] * around[3]
    return points, DEVIATION * radii


def ask(
    field: HashField, points: Float[Tensor, "n k 3"], deviations: Float[Tensor, "n k"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
    """Density and features of n places, each k normal distributions, as `HashField.geometry` of points.

    The mean over them of features of the grid, each level of n cells weighted by erf(1 / √(8 σ² n²)), the
    share of a deviation σ that lies within half a cell on an axis (Barron et al. 2023, section 3). Under the
    contraction σ shrinks like the third root of volume: by 1/|x|² along the radius, (2 - 1/|x|) / |x| across.
    """
    unit = field.unit(points.reshape(-1, 3))
    nearness = field.thinning(unit)
    shrink = (nearness**4 * (2 - nearness) ** 2) ** (1 / 3)
    size = float((field.box.high - field.box.low).prod()) ** (1 / 3) * (2 if field.contracted else 1)
    cells = torch.tensor([level.resolution for level in field.layout.levels], device=unit.device)
    widths = (deviations.reshape(-1) * shrink / size)[:, None] * cells
    weights = torch.erf(1 / (math.sqrt(8) * widths))
    encoded = hash_grid(unit, field.table, field.layout).unflatten(-1, (len(cells), -1))
    mean = (encoded * weights[..., None]).unflatten(0, deviations.shape).mean(1).flatten(1)
    features = tiny_mlp(mean, list(field.density_mlp))
    density = field.initial_density * features[:, 0].clamp(max=MAX_LOG_DENSITY).exp()
    return density * nearness.unflatten(0, deviations.shape).mean(1), features


class ProposalGrid(nn.Module):
    """A small hash grid and network: what the field's density may be, over what it is at first."""

    def __init__(self) -> None:
        super().__init__()
        layout = PROPOSAL_LAYOUT
        self.table = nn.Parameter(
            torch.empty(layout.num_rows, layout.features_per_level).uniform_(-1e-4, 1e-4)
        )
        self.mlp = nn.ParameterList([torch.empty(16, layout.num_channels), torch.empty(1, 16)])
        for matrix in self.mlp:
            nn.init.kaiming_uniform_(matrix, nonlinearity="relu")

    def forward(self, unit: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """A factor on density at places in the unit cube of the field."""
        encoded = hash_grid(unit, self.table, PROPOSAL_LAYOUT)
        return tiny_mlp(encoded, list(self.mlp))[:, 0].clamp(max=MAX_LOG_DENSITY).exp()


class Proposed(Composed):
    """Proposals say where to look, in rounds as in mip-NeRF 360, instead of occupancy grids."""

    def __init__(self, config: LoomConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        assert not self.bounded, "the captures go on in all directions"
        self.proposal = ProposalGrid()
        self.annealing = 1.0

    def before_step(self, progress: Progress) -> None:
        """Choose how far proposals are trusted."""
        self.annealing = sampling.anneal_exponent(progress.fraction, ANNEAL_SLOPE)

    def after_step(self, progress: Progress) -> bool:
        """There are no grids to look after."""
        return False

    def render(self, rays: Rays) -> Rendering:
        """Proposals, each made from the one before, then colours."""
        s = torch.stack([torch.zeros_like(rays.near), torch.ones_like(rays.near)], dim=-1)
        weights, proposals = torch.ones_like(s[..., 1:]), list[Rendering]()
        for num in NUM_PROPOSALS:
            s = self.resample(s, weights, num, len(proposals))
            proposals.append(self.slices(rays, s, shaded=False))
            weights = proposals[-1].weights
        s = self.resample(s, weights, NUM_SAMPLES, len(proposals))
        return self.slices(rays, s, tuple(proposals), shaded=True)

    def resample(
        self, s: Float[Tensor, "rays n_edges"], weights: Float[Tensor, "rays n"], num: int, rounds: int
    ) -> Float[Tensor, "rays m_edges"]:
        """The edges of new slices, from the histogram that is there after some rounds of proposals."""
        before = NUM_PROPOSALS[:rounds]
        width = sampling.dilation_width(before, multiplier=DILATION_MULTIPLIER, bias=DILATION_BIAS)
        annealing = self.annealing if self.training else 1.0
        dilation = width if before else 0.0
        return sampling.resample(
            s, weights, num, dilation=dilation, annealing=annealing, jitter=self.training
        )

    def slices(
        self,
        rays: Rays,
        s: Float[Tensor, "rays n_edges"],
        coarser: tuple[Rendering, ...] = (),
        *,
        shaded: bool,
    ) -> Rendering:
        """Slices between edges in s, asked in their middle: by the field if shaded, else by the proposals."""
        intervals = Intervals(sampling.t_from_s(s, rays.near, rays.far, "piecewise"))
        points = rays.at(intervals.midpoints).reshape(-1, 3)
        if shaded:
            density, features = self.field.geometry(points)
            view = self.field.view(rays.view_directions, rays.camera_index)
            rgb = self.field.color(features, view.repeat_interleave(NUM_SAMPLES, 0))
        else:
            unit = self.field.unit(points)
            density = self.field.initial_density * self.proposal(unit) * self.field.thinning(unit)
            rgb = torch.zeros_like(points)
        shape, background = intervals.widths.shape, self.background_of(rays)
        parts = density.reshape(shape), rgb.reshape(*shape, 3), intervals, background, coarser
        return replace(composite(*parts), extras={"s": s})

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """As `Loom.losses`, and what teaches the proposals."""
        self.follow_budget(NUM_SAMPLES)
        assert isinstance(rendering.intervals, Intervals), "as `render` makes them"
        s, weights, edges = rendering.extras["s"], rendering.weights, squeezed(rendering.intervals.edges)
        truth = batch.over(self.background, rendering.background)
        bounds = [interlevel(s, weights, level.extras["s"], level.weights) for level in rendering.coarser]
        return {
            "photometric": squared_error(rendering.rgb, truth),
            "distortion": self.config.distortion * dense_distortion(weights, edges),
            "interlevel": torch.stack(bounds).sum(),
        }


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
    # Two small steps and a survey of the grids call every kernel that is to be compiled.
    twice = TrainConfig(steps=2, device="cpu")
    small = replace(variant.config, rays_per_step=256, survey_steps=(1,))
    fit(build(variant.method, small, scene.info, twice), scene, twice)
    config = TrainConfig(seconds=seconds, seed=seed, device="cpu")
    method = build(variant.method, variant.config, scene.info, config)
    outcome = fit(method, scene, config)
    result = evaluate(method, scene)
    counts = {"steps": outcome.steps, "rays": outcome.rays, "samples": outcome.samples}
    rates = {f"{what}_per_second": count / outcome.seconds for what, count in counts.items()}
    facts = {"capture": scene.root.name, "resolution": result["protocol"]["resolution"]}
    facts |= {"num_views": result["protocol"]["num_views"], "variant": name, "seed": seed}
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
    place = list(CAPTURES).index(row["capture"]), -size[0], row["num_views"], row["asked_seconds"]
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

    cells = [first["capture"], f"{size}, {first['num_views']} views", f"{first['asked_seconds']:g}"]
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
    titles = ("capture", "size", "seconds", "variant", "seeds", "PSNR", "gain", "SSIM", "LPIPS vgg")
    titles += ("steps/s", "thousand rays/s", "thousand samples/s")
    lines = [
        "# Variants of loom at equal seconds",
        "",
        f"Made by `python benchmarks/loom_variants.py` on {machine}. Means over held-out views and seeds;",
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
