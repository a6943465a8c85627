"""From photos to a capture, on a small invented room; the first test finds its cameras for all others."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayloom.data.formats.detect import read_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.sfm import process as module
from rayloom.sfm.config import ProcessConfig
from rayloom.sfm.ladder import Survey
from rayloom.sfm.process import process
from rayloom.sfm.report import Report, read_report
from tests.sfm import corner
from tests.sfm.pictures import noise_picture, write_film

NUM_PHOTOS = 6
CONFIG = ProcessConfig(features=1000, max_size=320)


def silent(stage: str, done: int, total: int) -> None:
    """Say nothing of progress."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Report]:
    """Photos, the capture made of them, and its report; the first attempt was killed, its work damaged."""
    folder = tmp_path_factory.mktemp("room")
    photos, out = folder / "photos" / "images", folder / "out"
    corner.take_photos(photos, NUM_PHOTOS)

    def kill(stage: str, done: int, total: int) -> None:
        if "features" in stage and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process(photos.parent, out, CONFIG, kill)
    (file,) = (out / "work").glob("*.db")
    file.write_bytes(file.read_bytes()[:5000])
    return photos.parent, out, process(photos.parent, out, CONFIG, silent)


def test_every_camera_is_found_where_it_was(room: tuple[Path, Path, Report]) -> None:
    _, out, report = room
    assert (report.num_registered, report.pieces) == (NUM_PHOTOS, [NUM_PHOTOS])
    assert report.mean_error_px is not None
    assert report.mean_error_px < 0.6
    capture = read_capture(out, DataConfig())
    found = np.array([frame.raw_from_camera[:, 3] for frame in capture.frames])
    true = corner.cameras(NUM_PHOTOS)[:, :, 3]
    # What the similarity of least squares leaves, by the singular values of the covariance (Umeyama 1991).
    found, true = found - found.mean(axis=0), true - true.mean(axis=0)
    left, values, right = np.linalg.svd(true.T @ found)
    values[2] *= np.sign(np.linalg.det(left @ right))
    residual = 1 - values.sum() ** 2 / ((true**2).sum() * (found**2).sum())
    assert residual < 0.01**2
    assert capture.frames[0].intrinsics.fx == pytest.approx(corner.FOCAL, rel=0.05)
    assert capture.points is not None
    assert len(capture.points) == report.num_points > 100


def test_the_report_tells_of_every_photo_and_the_work_is_cleared(room: tuple[Path, Path, Report]) -> None:
    _, out, report = room
    assert read_report(out) == report
    assert [row.name for row in report.photos] == [f"IMG {i:02}.png" for i in range(NUM_PHOTOS)]
    assert all(row.registered and row.num_features > 100 and row.num_points > 20 for row in report.photos)
    assert all(row.num_matched_photos >= 2 for row in report.photos)
    assert [attempt.name for attempt in report.attempts] == ["plain"]
    assert {path.name for path in out.iterdir()} == {
        *("images", "sparse", "sparse_points.ply", "transforms.json"),
        *("process.json", "report.json", "report.html"),
    }


def test_a_second_call_only_reports_and_other_work_is_refused(
    room: tuple[Path, Path, Report], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    photos, out, report = room
    monkeypatch.setattr(module, "climb", None)
    assert process(photos, out, CONFIG, silent) == report
    with pytest.raises(InputError, match="expected a new folder"):
        process(photos, out, ProcessConfig(), silent)
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="is not empty"):
        process(photos, tmp_path, CONFIG, silent)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def empty(folder: Path) -> None:
    """No file at all."""


def one(folder: Path) -> None:
    """One photo."""
    corner.take_photos(folder, 1)


def identical(folder: Path) -> None:
    """Three copies of one photo."""
    one(folder)
    for i in range(2):
        shutil.copy(folder / "IMG 00.png", folder / f"copy {i}.png")


def no_photos(folder: Path) -> None:
    """A text, and a text that is called a photo."""
    (folder / "notes.txt").write_text("milk")
    (folder / "photo.jpg").write_text("eggs")


@pytest.mark.parametrize("spoil", [empty, one, identical, no_photos], ids=lambda spoil: spoil.__name__)
def test_too_few_photos_are_told_at_once_with_a_report(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    spoil(photos)
    with pytest.raises(InputError, match="photos"):
        process(photos, out, CONFIG, silent)
    report = read_report(out)
    assert report.warnings
    assert report.advice
    assert (out / "report.html").is_file()


def test_a_file_that_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"clip\.mp4"):
        process(tmp_path / "clip.mp4", tmp_path / "out", CONFIG, silent)
    assert read_report(tmp_path / "out").num_photos == 0
    with pytest.raises(InputError, match="no such file"):
        process(tmp_path / "nowhere", tmp_path / "other", CONFIG, silent)
    assert not (tmp_path / "other").exists()


def test_frames_of_a_film_are_placed_as_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    surveys: list[Survey] = []

    def stop(survey: Survey, on_progress: object) -> None:
        surveys.append(survey)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "climb", stop)
    write_film(tmp_path / "walk.mp4", [noise_picture(seed) for seed in range(8)])
    with pytest.raises(KeyboardInterrupt):
        process(tmp_path / "walk.mp4", tmp_path / "out", replace(CONFIG, frames=4), silent)
    (survey,) = surveys
    assert (survey.ordered, len(survey.photos)) == (True, 4)
    assert all((survey.images / name).is_file() for name in survey.names)


def test_photos_with_nothing_on_them_end_in_a_report_and_may_be_replaced(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for i in range(3):
        Image.new("RGB", (64, 48), (80 * i, 90, 100)).save(photos / f"{i}.png")
    with pytest.raises(InputError, match="could not be found"):
        process(photos, out, ProcessConfig(features=100, max_size=64), silent)
    report = read_report(out)
    assert (report.num_photos, report.num_registered, len(report.attempts)) == (3, 0, 4)
    assert report.advice
    # The next try, with other photos, may use the same folder.
    (photos / "2.png").unlink()
    with pytest.raises(InputError, match="2 usable photos"):
        process(photos, out, ProcessConfig(features=100, max_size=64), silent)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photos_sceaux_castle", "photos_skull", "photos_plush"])
def test_real_photos_are_placed(name: str, shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    report = process(shared_data(name), tmp_path / "out", ProcessConfig(), silent)
    assert report.num_registered >= 0.95 * report.num_photos
    assert report.mean_error_px is not None
    assert report.mean_error_px <= 1.2
