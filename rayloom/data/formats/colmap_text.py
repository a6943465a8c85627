"""COLMAP models as cameras.txt, images.txt and points3D.txt."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.formats.colmap_model import ColmapModel, PosedImage, colmap_camera, intrinsics_from
from rayloom.errors import InputError


def read_text(folder: Path) -> ColmapModel:
    """The model in a folder; raises InputError where a file is missing or damaged."""
    points = folder / "points3D.txt"
    return ColmapModel(
        cameras=dict(_cameras(folder / "cameras.txt")),
        images=list(_images(folder / "images.txt")),
        points=_points(points) if points.is_file() else np.empty((0, 3)),
    )


def write_text(folder: Path, model: ColmapModel) -> None:
    """Write the three files; images without observations, points in grey and without tracks."""
    lines = ["# CAMERA_ID MODEL WIDTH HEIGHT PARAMS"]
    for camera_id, intrinsics in model.cameras.items():
        name, numbers = colmap_camera(intrinsics, f"{folder}: camera {camera_id}")
        lines.append(f"{camera_id} {name} {intrinsics.width} {intrinsics.height} {_joined(numbers)}")
    _write(folder / "cameras.txt", lines)

    lines = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then a line of POINTS2D"]
    for index, image in enumerate(model.images, start=1):
        numbers = [*image.quaternion, *image.translation]
        lines += [f"{index} {_joined(numbers)} {image.camera_id} {image.name}", ""]
    _write(folder / "images.txt", lines)

    lines = ["# POINT3D_ID X Y Z R G B ERROR TRACK"]
    lines += [f"{index} {_joined(point)} 128 128 128 0" for index, point in enumerate(model.points, start=1)]
    _write(folder / "points3D.txt", lines)


def _cameras(path: Path) -> Iterator[tuple[int, Intrinsics]]:
    for where, line in _lines(path):
        words = line.split()
        if not words:
            continue
        camera_id, width, height = _whole([words[0], *words[2:4]], 3, where)
        numbers = _numbers(words[4:], len(words) - 4, where)
        yield camera_id, intrinsics_from(words[1], width, height, numbers, where)


def _images(path: Path) -> Iterator[PosedImage]:
    lines = _lines(path)
    for where, line in lines:
        words = line.split(maxsplit=9)
        if not words:
            continue
        if len(words) < 10:
            raise InputError(where, f"expected 10 fields of an image, found {len(words)}")
        numbers = np.array(_numbers(words[1:8], 7, where))
        (camera_id,) = _whole(words[8:9], 1, where)
        yield PosedImage(words[9].strip(), camera_id, numbers[:4], numbers[4:])
        # The line after an image holds its observations and may be empty.
        next(lines, None)


def _points(path: Path) -> NDArray[np.float64]:
    rows = [_numbers(line.split(maxsplit=4)[1:4], 3, where) for where, line in _lines(path) if line.strip()]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line that is no comment, with its place for messages."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith("#"):
            yield f"{path}: line {number}", line


def _numbers(words: Sequence[str], count: int, where: str) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        raise InputError(where, f"expected numbers, found {' '.join(words)[:80]!a}") from error
    if len(numbers) != count:
        raise InputError(where, f"expected {count} numbers, found {len(numbers)}")
    return numbers


def _whole(words: Sequence[str], count: int, where: str) -> list[int]:
    if len(words) != count or not all(word.isdecimal() and len(word) < 12 for word in words):
        raise InputError(where, f"expected {count} whole numbers, found {' '.join(words)[:80]!a}")
    return [int(word) for word in words]


def _joined(numbers: Sequence[float] | NDArray[np.float64]) -> str:
    return " ".join(repr(float(number)) for number in numbers)


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
