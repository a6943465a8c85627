"""How fast loom trains: the fused step against other forms and against the bound, and what comes of it."""

from dataclasses import dataclass

import torch

from rayloom.bench.bound import samples_per_second
from rayloom.bench.contenders import Speed, contenders, race
from rayloom.bench.goals import PEAK_MEMORY, psnr_goal
from rayloom.bench.limits import flops_per_second, probes_run, rows_per_second
from rayloom.bench.rows import Bar, Curve, Report, Row
from rayloom.bench.scaling import scaling_curves
from rayloom.bench.startup import startup_rows
from rayloom.bench.timing import Effort
from rayloom.data.batches import PixelBatches
from rayloom.data.scene import Scene
from rayloom.kernels.threads import num_threads
from rayloom.methods.loom import Loom, LoomConfig
from rayloom.training.config import TrainConfig
from rayloom.training.evaluate import evaluate
from rayloom.training.fit import fit
from rayloom.training.memory import peak_memory_mb
from rayloom.training.records import Outcome, Record

LOOKS = 8
"""At held-out views during training."""


@dataclass(frozen=True)
class Trained:
    """A field that was trained for some seconds, and how that went."""

    method: Loom
    scene: Scene
    outcome: Outcome
    psnr: tuple[tuple[float, float], ...]
    """Seconds, and dB on held-out views; empty where the capture has none."""
    peak_memory_mb: float
    """Of the process, at the end of training."""

    @property
    def device(self) -> torch.device:
        """Where it was trained."""
        return next(self.method.parameters()).device


def train_field(scene: Scene, seconds: float, device: torch.device) -> Trained:
    """Loom's default on a scene, as `rayloom train` would train it."""
    torch.manual_seed(0)
    method = Loom(LoomConfig(), scene.info).to(device)
    config = TrainConfig(seconds=seconds, eval_every=seconds / LOOKS)
    points: list[tuple[float, float]] = []

    def keep(record: Record) -> None:
        if record.held_out_psnr is not None:
            points.append((record.seconds, record.held_out_psnr))

    held_out = bool(scene.indices("test") or scene.indices("val"))
    outcome = fit(method, scene, config, keep, lambda: held_out_psnr(method, scene) if held_out else None)
    return Trained(method, scene, outcome, tuple(points), peak_memory_mb())


def held_out_psnr(method: Loom, scene: Scene, *, quick: bool = True) -> float | None:
    """Mean over a few held-out views, or over all, over the background of the capture."""
    return evaluate(method, scene, quick=quick)["mean"]["psnr"]


def measure_training(trained: Trained, effort: Effort) -> Report:
    """Speed, quality over time, memory, start-up and scaling."""
    batch = PixelBatches(trained.scene, 0, trained.device).next(trained.method.rays_per_step())
    speeds = race(contenders(trained.method), batch, effort)
    bound = bound_of(trained, effort)
    rows = [
        *speed_rows(speeds, trained.device),
        *bound_rows(speeds, bound, trained),
        *outcome_rows(trained),
        *startup_rows(trained.device),
    ]
    quality = Curve("psnr", "training time, s", "PSNR of held-out views, dB", trained.psnr, False)
    return Report("train", tuple(rows), (quality, *scaling_curves(trained.method, trained.scene, effort)))


def bound_of(trained: Trained, effort: Effort) -> float | None:
    """Samples per second that the machine allows; None where its limits cannot be measured."""
    if not probes_run(trained.device):
        return None
    field, threads = trained.method.field, num_threads()
    peak = flops_per_second(threads, effort)
    return samples_per_second(field, peak, rows_per_second(field.table.nbytes, threads, effort))


def speed_rows(speeds: dict[str, Speed], device: torch.device) -> list[Row]:
    """Every form of the step, and the fused one against those that it should leave behind."""
    rows: list[Row] = []
    for name, speed in speeds.items():
        rows.append(Row(f"{name}: rays", speed.rays / 1e3, "k rays/s"))
        rows.append(Row(f"{name}: samples", speed.samples / 1e6, "M samples/s"))
    fused = speeds.get("fused")
    if fused is None:
        return [Row("fused", None, "k rays/s", note=f"no fused kernel on {device.type} here"), *rows]
    plain, ours = speeds["composed, torch MLP, one pass"], speeds["composed"]
    return [
        *rows,
        Row(
            *("fused against composed with torch MLP, one pass: rays", fused.rays / 1e3, "k rays/s"),
            reference=plain.rays / 1e3,
            bar=Bar("ratio", 8.0),
        ),
        Row(
            *("fused against composed with torch MLP, one pass: samples", fused.samples / 1e6, "M samples/s"),
            reference=plain.samples / 1e6,
            bar=Bar("ratio", 2.5),
        ),
        Row(
            *("composed against fused: samples", ours.samples / 1e6, "M samples/s"),
            reference=fused.samples / 1e6,
            bar=Bar("ratio", 0.6),
        ),
    ]


def bound_rows(speeds: dict[str, Speed], bound: float | None, trained: Trained) -> list[Row]:
    """The fused step, and the whole training from its first step, against the bound."""
    limit = None if bound is None else bound / 1e6
    by, outcome = "arithmetic and row loads", trained.outcome
    end_to_end = outcome.samples / outcome.seconds / 1e6
    rows = [Row("end to end", end_to_end, "M samples/s", limit, by, bar=Bar("share", 0.45))]
    if "fused" in speeds:
        rows.append(Row("fused step", speeds["fused"].samples / 1e6, "M samples/s", limit, by))
    return rows


def outcome_rows(trained: Trained) -> list[Row]:
    """What the training gave and took."""
    outcome = trained.outcome
    psnr = trained.psnr[-1][1] if trained.psnr else None
    background = ", ".join(f"{value:g}" for value in trained.scene.info.background)
    goal = psnr_goal(trained.scene, outcome.seconds)
    note = f"over background ({background})" if trained.psnr else "the capture holds no view out"
    return [
        Row(f"held-out PSNR after {outcome.seconds:.0f} s", psnr, "dB", bar=goal, note=note),
        Row("training, end to end", outcome.rays / outcome.seconds / 1e3, "k rays/s"),
        Row("peak memory", trained.peak_memory_mb, "MiB", bar=PEAK_MEMORY, better="lower"),
    ]
