"""What came of looking for cameras: numbers about photos and attempts, kept as JSON and shown as a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sfm.photos import Photo

REPORT, PAGE = "report.json", "report.html"

ReportT = TypeVar("ReportT", bound="Report")

HIGH_ERROR_PX = 1.5
"""Mean reprojection error above which cameras are not right."""


@dataclass(frozen=True)
class PhotoRow:
    """One photo: what it shows, and how well it fits the others."""

    name: str
    width: int
    height: int
    sharpness: float
    """Variance of the Laplacian, see `rayloom.sfm.detail`; compares photos of one scene."""
    texture: float
    """Share of the picture, in [0, 1], where there is something to recognise."""
    camera: str = ""
    """Photos with the same text were taken with one camera."""
    num_features: int = 0
    num_matched_photos: int = 0
    """Other photos that show some of the same things, geometrically verified."""
    num_points: int = 0
    """Points of the scene that the photo sees."""
    registered: bool = False
    """Its camera is known, in the piece that was kept."""
    error_px: float | None = None
    """Mean reprojection error; None where it sees no points."""
    piece: int | None = None
    """Index in `Report.pieces` of the piece it belongs to; None where it belongs to none or nobody looked."""


@dataclass(frozen=True)
class Attempt:
    """One way of going about it, and what came of it."""

    name: str
    seconds: float
    num_registered: int
    pieces: list[int]
    """Photos in each piece, the largest first."""
    mean_error_px: float | None
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What is known of photos and their cameras."""

    num_photos: int
    num_registered: int
    pieces: list[int]
    """Photos in each piece whose cameras are known relative to each other, the largest first."""
    mean_error_px: float | None
    """Mean reprojection error of the piece that was kept; None where there is none."""
    num_points: int
    mean_track_length: float | None
    """Photos that see a point, on average."""
    photos: list[PhotoRow]
    attempts: list[Attempt] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    colmap: str = field(default_factory=lambda: version("pycolmap"))
    """Version of COLMAP that did the work."""

    @classmethod
    def of(cls: type[ReportT], photos: Sequence[Photo], warnings: Sequence[str] = ()) -> ReportT:
        """The report on photos of whose cameras nothing is known."""
        rows = [
            PhotoRow(photo.name, photo.width, photo.height, photo.sharpness, photo.texture, photo.camera_key)
            for photo in photos
        ]
        return cls(len(rows), 0, [], None, 0, None, rows, warnings=list(warnings))


def write_report(
    report: Report,
    cameras: NDArray[np.floating],
    points: NDArray[np.floating],
    colors: NDArray[np.uint8],
    folder: Path,
) -> None:
    """Write `report.json`, and `report.html` with a picture of the cameras and points, to a folder.

    `cameras` are world_from_camera, n x 3 x 4, in any frame; `points` m x 3 in the same frame and `colors`
    m x 3. All may be empty. Raises InputError where the folder cannot be written to.
    """
    # The page shows a report and so stands above it.
    from rayloom.sfm.page import page  # noqa: PLC0415

    shown = page(report, cameras, points, colors)
    with whole_file(folder / PAGE) as part:
        # Names of files may hold bytes that are no text.
        part.write_text(shown, encoding="utf-8", errors="replace")
    with whole_file(folder / REPORT) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def read_report(folder: Path) -> Report:
    """The report that was written to a folder; raises InputError where there is none or it is damaged."""
    file = folder / REPORT
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}); expected a report") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(file, f"is damaged ({error}); expected a report") from error
