"""A report as one HTML page that needs nothing else: no network, no script, no other file."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray as Array

from rayloom import pages
from rayloom.data.placement.orientation import upright
from rayloom.sfm.report import Attempt, PhotoRow, Report

_CORNERS = 0.5 * np.array([(-1.0, -0.75, 1.0), (1.0, -0.75, 1.0), (1.0, 0.75, 1.0), (-1.0, 0.75, 1.0)])
"""Of a camera's picture, in camera axes; the apex is the origin."""
_MOST_POINTS = 30_000
_INK, _CAMERA = "0.5", "#d9480f"
"""Colours that can be seen on white and on black."""


def page(
    report: Report,
    cameras: Float[Array, "n 3 4"],
    points: Float[Array, "m 3"],
    colors: UInt8[Array, "m 3"],
) -> str:
    """The page: headline, what to do, picture of cameras and points, attempts, and a table of photos.

    `cameras` are world_from_camera, in any frame; `points` are in the same frame.
    """
    parts = [
        _headline(report),
        pages.sentences("What to know", report.warnings, "warnings"),
        pages.sentences("What to do", report.advice, "advice"),
        _figure(cameras, points, colors) if len(cameras) else "",
        _attempts(report.attempts),
        _photos(report.photos),
    ]
    return pages.document("Cameras of photos", parts, f"Cameras by COLMAP {report.colmap}, through rayloom.")


def _headline(report: Report) -> str:
    error = "–" if report.mean_error_px is None else f"{report.mean_error_px:.2f} px"
    track = "–" if report.mean_track_length is None else f"{report.mean_track_length:.1f}"
    figures = [
        (f"{report.num_registered} of {report.num_photos}", "photos placed"),
        (error, "mean reprojection error"),
        (str(len(report.pieces)), "piece" if len(report.pieces) == 1 else "pieces"),
        (f"{report.num_points:,}", "points"),
        (track, "photos see a point"),
    ]
    return f"<h1>Cameras of {report.num_photos} photos</h1>\n{pages.facts(figures)}"


def _attempts(attempts: Sequence[Attempt]) -> str:
    if not attempts:
        return ""
    rows = (
        (
            escape(attempt.name),
            str(attempt.num_registered),
            ", ".join(map(str, attempt.pieces)) or "–",
            _number(attempt.mean_error_px),
            f"{attempt.seconds:.0f} s",
            escape(attempt.note),
        )
        for attempt in attempts
    )
    head = ("attempt", "placed", "pieces", "error, px", "time", "")
    return pages.section("What was tried", pages.table(head, rows))


def _photos(rows: Sequence[PhotoRow]) -> str:
    """All photos, those without a camera first."""
    if not rows:
        return ""
    sharpest = max(row.sharpness for row in rows)
    most = max(row.num_matched_photos for row in rows)
    lines = "".join(
        f'<tr class="{"" if row.registered else "lost"}"><td>{escape(row.name)}</td>'
        f"<td>{row.width} × {row.height}</td><td>{'placed' if row.registered else 'not placed'}</td>"
        f"<td>{_bar(row.sharpness, sharpest, f'{row.sharpness:.0f}')}</td>"
        f"<td>{_bar(row.texture, 1.0, f'{row.texture:.0%}')}</td>"
        f"<td>{_bar(row.num_matched_photos, most, str(row.num_matched_photos))}</td>"
        f"<td>{row.num_features:,}</td><td>{row.num_points:,}</td><td>{_number(row.error_px)}</td></tr>"
        for row in sorted(rows, key=lambda row: row.registered)
    )
    head = (
        "<tr><th>photo<th>size<th>camera<th>sharpness<th>texture<th>photos that match"
        "<th>features<th>points<th>error, px</tr>"
    )
    return pages.section("Photos", f'<div class="wide"><table>{head}{lines}</table></div>')


def _bar(value: int | float, full: int | float, label: str) -> str:
    share = min(1.0, value / full) if full > 0 else 0.0
    return f'<i class="bar"><i style="width:{100 * share:.0f}%"></i></i>{label}'


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _figure(cameras: Float[Array, "n 3 4"], points: Float[Array, "m 3"], colors: UInt8[Array, "m 3"]) -> str:
    """Cameras and points from above and from the side, as a picture within the page."""
    picture = base64.b64encode(draw(cameras, points, colors)).decode("ascii")
    image = (
        f'<img alt="Cameras and points, from above and from the side" src="data:image/png;base64,{picture}">'
    )
    return pages.section("Cameras and points", image)


def draw(cameras: Float[Array, "n 3 4"], points: Float[Array, "m 3"], colors: UInt8[Array, "m 3"]) -> bytes:
    """A PNG of the same, on a transparent ground; what is up is judged by how the cameras are held."""
    # Slow to import, and only needed here. A figure without pyplot leaves no state behind.
    from matplotlib.figure import Figure  # noqa: PLC0415

    turn = upright(cameras.astype(np.float64), None)
    centres = cameras[:, :, 3] @ turn.T
    size = 0.5 * _spacing(centres)
    frusta = _frusta(cameras, size) @ turn.T
    # Photos give many more points than the picture has room for.
    some = slice(None, None, 1 + len(points) // _MOST_POINTS)
    points, colors = points[some] @ turn.T, colors[some]
    middle, half = _window(centres, points, size)
    figure = Figure(figsize=(12, 6), layout="constrained", facecolor="none")
    # What is nearer to the eye is drawn later: what is higher from above, what lies in front from the side.
    views = (("from above", 0, 1, points[:, 2]), ("from the side", 0, 2, -points[:, 1]))
    for axes, (title, x, y, nearness) in zip(figure.subplots(1, 2), views, strict=True):
        order = np.argsort(nearness)
        axes.scatter(points[order, x], points[order, y], s=2, c=colors[order] / 255.0, linewidths=0)
        axes.plot(frusta[:, x], frusta[:, y], color=_CAMERA, lw=0.8)
        axes.set(aspect="equal", facecolor="none", xticks=[], yticks=[])
        axes.set(xlim=middle[x] + (-half, half), ylim=middle[y] + (-half, half))
        axes.set_title(title, color=_INK)
        axes.spines[:].set_color(_INK)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _frusta(cameras: Float[Array, "n 3 4"], size: float) -> Float[Array, "k 3"]:
    """One line along the edges of all pyramids, with NaN where the pen is lifted."""
    a, b, c, d = _CORNERS
    apex, lift = np.zeros(3), np.full(3, np.nan)
    local = size * np.array([apex, a, b, apex, c, b, c, d, apex, d, a, lift])
    placed = local @ cameras[:, :, :3].transpose(0, 2, 1) + cameras[:, None, :, 3]
    return placed.reshape(-1, 3)


def _spacing(centres: Float[Array, "n 3"]) -> float:
    """A length by which neighbouring cameras are typically apart; a share of the whole where they crowd."""
    extent = float(np.linalg.norm(np.ptp(centres, axis=0)))
    return max(extent / max(len(centres), 1), 0.05 * extent) or 1.0


def _window(
    centres: Float[Array, "n 3"], points: Float[Array, "m 3"], margin: float
) -> tuple[Float[Array, " 3"], float]:
    """Middle and half side of a cube around all cameras and the bulk of the points."""
    seen = [centres, np.percentile(points, (3, 97), axis=0)] if len(points) else [centres]
    everything = np.concatenate(seen)
    low, high = everything.min(0) - margin, everything.max(0) + margin
    return (low + high) / 2, 0.53 * float((high - low).max())
