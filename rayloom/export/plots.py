"""How training went, drawn as curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rayloom.errors import InputError
from rayloom.files import whole_file


def plot_training(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the lines of a `metrics.jsonl` as a PNG: the loss, and PSNR in training and on held-out views.

    A record may lack any key but `step`; `seconds`, where known, label the upper axis. Raises InputError
    where there is nothing to draw or the file cannot be written.
    """
    # A figure without pyplot has no window and leaves no state behind.
    from matplotlib.figure import Figure  # noqa: PLC0415  Slow to import, and only needed here.

    if not any("loss" in record or "psnr" in record for record in records):
        raise InputError(path, "no record holds a loss or a PSNR; expected the records of a training run")
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss_axes, psnr_axes = figure.subplots(1, 2)
    loss_axes.set_yscale("log")
    _draw(loss_axes, records, "loss", "loss")
    _draw(psnr_axes, records, "psnr", "training rays")
    _draw(psnr_axes, records, "held_out_psnr", "held-out views")
    loss_axes.set_ylabel("loss")
    psnr_axes.set_ylabel("PSNR, dB")
    for axes in (loss_axes, psnr_axes):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        _add_seconds(axes, records)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=120)


def _draw(axes: Any, records: Sequence[Mapping[str, Any]], key: str, label: str) -> None:  # noqa: ANN401
    """Add the curve of one quantity; values that are few are marked."""
    points = [(record["step"], record[key]) for record in records if record.get(key) is not None]
    if points:
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, label=label, marker="o" if len(points) <= 30 else "")
        axes.legend()


def _add_seconds(axes: Any, records: Sequence[Mapping[str, Any]]) -> None:  # noqa: ANN401
    """Label the upper axis with the seconds at which the steps were reached."""
    known = [(record["step"], record["seconds"]) for record in records if "seconds" in record]
    if not known:
        return
    ticks = known[:: max(1, len(known) // 5)]
    upper = axes.secondary_xaxis("top")
    upper.set_xticks([step for step, _ in ticks], [f"{seconds:.0f}" for _, seconds in ticks])
    upper.set_xlabel("seconds")
