"""Attempts to place cameras, each more patient than the one before, until nearly all photos have one.

Every rung of the ladder leaves its database, its models and, when it is through, its result in the working
folder. So a run that was killed goes on where it was, and no finished rung is climbed twice.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
import pycolmap

from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sfm import database, pairs
from rayloom.sfm.jobs import Extract, Map, Match
from rayloom.sfm.model import mean_error_px, read_models
from rayloom.sfm.photos import Photo
from rayloom.sfm.report import HIGH_ERROR_PX, Attempt
from rayloom.sfm.worker import JobError, run_job

ENOUGH = 0.95
"""Share of the photos whose cameras must be known for a rung to be the last."""
MANY_FEATURES = 8192
LEAST_ROOM = 1 << 20
"""Bytes on the disk without which COLMAP fails, whatever the photos show."""

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Rung:
    """One way of going about it."""

    name: str
    num_features: int
    peak_threshold: float = 0.0067
    """Contrast of the faintest feature; COLMAP's own choice."""
    loose: bool = False
    """Match along epipolar lines too, and be content with fewer and less distinct matches."""
    mapper: Literal["incremental", "global"] = "incremental"


@dataclass(frozen=True)
class Survey:
    """Photos to place, and where to work on them."""

    photos: Sequence[Photo]
    names: Sequence[str]
    """Of their files in `images`; without spaces, which separate names in COLMAP's lists."""
    images: Path
    masks: Path | None
    folder: Path
    ordered: bool
    """They are frames of a video, so that neighbours overlap."""
    num_features: int
    max_size: int


def rungs(num_features: int) -> tuple[Rung, ...]:
    """The ladder, from plain to patient."""
    plain = Rung("plain", num_features)
    many = Rung("more features", max(MANY_FEATURES, 2 * num_features), peak_threshold=0.004)
    loose = replace(many, name="guided matching, looser thresholds", loose=True)
    return plain, many, loose, replace(loose, name="all cameras at once", mapper="global")


@dataclass(frozen=True)
class Climb:
    """What came of every rung that was tried, and the best of them."""

    attempts: tuple[Attempt, ...]
    best: int
    database: Path
    """Features and matches of the best rung."""
    models: Path
    """Folder of its models."""


def climb(survey: Survey, on_progress: OnProgress) -> Climb:
    """Try the rungs in turn until enough photos are placed.

    The best one placed most photos, as far as its error lets them count, and among equals has the least
    error. A rung on which COLMAP failed says so in its note, and is tried again by the next run.
    """
    ladder = rungs(survey.num_features)
    attempts: list[Attempt] = []
    for rung in ladder:
        attempts.append(_attempt(survey, rung, ladder.index(rung), on_progress))
        if _worth(attempts[-1]) >= ENOUGH * len(survey.photos):
            break
    best = max(range(len(attempts)), key=lambda i: _rank(attempts[i]))
    return Climb(
        tuple(attempts), best, _database_file(survey, ladder[best]), _rung_folder(survey, best) / "models"
    )


def _worth(attempt: Attempt) -> float:
    """Photos that were placed, the fewer the farther the error is above what is good.

    All cameras at once are easily placed, also where they do not fit together.
    """
    return attempt.num_registered / max((attempt.mean_error_px or 0.0) / HIGH_ERROR_PX, 1.0)


def _rank(attempt: Attempt) -> tuple[float, float]:
    return _worth(attempt), -(attempt.mean_error_px or 0.0)


def _attempt(survey: Survey, rung: Rung, index: int, on_progress: OnProgress) -> Attempt:
    """The recorded result of a rung, or that of climbing it."""
    folder = _rung_folder(survey, index)
    record = folder / "attempt.json"
    if record.is_file():
        # One that a power cut tore off is no record.
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(record.read_bytes(), type=Attempt)
    began = time.perf_counter()
    try:
        sizes, error = _place(survey, rung, folder, on_progress)
    except JobError as failure:
        if (free := shutil.disk_usage(survey.folder).free) < LEAST_ROOM:
            raise InputError(
                survey.folder, f"the disk is full, with {free:,} bytes left: {failure}"
            ) from failure
        seconds = time.perf_counter() - began
        return Attempt(rung.name, seconds, num_registered=0, pieces=[], mean_error_px=None, note=str(failure))
    attempt = Attempt(
        name=rung.name,
        seconds=time.perf_counter() - began,
        num_registered=max(sizes, default=0),
        pieces=sizes,
        mean_error_px=error,
        note="" if sizes else "no two photos show enough in common to start from",
    )
    with whole_file(record) as part:
        part.write_bytes(msgspec.json.encode(attempt))
    return attempt


