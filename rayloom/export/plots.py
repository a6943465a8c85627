"""How training went, drawn: curves, and cameras before and after."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

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


def plot_cameras(
    path: Path,
    true: Float[Array, "n 3 4"],
    before: Float[Array, "n 3 4"],
    after: Float[Array, "n 3 4"],
) -> None:
    """Draw cameras before and after training beside the true ones as a PNG: centres, and where they look.

    The poses are world_from_camera and must be aligned, see `rayloom.metrics.poses`. A red line joins each
    camera to the true one. Raises InputError where the file cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  Slow to import, and only needed here.

    figure = Figure(figsize=(10, 5), layout="constrained")
    everything = np.concatenate([true, before, after])[:, :, 3]
    middle = (everything.max(0) + everything.min(0)) / 2
    reach = max(float(np.abs(everything - middle).max()), 1e-6)
    for column, (title, poses) in enumerate([("before", before), ("after", after)], start=1):
        # Both panels have the same limits, so that errors compare.
        limits = {f"{axis}lim": (at - reach, at + reach) for axis, at in zip("xyz", middle, strict=True)}
        axes = figure.add_subplot(1, 2, column, projection="3d", title=title, box_aspect=(1, 1, 1), **limits)
        _draw_segments(axes, true[:, :, 3], poses[:, :, 3], color="tab:red", linewidth=1.0)
        _draw_cameras(axes, true, reach, color="0.6", label="true")
        _draw_cameras(axes, poses, reach, color="tab:blue", label="estimated")
        axes.legend(loc="upper left")
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=120)


def _draw_cameras(axes: Any, poses: Float[Array, "n 3 4"], reach: float, *, color: str, label: str) -> None:  # noqa: ANN401
    """Add centres, and short lines along the optical axes."""
    centres, forward = poses[:, :, 3], poses[:, :, 2]
    axes.scatter(*centres.T, s=12, color=color, label=label)
    _draw_segments(axes, centres, centres + 0.15 * reach * forward, color=color, linewidth=0.8)


def _draw_segments(
    axes: Any,  # noqa: ANN401
    starts: Float[Array, "n 3"],
    ends: Float[Array, "n 3"],
    *,
    color: str,
    linewidth: float,
) -> None:
    # A point that is no number lifts the pen.
    path = np.stack([starts, ends, np.full_like(starts, np.nan)], axis=1).reshape(-1, 3)
    axes.plot(*path.T, color=color, linewidth=linewidth)


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
