"""The photos of a folder, each looked at before hours are spent on it."""

import hashlib
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Frame
from rayloom.data.formats.capture_files import SUFFIXES, counted
from rayloom.data.pixels.decoding import Header, decode
from rayloom.errors import InputError
from rayloom.sfm.copies import HEIC_SUFFIXES, RAW_SUFFIXES, readable
from rayloom.sfm.detail import grey_levels, sharpness, texture
from rayloom.sfm.exif import camera_key, camera_tags, focal_px

PHOTO_SUFFIXES = (*SUFFIXES, *HEIC_SUFFIXES, *RAW_SUFFIXES)
"""Endings of the photos that are read, in lower case."""


@dataclass(frozen=True)
class Photo:
    """A whole, readable photo. Its pixels are those that are stored, whatever EXIF says of orientation."""

    name: str
    """Of the file in the folder."""
    path: Path
    """Where the pixels are: the file itself, or its copy in a format that every program reads."""
    width: int
    height: int
    focal_px: float | None
    """Focal length that EXIF tells; None where it does not."""
    camera_key: str
    """Photos with the same text share a camera, see `rayloom.sfm.exif`."""
    sharpness: float
    """See `rayloom.sfm.detail`, as for `texture`."""
    texture: float


def find_photos(folder: Path, copies: Path) -> tuple[list[Photo], list[str]]:
    """The usable photos that lie directly in a folder, by name, and a note on every file left out.

    Pixels are used as stored, which is how COLMAP and rayloom's training read them: a photo that EXIF
    calls turned lies on its side for both. What COLMAP cannot read is decoded once to `copies`. Raises
    InputError where no photo is left.
    """
    paths, notes = _candidates(folder)
    sources: dict[Path, Path] = {}
    # Pillow warns of oddities in EXIF and TIFF that no user can mend; the filter holds for all threads.
    with warnings.catch_warnings(action="ignore"):
        for path in paths:
            try:
                sources[path] = readable(_inside(path, folder), copies)
            except InputError as error:
                notes.append(_left_out(path, error))
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            looked = list(pool.map(_look_at, sources, sources.values()))
    photos: dict[bytes, Photo] = {}
    names: dict[str, str] = {}
    for path, found in zip(sources, looked, strict=True):
        if isinstance(found, InputError):
            notes.append(_left_out(path, found))
        elif found[1] in photos:
            notes.append(f"Left out {path.name}: it has the same pixels as {photos[found[1]].name}.")
        elif (name := path.with_suffix(sources[path].suffix).name) in names:
            # Copies and photos come to lie in one folder, where a.webp is a.png.
            notes.append(f"Left out {path.name}: it has the same name as {names[name]}.")
        else:
            photos[found[1]], names[name] = found[0], path.name
    if not photos:
        said = " ".join([*notes[:3], "..."] if len(notes) > 3 else notes) or "The folder is empty."
        raise InputError(folder, f"no usable photos; expected pictures of one scene. {said}")
    return list(photos.values()), notes


def _candidates(folder: Path) -> tuple[list[Path], list[str]]:
    """Files that may be photos, by name, and notes on the others; hidden files are passed over."""
    if not folder.is_dir():
        raise InputError(folder, "no such folder; expected one with photos")
    files = sorted(path for path in folder.iterdir() if path.name[0] != "." and not path.is_dir())
    others = [path.name for path in files if path.suffix.lower() not in PHOTO_SUFFIXES]
    notes = list(counted("Files that are no photos", [ascii(name)[1:-1] for name in others]))
    paths: list[Path] = []
    # Cameras write a shot as RAW or HEIC and as JPEG too; the picture that needs no decoding goes first.
    taken: dict[str, str] = {}
    photos = [path for path in files if path.suffix.lower() in PHOTO_SUFFIXES]
    for path in sorted(photos, key=lambda path: (path.suffix.lower() not in SUFFIXES, path.name)):
        if not _can_be_written(path.name):
            notes.append(f"Left out {path.name!a}: its name cannot be written; expected another name.")
        elif path.suffix.lower() not in SUFFIXES and path.stem in taken:
            notes.append(f"Left out {path.name}: it is the same shot as {taken[path.stem]}.")
        else:
            taken.setdefault(path.stem, path.name)
            paths.append(path)
    return sorted(paths), notes


def _can_be_written(name: str) -> bool:
    """Whether every program takes the name: it is text, without line breaks and the like."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not any(letter < " " or letter == "\x7f" for letter in name)


def _inside(path: Path, folder: Path) -> Path:
    """The path, if it leads to an ordinary file below the folder; a link from elsewhere may lead anywhere."""
    # Of a link to itself, `Path.resolve` makes an error of its own.
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise InputError(path, "a link that leads out of the folder; expected the photo itself")
    if not path.is_file():
        raise InputError(path, "no ordinary file; expected a photo")
    return path


def _left_out(path: Path, error: InputError) -> str:
    return f"Left out {str(error).replace(str(path), path.name)}."


def _look_at(path: Path, source: Path) -> tuple[Photo, bytes] | InputError:
    """The photo whose pixels are in `source`, and a fingerprint of these; or what is wrong with it."""
    try:
        with Image.open(source) as picture:
            (width, height), tags = picture.size, camera_tags(picture)
        camera = Intrinsics(CameraModel.PINHOLE, width, height, 1.0, 1.0, width / 2, height / 2)
        frame = Frame(path.name, source, camera, np.eye(3, 4))
        rgb = decode(frame, Header(width, height, has_alpha=False))
    except InputError as error:
        return error
    grey = grey_levels(rgb)
    fingerprint = hashlib.sha256(str(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()).digest()
    focal, key = focal_px(tags, width, height), camera_key(tags, width, height)
    return Photo(path.name, source, width, height, focal, key, sharpness(grey), texture(grey)), fingerprint
