"""What is wrong with photos, and what to do about it, in sentences that follow from the numbers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rayloom.sfm.report import HIGH_ERROR_PX, PhotoRow, Report

NEARLY_ALL = 0.95
"""Share of the photos with which a capture counts as complete."""

_BLURRED = 1 / 3
"""Of the median sharpness."""
_ALL_BLURRED = 8.0
"""Median sharpness at which nothing is in focus; photos of smooth things in focus have some 40."""
_BLANK = 0.1
"""Share of textured area."""
_FEW_FEATURES = 500
_FEW_NEIGHBOURS = 3
"""Photos that should show some of what a photo shows, as one on either side does not check the other."""


@dataclass(frozen=True)
class Finding:
    """A sentence on what was found, and one on what to do about it, which may be empty."""

    warning: str
    advice: str = ""


def diagnose(report: Report) -> tuple[list[str], list[str]]:
    """Warnings and pieces of advice, the gravest first; where all is well, the advice says so.

    Numbers that a report does not have, as before photos are matched, are not judged.
    """
    findings = [finding for rule in _RULES for finding in rule(report)]
    warnings = dict.fromkeys(finding.warning for finding in findings)
    advice = [finding.advice for finding in findings if finding.advice]
    return list(warnings), list(dict.fromkeys(advice + _next_steps(report, fine=not findings)))


def _too_few(report: Report) -> Iterator[Finding]:
    if report.num_photos < 3:
        yield Finding(
            f"{_count(report.num_photos, 'usable photo')} cannot show depth reliably.",
            "Take 20 or more photos of one scene, each from a place of its own, a step from the one before.",
        )


def _blurred(report: Report) -> Iterator[Finding]:
    if not report.photos:
        return
    middle = median(row.sharpness for row in report.photos)
    advice = "Take blurred photos again: hold still, use more light or a shorter exposure, and focus."
    if middle < _ALL_BLURRED:
        yield Finding(
            f"Nearly all photos are blurred: half of them have a sharpness of at most {middle:.3g}.", advice
        )
        return
    rows = [row for row in report.photos if row.sharpness < _BLURRED * middle]
    if rows:
        count = f"{len(rows)} of {_count(report.num_photos, 'photo')} {_are(rows)} blurred"
        yield Finding(f"{count} (sharpness below a third of the median): {_names(rows)}.", advice)


def _blank(report: Report) -> Iterator[Finding]:
    rows = [row for row in report.photos if row.texture < _BLANK]
    if rows:
        count = f"{len(rows)} of {_count(report.num_photos, 'photo')} {_are(rows)} nearly blank"
        yield Finding(
            f"{count} (less than {_BLANK:.0%} of the picture is textured): {_names(rows)}.", _TEXTURE
        )


def _few_features(report: Report) -> Iterator[Finding]:
    counts = [row.num_features for row in report.photos]
    if any(counts) and median(counts) < _FEW_FEATURES:
        found = f"Half of the photos have {median(counts):.0f} features or fewer"
        yield Finding(f"{found}; expected {_FEW_FEATURES} or more.", _TEXTURE)


def _alone(report: Report) -> Iterator[Finding]:
    """Photos that were compared with the others and fit none of them."""
    rows = [row for row in report.photos if row.num_features and not row.num_matched_photos]
    if not rows or len(report.photos) < 2:
        return
    if len(rows) == len(report.photos):
        found = "No two photos show the same things from different places."
        yield Finding(found, f"Check that all photos are of one scene. {_OVERLAP}")
    else:
        count = f"{len(rows)} of {_count(report.num_photos, 'photo')} {_match(rows)} no other photo"
        yield Finding(f"{count}: {_names(rows)}.", _OVERLAP)


def _little_overlap(report: Report) -> Iterator[Finding]:
    counts = [row.num_matched_photos for row in report.photos]
    if len(counts) > _FEW_NEIGHBOURS and any(counts) and median(counts) < _FEW_NEIGHBOURS:
        found = f"Half of the photos match {median(counts):g} others or fewer"
        yield Finding(f"{found}; expected {_FEW_NEIGHBOURS} or more.", _OVERLAP)


def _in_pieces(report: Report) -> Iterator[Finding]:
    """Pieces that are not connected, and the places in the order of photos where they part."""
    for piece, size in enumerate(report.pieces[1:], start=1):
        indices = [i for i, row in enumerate(report.photos) if row.piece == piece]
        if not indices:
            yield Finding(f"{_form(size)} a separate piece.", _OVERLAP)
            continue
        where = _names([report.photos[i] for i in indices])
        if len(indices) > 1 and indices == list(range(indices[0], indices[-1] + 1)):
            where = f"{report.photos[indices[0]].name} to {report.photos[indices[-1]].name}"
        found = f"{_form(len(indices))} a separate piece that fits nowhere else: {where}."
        gaps = sorted({(i, i + 1) for i in indices} | {(i - 1, i) for i in indices})
        seams = [
            f"{report.photos[i].name} and {report.photos[j].name}" for i, j in gaps if _parts(report, i, j)
        ]
        yield Finding(found, f"Take photos between {' and between '.join(seams[:3])}." if seams else _OVERLAP)


def _parts(report: Report, i: int, j: int) -> bool:
    """Whether neighbouring photos belong to different pieces."""
    if i < 0 or j >= len(report.photos):
        return False
    pieces = report.photos[i].piece, report.photos[j].piece
    return None not in pieces and pieces[0] != pieces[1]


def _unplaced(report: Report) -> Iterator[Finding]:
    rows = [row for row in report.photos if not row.registered]
    if report.attempts and rows and report.num_registered:
        count = f"{len(rows)} of {_count(report.num_photos, 'photo')} could not be placed"
        yield Finding(f"{count}: {_names(rows)}.")


def _inexact(report: Report) -> Iterator[Finding]:
    error = report.mean_error_px
    if error is not None and error > HIGH_ERROR_PX:
        yield Finding(
            f"The mean reprojection error is {error:.2f} px; expected {HIGH_ERROR_PX} or less.",
            "Mask things that move, and keep zoom and focus as they are from photo to photo.",
        )


def _many_cameras(report: Report) -> Iterator[Finding]:
    cameras = {row.camera for row in report.photos}
    if (
        len(cameras) > max(3, len(report.photos) // 2)
        and report.num_registered < NEARLY_ALL * report.num_photos
    ):
        yield Finding(
            f"The photos come from {len(cameras)} cameras, and each lens must be found from few photos.",
            "Use one camera with one zoom setting, or take more photos with each.",
        )


def _next_steps(report: Report, *, fine: bool) -> list[str]:
    """What to do with the cameras as they are."""
    share = report.num_registered / max(report.num_photos, 1)
    placed = f"{report.num_registered} of {_count(report.num_photos, 'photo')}"
    if not report.attempts:
        return []
    if share >= NEARLY_ALL:
        error = "" if report.mean_error_px is None else f", to {report.mean_error_px:.2f} px"
        ending = "; nothing is left to mend" if fine else ""
        return [f"The cameras of {placed} are known{error}{ending}: go on with `rayloom train`."]
    if share >= 0.5:
        refine = "`rayloom train loom --poses refine` mends small errors of their cameras"
        return [f"Training can go on with {placed}; {refine}."]
    return [
        "Where more photos cannot be taken, try `rayloom train joint-tensorf`, which finds cameras itself."
    ]


_OVERLAP = "Take more photos, in smaller steps, so that each shows two thirds of what the one before shows."
_TEXTURE = (
    "Put things with texture into view, such as printed paper or patterned cloth, and avoid bare walls."
)

_RULES: Sequence[Callable[[Report], Iterator[Finding]]] = (
    *(_too_few, _alone, _in_pieces, _unplaced, _blurred, _blank, _few_features),
    *(_little_overlap, _many_cameras, _inexact),
)


def _names(rows: Sequence[PhotoRow]) -> str:
    """The first few names, and how many there are besides."""
    shown = [row.name for row in rows[:5]]
    return ", ".join(shown) + (f" and {len(rows) - len(shown)} more" if len(rows) > len(shown) else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _form(number: int) -> str:
    return "1 photo forms" if number == 1 else f"{number} photos form"


def _are(rows: Sequence[PhotoRow]) -> str:
    return "is" if len(rows) == 1 else "are"


def _match(rows: Sequence[PhotoRow]) -> str:
    return "matches" if len(rows) == 1 else "match"
