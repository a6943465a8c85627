"""NR-NeRF's video captures: precomputed.json beside the frames of a video in which something moves.

`poses` holds a 3 x 5 matrix for each frame, as LLFF's loader hands them out: the camera's axes right, up
and back, its position, and height, width and focal length of the full-size image. `bds` holds two depths for
each, between which it sees something. Frames follow the lexicographic order of their names; their time runs
evenly from 0 to 1. Other fields, paths to film and one frame to test, are not used.
"""

from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.axes import opencv_from_opengl
from rayloom.data.formats.capture_files import list_images, name_below
from rayloom.data.formats.image_folders import find_mask, first_folder
from rayloom.data.formats.json_files import read_json
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

FILE = "precomputed.json"


class Fields(Struct):
    """What is read of the file."""

    poses: list[list[list[float]]]
    bds: list[list[float]]


def load(path: Path, config: DataConfig) -> Capture:
    """The capture of a folder with precomputed.json, or of that file."""
    file = path if path.is_file() else path / FILE
    root = file.parent
    fields = read_json(file, Fields)
    poses = _numbers(fields.poses, (3, 5), f"{file}: poses")
    bounds = _numbers(fields.bds, (2,), f"{file}: bds")
    folder = first_folder(root)
    images = list_images(folder)
    if not len(poses) == len(bounds) == len(images):
        counts = f"{len(poses)} poses and {len(bounds)} bds for {len(images)} images in {folder.name}"
        raise InputError(file, f"{counts}; expected as many")
    last = max(len(images) - 1, 1)
    return Capture(
        root=root,
        format="precomputed",
        frames=tuple(
            _frame(root, images[i], poses[i], bounds[i], time=i / last, where=f"{file}: poses[{i}]")
            for i in range(len(images))
        ),
    )


def _numbers(
    rows: list[list[float]] | list[list[list[float]]], shape: tuple[int, ...], where: str
) -> NDArray[np.float64]:
    """One array of the shape for each frame; raises InputError where the rows have others."""
    expected = " x ".join(map(str, ("N", *shape)))
    try:
        array = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise InputError(where, f"expected {expected} numbers, found ragged rows") from error
    if array.shape[1:] != shape:
        raise InputError(where, f"expected {expected} numbers, found {' x '.join(map(str, array.shape))}")
    return array


def _frame(
    root: Path,
    image: Path,
    matrix: NDArray[np.float64],
    bounds: NDArray[np.float64],
    *,
    time: float,
    where: str,
) -> Frame:
    height, width, focal = matrix[:, 4].tolist()
    if not (np.isfinite(matrix).all() and height == round(height) and width == round(width)):
        raise InputError(where, f"expected finite numbers and a whole image size; found {height} x {width}")
    return Frame(
        name=name_below(root, image),
        image=image,
        intrinsics=Intrinsics(
            CameraModel.PINHOLE, int(width), int(height), focal, focal, width / 2, height / 2
        ),
        raw_from_camera=opencv_from_opengl(matrix[:, :4]),
        ignore_mask=find_mask(root, image, image.name),
        time=time,
        near=float(bounds[0]),
        far=float(bounds[1]),
    )
