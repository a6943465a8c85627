"""COLMAP models as cameras.bin, images.bin and points3D.bin: little-endian numbers without gaps."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.formats.colmap_model import (
    CAMERA_MODELS,
    ColmapModel,
    PosedImage,
    colmap_camera,
    intrinsics_from,
    model_name,
)
from rayloom.errors import InputError

# One observation in an image is two doubles and a point's number; one in a track is two indices.
_OBSERVATION_BYTES = 24
_TRACK_BYTES = 8


def read_binary(folder: Path) -> ColmapModel:
    """The model in a folder; raises InputError where a file is missing or damaged."""
    points = folder / "points3D.bin"
    return ColmapModel(
        cameras=dict(_cameras(_Cursor(folder / "cameras.bin"))),
        images=list(_images(_Cursor(folder / "images.bin"))),
        points=_points(_Cursor(points)) if points.is_file() else np.empty((0, 3)),
    )


def write_binary(folder: Path, model: ColmapModel) -> None:
    """Write the three files; images without observations, points in grey and without tracks."""
    parts = [struct.pack("<Q", len(model.cameras))]
    for camera_id, intrinsics in model.cameras.items():
        name, numbers = colmap_camera(intrinsics, f"{folder}: camera {camera_id}")
        head = (camera_id, CAMERA_MODELS[name][0], intrinsics.width, intrinsics.height)
        parts.append(struct.pack(f"<IiQQ{len(numbers)}d", *head, *numbers))
    (folder / "cameras.bin").write_bytes(b"".join(parts))

    parts = [struct.pack("<Q", len(model.images))]
    for index, image in enumerate(model.images, start=1):
        parts.append(struct.pack("<I7dI", index, *image.quaternion, *image.translation, image.camera_id))
        parts.append(image.name.encode() + b"\0" + struct.pack("<Q", 0))
    (folder / "images.bin").write_bytes(b"".join(parts))

    parts = [struct.pack("<Q", len(model.points))]
    for index, point in enumerate(model.points, start=1):
        parts.append(struct.pack("<Q3d3BdQ", index, *point, 128, 128, 128, 0.0, 0))
    (folder / "points3D.bin").write_bytes(b"".join(parts))


class _Cursor:
    """A place in a file's bytes that moves on with each record taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = 0
        try:
            self.content = path.read_bytes()
        except OSError as error:
            raise InputError(path, f"cannot be read: {error.strerror}") from error

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next record of a struct layout."""
        try:
            record = struct.unpack_from(f"<{layout}", self.content, self.at)
        except struct.error as error:
            raise self.ended() from error
        self.at += struct.calcsize(f"<{layout}")
        return record

    def take_name(self) -> str:
        """The next text, which a zero byte ends."""
        end = self.content.find(b"\0", self.at)
        if end < 0:
            raise self.ended()
        name, self.at = self.content[self.at : end], end + 1
        try:
            return name.decode()
        except UnicodeDecodeError as error:
            raise InputError(self.path, f"expected a file name, found {name[:40]!r}") from error

    def skip(self, num_bytes: int) -> None:
        """Pass over so many bytes, which must be there."""
        self.at += num_bytes
        if self.at > len(self.content):
            raise self.ended()

    def ended(self) -> InputError:
        """The error for a file that is too short."""
        return InputError(self.path, f"ends too early, after {len(self.content)} bytes")


def _cameras(cursor: _Cursor) -> Iterator[tuple[int, Intrinsics]]:
    (count,) = cursor.take("Q")
    for _ in range(count):
        camera_id, model_id, width, height = cursor.take("IiQQ")
        where = f"{cursor.path}: camera {camera_id}"
        name = model_name(model_id, where)
        numbers = cursor.take(f"{len(CAMERA_MODELS[name][2])}d")
        yield camera_id, intrinsics_from(name, width, height, list(numbers), where)


def _images(cursor: _Cursor) -> Iterator[PosedImage]:
    (count,) = cursor.take("Q")
    for _ in range(count):
        _, *numbers, camera_id = cursor.take("I7dI")
        name = cursor.take_name()
        (num_observations,) = cursor.take("Q")
        cursor.skip(_OBSERVATION_BYTES * num_observations)
        yield PosedImage(name, camera_id, np.array(numbers[:4]), np.array(numbers[4:]))


def _points(cursor: _Cursor) -> NDArray[np.float64]:
    (count,) = cursor.take("Q")
    points: list[tuple[float, ...]] = []
    for _ in range(count):
        _, x, y, z, _, _, _, _, num_track = cursor.take("Q3d3BdQ")
        cursor.skip(_TRACK_BYTES * num_track)
        points.append((x, y, z))
    return np.array(points, dtype=np.float64).reshape(-1, 3)