def _place(
    survey: Survey, rung: Rung, folder: Path, on_progress: OnProgress
) -> tuple[list[int], float | None]:
    """Photos in each model, the largest first, and the error of that one."""
    log = survey.folder / "colmap.log"
    file = _with_features(survey, rung, log, on_progress)
    _match(survey, rung, file, log, on_progress)
    models = folder / "models"
    shutil.rmtree(models, ignore_errors=True)
    models.mkdir(parents=True)
    matches = (10, 40, 15) if rung.loose else (15, 100, 30)
    job = Map(str(file), str(survey.images), str(models), rung.mapper, *matches)
    total = len(survey.photos)
    run_job(job, log, lambda placed: on_progress(f"{rung.name}: placing cameras", min(placed, total), total))
    found = read_models(models)
    if len(found) > 1:
        on_progress(f"{rung.name}: joining pieces", found[0].num_reg_images(), total)
        found = _joined(job, found, folder, log)
    return [model.num_reg_images() for model in found], mean_error_px(found[0]) if found else None


def _joined(
    job: Map, found: list[pycolmap.Reconstruction], folder: Path, log: Path
) -> list[pycolmap.Reconstruction]:
    """The models with those in one that share photos and fit together, also in the folder of the job."""
    from rayloom.sfm.pieces import fewest_bridges, join_pieces  # noqa: PLC0415  Imports torch.

    start = join_pieces(found, Path(job.database))
    if start is None:
        return found
    posed, whole = folder / "posed", folder / "whole"
    for made in (posed, whole):
        shutil.rmtree(made, ignore_errors=True)
    posed.mkdir()
    (out := whole / "0").mkdir(parents=True)
    start.write(posed)
    again = msgspec.structs.replace(job, out=str(out), mapper="incremental", start=str(posed))
    try:
        run_job(again, log, lambda _: None)
    except JobError:
        return found
    joined = read_models(whole)[0] if any(out.iterdir()) else found[0]
    parts = [model for model in found if not set(joined.reg_image_ids()).isdisjoint(model.reg_image_ids())]
    if (
        joined.num_reg_images() <= found[0].num_reg_images()
        or mean_error_px(joined) > HIGH_ERROR_PX
        or fewest_bridges(joined, parts) < job.min_observations
    ):
        return found
    inside = set(joined.reg_image_ids())
    kept = [joined, *(model for model in found if not inside.issuperset(model.reg_image_ids()))]
    shutil.rmtree(job.out)
    for i, model in enumerate(kept):
        (Path(job.out) / str(i)).mkdir(parents=True)
        model.write(Path(job.out) / str(i))
    return read_models(Path(job.out))


def _with_features(survey: Survey, rung: Rung, log: Path, on_progress: OnProgress) -> Path:
    """The rung's database, with the features of all photos in it."""
    file, total = _database_file(survey, rung), len(survey.photos)
    if not database.is_sound(file, total):
        strict = _database_file(survey, replace(rung, loose=False))
        if rung.loose and database.is_sound(strict, total):
            database.copy_features(strict, file)
        else:
            database.create(file, survey.photos, survey.names)
    if database.count(file, "keypoints") < total:
        masks = None if survey.masks is None else str(survey.masks)
        settings = (rung.num_features, survey.max_size, rung.peak_threshold)
        job = Extract(str(file), str(survey.images), masks, *settings)
        run_job(
            job,
            log,
            lambda _: on_progress(f"{rung.name}: features", database.count(file, "keypoints"), total),
        )
    return file


def _match(survey: Survey, rung: Rung, file: Path, log: Path, on_progress: OnProgress) -> None:
    """Compare photos in the rung's database, as far as it has not been done."""
    compared = _pairs(survey, rung, file)
    if database.count(file, "two_view_geometries") >= len(compared):
        return
    listed = file.with_suffix(".pairs")
    listed.write_text("".join(f"{survey.names[i]} {survey.names[j]}\n" for i, j in compared))
    job = Match(str(file), str(listed), rung.loose, *((0.9, 10) if rung.loose else (0.8, 15)))
    run_job(
        job,
        log,
        lambda _: on_progress(
            f"{rung.name}: matches", database.count(file, "two_view_geometries"), len(compared)
        ),
    )


def _pairs(survey: Survey, rung: Rung, file: Path) -> list[pairs.Pair]:
    """All pairs where that is affordable, and for a video only if it did not go well without."""
    total = len(survey.photos)
    if total <= pairs.COMPARE_ALL_BELOW and (rung.loose or not survey.ordered):
        return pairs.all_pairs(total)
    more = 2 if rung.loose else 1
    alike = pairs.alike(database.descriptors(file, total), more * pairs.NUM_ALIKE)
    return sorted({*pairs.neighbours(total, more * pairs.REACH), *alike})


def _database_file(survey: Survey, rung: Rung) -> Path:
    """Rungs with the same features and matches share a database."""
    return survey.folder / f"{rung.num_features}-{'loose' if rung.loose else 'strict'}.db"


def _rung_folder(survey: Survey, index: int) -> Path:
    return survey.folder / str(index + 1)
