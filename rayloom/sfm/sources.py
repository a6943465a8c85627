"""What a person points at: a video, or a folder of bare photos, perhaps with masks beside them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Frame
from rayloom.data.formats import precomputed
from rayloom.data.formats.blender import SPLITS
from rayloom.data.formats.colmap import model_folder
from rayloom.data.formats.image_folders import find_mask
from rayloom.data.pixels.masks import load_ignore
from rayloom.files import whole_file
from rayloom.sfm.photos import PHOTO_SUFFIXES, Photo

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".3gp")
"""Endings of files that are taken for videos without being asked, in lower case."""
PHOTO_FOLDERS = ("images", "input")
"""Where photos lie if not in the folder itself."""


def is_bare(path: Path) -> bool:
    """Whether this is a video, or a folder of photos in which nothing tells of cameras."""
    if not path.is_dir():
        return path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES
    told = ["transforms.json", "poses_bounds.npy", precomputed.FILE]
    told += [f"transforms_{split}.json" for split in SPLITS]
    if any((path / name).is_file() for name in told) or model_folder(path) or any(path.glob("*.npz")):
        return False
    return _has_photos(photo_folder(path))


def photo_folder(path: Path) -> Path:
    """The folder itself if pictures lie in it, else its `images` or `input`."""
    places = (path, *(path / name for name in PHOTO_FOLDERS))
    return next((place for place in places if _has_photos(place)), path)


def _has_photos(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix.lower() in PHOTO_SUFFIXES for path in folder.iterdir())


def find_masks(folder: Path, photos: Sequence[Photo]) -> list[Path | None]:
    """The mask of each photo, from `masks` in the folder of the photos or beside it; None without one."""
    inside = [find_mask(folder, folder / "images" / photo.name, photo.name) for photo in photos]
    beside = [find_mask(folder.parent, folder / photo.name, photo.name) for photo in photos]
    return [one or other for one, other in zip(inside, beside, strict=True)]


def lay_out(photos: Sequence[Photo], folder: Path) -> list[str]:
    """Put the photos into a folder under names that COLMAP's lists can hold; the names, in their order.

    Files are linked where the disk can do that, else copied. Those that are there already stay.
    """
    names = [f"{i:06}{photo.path.suffix.lower()}" for i, photo in enumerate(photos)]
    folder.mkdir(parents=True, exist_ok=True)
    for photo, name in zip(photos, names, strict=True):
        target = folder / name
        if target.exists():
            continue
        with whole_file(target) as part:
            try:
                os.link(photo.path.resolve(), part)
            except OSError:
                shutil.copyfile(photo.path, part)
    return names


def lay_out_masks(
    photos: Sequence[Photo], masks: Sequence[Path | None], names: Sequence[str], folder: Path
) -> Path | None:
    """Write a mask for each photo, black where pixels say nothing; None where no photo has one.

    Raises InputError where a mask is damaged or does not fit its photo.
    """
    frames = [
        Frame(photo.name, photo.path, _camera_of(photo), np.eye(3, 4), ignore_mask=mask)
        for photo, mask in zip(photos, masks, strict=True)
    ]
    if not any(masks):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for frame, name in zip(frames, names, strict=True):
        (ignored,) = load_ignore([frame], [(frame.intrinsics.width, frame.intrinsics.height)])
        if (folder / f"{name}.png").exists():
            continue
        # Where some photos have masks, COLMAP passes over those that have none.
        shape = (frame.intrinsics.height, frame.intrinsics.width)
        levels = np.full(shape, 255, np.uint8) if ignored is None else np.where(ignored, 0, 255)
        with whole_file(folder / f"{name}.png") as part:
            Image.fromarray(levels.astype(np.uint8)).save(part)
    return folder


def _camera_of(photo: Photo) -> Intrinsics:
    """A camera that says the photo's size; nothing else of it is known yet."""
    focal = float(max(photo.width, photo.height))
    return Intrinsics(
        CameraModel.PINHOLE, photo.width, photo.height, focal, focal, photo.width / 2, photo.height / 2
    )
