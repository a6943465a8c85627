"""From bare photos or a video to a capture with cameras, and to a report if that does not work out."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pycolmap

from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sfm import database
from rayloom.sfm.config import ProcessConfig
from rayloom.sfm.diagnosis import diagnose
from rayloom.sfm.frames import pick_frames
from rayloom.sfm.jobs import SMALLEST_PIECE
from rayloom.sfm.ladder import Climb, OnProgress, Survey, climb
from rayloom.sfm.model import (
    mean_error_px,
    measure,
    points_and_colors,
    read_models,
    world_from_cameras,
    write_model,
)
from rayloom.sfm.photos import Photo, find_photos
from rayloom.sfm.report import REPORT, PhotoRow, Report, read_report, write_report
from rayloom.sfm.sources import find_masks, lay_out, lay_out_masks, photo_folder

SETTINGS, WORK, FINISHED = "process.json", "work", "transforms.json"


class _Settings(msgspec.Struct, frozen=True):
    """What the content of a folder comes from."""

    source: str
    files: list[tuple[str, int]]
    """Names and bytes of what lies in the source."""
    features: int
    max_size: int
    frames: int


def process(source: Path, out: Path, config: ProcessConfig, on_progress: OnProgress) -> Report:
    """Estimate the cameras of the photos in a folder, or of frames of a video, and write a capture to `out`.

    What an earlier call with the same photos left in `out` is used: unfinished work goes on, and a finished
    capture is only reported. Raises InputError where there are no photos or where hardly one could be
    placed; `out` then holds the report that says why.
    """
    if not source.exists():
        raise InputError(source, "no such file or folder; expected photos or a video")
    if _is_finished(source, out, config):
        report = read_report(out)
        shutil.rmtree(out / WORK, ignore_errors=True)
        return report
    try:
        report = _process(source, out, config, on_progress)
    except InputError as error:
        if not (out / REPORT).is_file():
            _write(_with_diagnosis(Report.of([], warnings=[str(error)])), None, out)
        raise
    except OSError as error:
        raise InputError(out, f"cannot be written ({error.strerror or error})") from error
    shutil.rmtree(out / WORK)
    return report


def _is_finished(source: Path, out: Path, config: ProcessConfig) -> bool:
    """Whether `out` holds this very work, done; otherwise it is made ready for it.

    Raises InputError where `out` holds anything else.
    """
    folder = source.parent if source.is_file() else photo_folder(source)
    files = [source] if source.is_file() else sorted(path for path in folder.iterdir() if path.is_file())
    settings = _Settings(
        _as_text(str(source.resolve())),
        [(_as_text(path.name), path.stat().st_size) for path in files],
        config.features,
        config.max_size,
        config.frames,
    )
    finished = (out / FINISHED).is_file()
    if (out / SETTINGS).is_file():
        try:
            before = msgspec.json.decode((out / SETTINGS).read_bytes(), type=_Settings)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(out / SETTINGS, f"is damaged ({error}); expected a new folder") from error
        if before == settings:
            return finished
        if finished or before.source != settings.source:
            raise InputError(
                out, f"holds work on {before.source} as it was or with other options; expected a new folder"
            )
        shutil.rmtree(out / WORK, ignore_errors=True)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists and is not empty; expected a new or empty folder")
    with whole_file(out / SETTINGS) as part:
        part.write_bytes(msgspec.json.encode(settings))
    return False


def _as_text(name: str) -> str:
    """The name of a file, whose bytes may be no text."""
    return name.encode(errors="backslashreplace").decode()


def _process(source: Path, out: Path, config: ProcessConfig, on_progress: OnProgress) -> Report:
    (out / REPORT).unlink(missing_ok=True)
    work = out / WORK
    folder = photo_folder(source)
    if source.is_file():
        folder = work / "frames"
        pick_frames(
            source, folder, config.frames, lambda done, total: on_progress("picking frames", done, total)
        )
    photos, notes = find_photos(folder, work / "copies")
    if len(photos) < SMALLEST_PIECE:
        _write(_with_diagnosis(Report.of(photos, warnings=notes)), None, out)
        raise InputError(
            source,
            f"{len(photos)} usable photos; expected {SMALLEST_PIECE} or more of one scene, each from a "
            f"place of its own; {out / REPORT} says more",
        )
    masks = find_masks(folder, photos)
    climbed = climb(_survey(photos, masks, work, config, ordered=source.is_file()), on_progress)
    models = read_models(climbed.models) if climbed.models.is_dir() else []
    report = _with_diagnosis(_report(photos, notes, climbed, models))
    if not models:
        _write(report, None, out)
        raise InputError(
            source,
            f"the cameras of {len(photos)} photos could not be found; expected photos of one scene that "
            f"overlap by half or more, from different places; {out / REPORT} says more",
        )
    # The capture comes last: where it is, nothing is missing.
    _write(report, models[0], out)
    write_model(models[0], photos, masks, out)
    return report


def _survey(
    photos: Sequence[Photo], masks: Sequence[Path | None], work: Path, config: ProcessConfig, *, ordered: bool
) -> Survey:
    """The photos and masks laid out in the working folder as COLMAP wants them."""
    names = lay_out(photos, work / "photos")
    return Survey(
        photos=photos,
        names=names,
        images=work / "photos",
        masks=lay_out_masks(photos, masks, names, work / "masks"),
        folder=work,
        ordered=ordered,
        num_features=config.features,
        max_size=config.max_size,
    )


def _report(
    photos: Sequence[Photo], notes: Sequence[str], climbed: Climb, models: Sequence[pycolmap.Reconstruction]
) -> Report:
    """What is known after the climb."""
    sight = database.sight(climbed.database, len(photos))
    fits = [measure(model, len(photos)) for model in models]
    rows: list[PhotoRow] = []
    for i, row in enumerate(Report.of(photos).photos):
        piece = next((k for k, fit in enumerate(fits) if fit.registered[i]), None)
        fit = fits[0] if piece == 0 else None
        rows.append(
            replace(
                row,
                num_features=int(sight.num_features[i]),
                num_matched_photos=int(sight.num_matched[i]),
                num_points=int(fit.num_points[i]) if fit else 0,
                registered=fit is not None,
                error_px=float(fit.error_px[i]) if fit and fit.num_points[i] else None,
                piece=piece,
            )
        )
    report = Report(
        num_photos=len(photos),
        num_registered=sum(row.registered for row in rows),
        pieces=[model.num_reg_images() for model in models],
        mean_error_px=mean_error_px(models[0]) if models else None,
        num_points=models[0].num_points3D() if models else 0,
        mean_track_length=models[0].compute_mean_track_length() if models else None,
        photos=rows,
        attempts=list(climbed.attempts),
        warnings=list(notes),
    )
    return report


def _with_diagnosis(report: Report) -> Report:
    """The report with what its numbers mean in words."""
    warnings, advice = diagnose(report)
    return replace(report, warnings=[*report.warnings, *warnings], advice=advice)


def _write(report: Report, model: pycolmap.Reconstruction | None, out: Path) -> None:
    """Write the report with a picture of the model, where there is one."""
    if model is None:
        write_report(report, np.empty((0, 3, 4)), np.empty((0, 3)), np.empty((0, 3), np.uint8), out)
    else:
        write_report(report, world_from_cameras(model), *points_and_colors(model), out)
