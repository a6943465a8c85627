"""LLFF folders: poses_bounds.npy beside images, or images_2, images_4, images_8.

Each of the N x 17 rows is a 3 x 5 matrix and two depths. The matrix is the pose with camera axes
(down, right, back), then the column height, width, focal length of the full-size image; the depths bound
what the camera sees. Rows follow the lexicographic order of file names. Where some photos got no pose,
`view_imgs.txt` lists the names of those that did, as LLFF's own tool writes it.

A picture in `masks`, or `masks_N` beside `images_N`, is white where the photo may be used and black where
it must be ignored. Masks of an object, as NeRD's captures have, thus train on the object alone.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.array_files import read_npy
from rayloom.data.capture import Capture, Frame
from rayloom.data.capture_files import list_images, name_below
from rayloom.data.image_folders import find_mask, first_folder
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError


def load(path: Path, config: DataConfig) -> Capture:
    """The capture of a folder with poses_bounds.npy, or of that file."""
    file = path if path.is_file() else path / "poses_bounds.npy"
    root = file.parent
    rows = read_npy(file)
    if rows.ndim != 2 or rows.shape[1] != 17:
        shape = " x ".join(map(str, rows.shape)) or "a single number"
        raise InputError(file, f"expected N x 17 numbers, found {shape}")
    folder = first_folder(root)
    images = _listed(root, list_images(folder))
    if len(images) != len(rows):
        problem = f"{len(rows)} poses for {len(images)} images in {folder.name}"
        raise InputError(file, f"{problem}; expected as many, or view_imgs.txt with the names of those used")
    frames = tuple(
        _frame(root, image, row, f"{file}: row {index}")
        for index, (image, row) in enumerate(zip(images, rows, strict=True))
    )
    return Capture(root=root, format="llff", frames=frames)


def _listed(root: Path, images: list[Path]) -> list[Path]:
    """The images that view_imgs.txt names, where there is one; else all."""
    listing = root / "view_imgs.txt"
    if not listing.is_file():
        return images
    used = {line.strip() for line in listing.read_text(errors="replace").splitlines()}
    return [image for image in images if image.name in used]


def _frame(root: Path, image: Path, row: NDArray[np.float64], where: str) -> Frame:
    matrix = row[:15].reshape(3, 5)
    down, right, back, position, (height, width, focal) = matrix.T
    if not (np.isfinite(matrix).all() and height == round(height) and width == round(width)):
        raise InputError(where, f"expected finite numbers and a whole image size; found {height} x {width}")
    return Frame(
        name=name_below(root, image),
        image=image,
        intrinsics=Intrinsics(
            CameraModel.PINHOLE, int(width), int(height), focal, focal, float(width / 2), float(height / 2)
        ),
        raw_from_camera=np.stack([right, down, -back, position], axis=1),
        ignore_mask=find_mask(root, image, image.name),
        near=float(row[15]),
        far=float(row[16]),
    )
