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
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.array_files import read_npy
from rayloom.data.formats.capture_files import list_images, name_below
from rayloom.data.formats.image_folders import find_mask, first_folder
from rayloom.data.formats.saving import check_simple_pinhole, file_name, save_picture
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
    down, right, back, position, size = matrix.T
    height, width, focal = size.tolist()
    if not (np.isfinite(matrix).all() and height == round(height) and width == round(width)):
        raise InputError(where, f"expected finite numbers and a whole image size; found {height} x {width}")
    return Frame(
        name=name_below(root, image),
        image=image,
        intrinsics=Intrinsics(
            CameraModel.PINHOLE, int(width), int(height), focal, focal, width / 2, height / 2
        ),
        raw_from_camera=np.stack([right, down, -back, position], axis=1),
        ignore_mask=find_mask(root, image, image.name),
        near=float(row[15]),
        far=float(row[16]),
    )


def write(capture: Capture, out: Path) -> None:
    """Write images, masks and poses_bounds.npy.

    Raises InputError for cameras that one focal length does not describe, and for frames of which neither
    the frame nor the points tell how near and far they see.
    """
    rows: list[NDArray[np.float64]] = []
    named = [(file_name(frame, "images").replace("/", "_"), frame) for frame in capture.frames]
    for name, frame in sorted(named, key=lambda pair: pair[0]):
        camera = frame.intrinsics
        check_simple_pinhole(camera, f"{out}: {frame.name}")
        right, down, forward, position = frame.raw_from_camera.T
        size = np.array([camera.height, camera.width, camera.fx])
        matrix = np.stack([down, right, -forward, position, size], axis=1)
        rows.append(np.concatenate([matrix.ravel(), _bounds(frame, capture.points, out)]))
        save_picture(frame.image, out / "images" / name)
        if frame.ignore_mask is not None:
            save_picture(frame.ignore_mask, out / "masks" / f"{name}.png")
    np.save(out / "poses_bounds.npy", np.stack(rows))


def _bounds(frame: Frame, points: NDArray[np.float64] | None, out: Path) -> tuple[float, float]:
    """Near and far of a frame, else of the points before it, less the outermost thousandth."""
    if frame.near is not None and frame.far is not None:
        return frame.near, frame.far
    forward, position = frame.raw_from_camera[:, 2:].T
    depths = (points - position) @ forward if points is not None else np.empty(0)
    depths = depths[depths > 0]
    if not depths.size:
        raise InputError(f"{out}: {frame.name}", "LLFF needs near and far, or points before the camera")
    low, high = np.quantile(depths, (0.001, 0.999))
    return float(low), float(high)
