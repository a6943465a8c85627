"""Scoring a trained method on held-out views, for `train` and `eval`."""

import itertools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.cli.output import note
from rayloom.data.scene import Scene
from rayloom.training.runs import EVALUATION, read_records

if TYPE_CHECKING:
    from rayloom.method import Method
    from rayloom.training.evaluate import EvalResult


def score(run: Path, method: "Method[Any]", scene: Scene, *, quiet: bool = False) -> "EvalResult":
    """The scores on the held-out views; pictures and curves go into the run's folder."""
    from rayloom.export.plots import plot_training
    from rayloom.training.evaluate import evaluate

    numbers = itertools.count(1)

    def on_view(view: Any, num_views: int) -> None:  # noqa: ANN401
        note(f"view {next(numbers)} of {num_views}, {view['name']}: {_decibels(view['psnr'])}", quiet=quiet)

    result = evaluate(method, scene, out=run / EVALUATION, on_view=on_view)
    records = read_records(run)
    if records:
        plot_training([asdict(record) for record in records], run / EVALUATION / "training.png")
    note(f"pictures: {run / EVALUATION}", quiet=quiet)
    return result


def held_out_psnr(method: "Method[Any]", scene: Scene) -> float | None:
    """PSNR of a few held-out views; None where the capture has none."""
    from rayloom.training.evaluate import evaluate

    if not scene.indices("test") and not scene.indices("val"):
        return None
    return evaluate(method, scene, quick=True)["mean"]["psnr"]


def score_text(result: "EvalResult") -> str:
    """The mean scores in a line."""
    mean, protocol = result["mean"], result["protocol"]
    scores = [f"PSNR {_decibels(mean['psnr'])}"]
    for name, value in (
        ("SSIM", mean["ssim"]),
        ("LPIPS alex", mean["lpips_alex"]),
        ("vgg", mean["lpips_vgg"]),
    ):
        scores.append(f"{name} {'none' if value is None else f'{value:.4f}'}")
    return f"{protocol['num_views']} {protocol['split']} views: {', '.join(scores)}"


def _decibels(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} dB"
