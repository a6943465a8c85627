"""Reports as pictures: how much of its limit each kernel reaches, and curves."""

from pathlib import Path
from typing import Any

from rayloom.bench.rows import Curve, Report, Row
from rayloom.files import whole_file


def draw_report(report: Report, folder: Path, device: str) -> list[Path]:
    """Draw the shares of a report's rows and each of its curves as PNG; gives the files written."""
    name = f"bench-{report.word}-{device}"
    written: list[Path] = []
    bounded = [row for row in report.rows if row.share is not None]
    if bounded:
        written.append(folder / f"{name}-shares.png")
        draw_shares(bounded, written[-1])
    for curve in report.curves:
        if curve.points:
            written.append(folder / f"{name}-{curve.name}.png")
            draw_curve(curve, written[-1])
    return written


def draw_shares(rows: list[Row], path: Path) -> None:
    """A bar for each row: its share of its limit, with a mark where it should be."""
    figure, axes = _figure(height=1.2 + 0.3 * len(rows))
    shares = [100 * (row.share or 0.0) for row in rows]
    axes.barh([f"{row.name} ({row.limited_by})" for row in rows], shares)
    for place, row in enumerate(rows):
        if row.bar is not None and row.bar.of == "share":
            axes.vlines(100 * row.bar.threshold, place - 0.4, place + 0.4, color="black")
    axes.invert_yaxis()
    axes.set_xlabel("% of the limit; the black mark is the bar")
    _save(figure, path)


def draw_curve(curve: Curve, path: Path) -> None:
    """One curve, on logarithmic axes with its slope where that means something."""
    figure, axes = _figure(height=4.0)
    axes.plot(*zip(*curve.points, strict=True), marker="o")
    if curve.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    if curve.slope is not None:
        axes.set_title(f"slope {curve.slope:.2f}")
    axes.set_xlabel(curve.x_label)
    axes.set_ylabel(curve.y_label)
    axes.grid(alpha=0.3, which="both")
    _save(figure, path)


def _figure(height: float) -> tuple[Any, Any]:
    # A figure without pyplot has no window and leaves no state behind.
    from matplotlib.figure import Figure  # noqa: PLC0415  Slow to import, and only needed here.

    figure = Figure(figsize=(8, height), layout="constrained")
    return figure, figure.subplots()


def _save(figure: Any, path: Path) -> None:  # noqa: ANN401
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=120)
