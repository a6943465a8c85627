"""Scoring a trained method on held-out views, for `train` and `eval`."""

import itertools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.cli.output import note, print_table
from rayloom.data.scene import Scene
from rayloom.training.runs import EVALUATION, read_records

if TYPE_CHECKING:
    from rayloom.method import Method
    from rayloom.training.evaluate import EvalResult, Scores

_TITLES = ("PSNR", "SSIM", "LPIPS alex", "vgg", "PSNR shifted", "E_warp", "gradients")


def score(
    run: Path, method: "Method[Any]", scene: Scene, *, pose_steps: int | None = None, quiet: bool = False
) -> "EvalResult":
    """The scores on the held-out views; pictures and curves go into the run's folder."""
    from rayloom.export.plots import plot_training
    from rayloom.training.evaluate import evaluate
    from rayloom.training.viewpoints import POSE_REFINEMENT_STEPS

    numbers = itertools.count(1)

    def on_view(view: Any, num_views: int) -> None:  # noqa: ANN401
        name = f"{view['name']} at {view['scale']}" if "scale" in view else view["name"]
        note(f"view {next(numbers)} of {num_views}, {name}: {_decibels(view['psnr'])}", quiet=quiet)

    out, steps = run / EVALUATION, POSE_REFINEMENT_STEPS if pose_steps is None else pose_steps
    result = evaluate(method, scene, out=out, on_view=on_view, pose_refinement_steps=steps)
    records = read_records(run)
    if records:
        plot_training([asdict(record) for record in records], out / "training.png")
    note(f"pictures: {out}", quiet=quiet)
    return result


def held_out_psnr(method: "Method[Any]", scene: Scene) -> float | None:
    """PSNR of a few held-out views; None where the capture has none."""
    from rayloom.training.evaluate import evaluate

    if not scene.indices("test") and not scene.indices("val"):
        return None
    return evaluate(method, scene, quick=True)["mean"]["psnr"]


def print_scores(result: "EvalResult") -> None:
    """The mean scores in a line on stdout, those of scales in a table, and the errors of learned cameras."""
    protocol, scales = result["protocol"], result["scales"]
    words = [f"{name} {value}" for name, value in zip(_TITLES, _cells(result["mean"]), strict=True)]
    at = "" if len(scales) == 1 else f" at {len(scales)} scales"
    print(f"{protocol['num_views']} {protocol['split']} views{at}: {', '.join(words)}")
    if len(scales) > 1:
        print_table(("scale", *_TITLES), ((name, *_cells(scores)) for name, scores in scales.items()))
    if (poses := result["poses"]) is not None:
        turn, move = poses["median_rotation_deg"], poses["median_translation"]
        print(f"learned cameras: {turn:.3g} degrees and {move:.3g} units from the given ones, in the median")


def _cells(scores: "Scores") -> list[str]:
    """Scores in words, in the order of the titles."""
    shares = [scores["ssim"], scores["lpips_alex"], scores["lpips_vgg"]]
    others = [_decimal(value) for value in (*shares, scores["e_warp"], scores["gradient_ratio"])]
    return [_decibels(scores["psnr"]), *others[:3], _decibels(scores["psnr_shifted"]), *others[3:]]


def _decimal(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _decibels(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} dB"
