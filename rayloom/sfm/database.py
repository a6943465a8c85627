"""COLMAP's database of photos, features and matches: made, checked for damage, and counted."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pycolmap
from numpy.typing import NDArray

from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sfm.photos import Photo

CAMERA_MODEL = "SIMPLE_RADIAL"
"""A focal length and one radial term: few photos of a narrow lens fit many wrong ones of more terms."""
FOCAL_GUESS = 1.2
"""Focal length over the longer side where EXIF does not tell; that of a moderate wide angle."""


@dataclass(frozen=True)
class Sight:
    """What was found in each photo, in the order of the photos."""

    num_features: NDArray[np.int64]
    num_matched: NDArray[np.int64]
    """Other photos with which enough matches are geometrically consistent."""


def create(path: Path, photos: Sequence[Photo], names: Sequence[str]) -> None:
    """Make a database of photos and their cameras, without features.

    Photo i is image i + 1 there, called `names[i]`. Photos with one `camera_key` share a camera. Raises
    InputError where the database cannot be written.
    """
    discard(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fill(path, photos, names)
    except RuntimeError as error:
        raise _unwritable(path) from error


def _fill(path: Path, photos: Sequence[Photo], names: Sequence[str]) -> None:
    with closing(pycolmap.Database.open(path)) as database, pycolmap.DatabaseTransaction(database):
        keys = list(dict.fromkeys(photo.camera_key for photo in photos))
        for camera_id, key in enumerate(keys, start=1):
            _add_camera(database, camera_id, [photo for photo in photos if photo.camera_key == key])
        for image_id, (photo, name) in enumerate(zip(photos, names, strict=True), start=1):
            camera_id = 1 + keys.index(photo.camera_key)
            image = pycolmap.Image(name=name, camera_id=camera_id, image_id=image_id)
            database.write_image(image, use_image_id=True)
            frame = pycolmap.Frame(frame_id=image_id, rig_id=camera_id)
            frame.add_data_id(image.data_id)
            database.write_frame(frame, use_frame_id=True)


def _add_camera(database: pycolmap.Database, camera_id: int, photos: Sequence[Photo]) -> None:
    """A camera, and the rig of one camera that COLMAP wants around it."""
    first = photos[0]
    focal = first.focal_px or FOCAL_GUESS * max(first.width, first.height)
    camera = pycolmap.Camera.create_from_model_name(camera_id, CAMERA_MODEL, focal, first.width, first.height)
    camera.has_prior_focal_length = first.focal_px is not None
    database.write_camera(camera, use_camera_id=True)
    rig = pycolmap.Rig(rig_id=camera_id)
    rig.add_ref_sensor(camera.sensor_id)
    database.write_rig(rig, use_rig_id=True)


def is_sound(path: Path, num_photos: int) -> bool:
    """Whether the file is a whole database of so many photos, as a killed run may fail to leave."""
    if not path.is_file():
        return False
    try:
        with closing(_reading(path)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (count,) = connection.execute("SELECT COUNT(*) FROM images").fetchone()
    except sqlite3.Error:
        return False
    return verdict == "ok" and count == num_photos


def discard(path: Path) -> None:
    """Remove a database with the logs that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def copy_features(source: Path, target: Path) -> None:
    """A copy of a database without its matches, whole or absent.

    Raises InputError where it cannot be written.
    """
    discard(target)
    try:
        # The connections are closed, and with them SQLite's own log of the copy, before it takes its name.
        with (
            whole_file(target) as part,
            closing(_reading(source)) as old,
            closing(sqlite3.connect(part)) as new,
        ):
            old.backup(new)
            new.execute("DELETE FROM matches")
            new.execute("DELETE FROM two_view_geometries")
            new.commit()
    except sqlite3.Error as error:
        raise _unwritable(target) from error


def count(path: Path, table: Literal["keypoints", "two_view_geometries"]) -> int:
    """Photos that were searched for features, or pairs that were compared; also while COLMAP works on it."""
    try:
        with closing(_reading(path)) as connection:
            (number,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    except sqlite3.Error:
        return 0
    return number


def sight(path: Path, num_photos: int) -> Sight:
    """Features of each photo and the photos that it agrees with."""
    matched = np.zeros(num_photos, dtype=np.int64)
    with closing(pycolmap.Database.open(path)) as database:
        features = [database.num_keypoints_for_image(i + 1) for i in range(num_photos)]
        pair_ids, num_inliers = database.read_two_view_geometry_num_inliers()
    for pair_id, number in zip(pair_ids, num_inliers, strict=True):
        if number > 0:
            for image_id in pycolmap.pair_id_to_image_pair(pair_id):
                matched[image_id - 1] += 1
    return Sight(np.array(features, dtype=np.int64), matched)


def descriptors(path: Path, num_photos: int) -> list[NDArray[np.uint8]]:
    """The SIFT descriptors of each photo, (features, 128)."""
    with closing(pycolmap.Database.open(path)) as database:
        return [np.asarray(database.read_descriptors(i + 1).data) for i in range(num_photos)]


def _unwritable(path: Path) -> InputError:
    free = shutil.disk_usage(path.parent).free
    return InputError(path, f"the database cannot be written; the disk has {free:,} bytes left")


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
