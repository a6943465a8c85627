"""What a photo's file says of its camera."""

import math
from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

from rayloom.data.pixels.decoding import BROKEN

Tags = Mapping[int, Any]
"""EXIF values by the number of their tag, without regard to the table they stand in."""

_KEPT = (
    *(
        Base.LensModel,
        Base.FocalLength,
        Base.FocalLengthIn35mmFilm,
        Base.ExifImageWidth,
        Base.ExifImageHeight,
    ),
    *(Base.FocalPlaneXResolution, Base.FocalPlaneResolutionUnit),
)
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}
_FULL_FRAME_DIAGONAL_MM = math.hypot(36, 24)
_PLAUSIBLE = (0.2, 30.0)
"""Focal lengths in longer sides of the picture; beyond lie files that say nonsense."""


def camera_tags(picture: Image.Image) -> Tags:
    """What the picture says of its camera; nothing where its EXIF is damaged."""
    try:
        return read_tags(picture.getexif())
    except BROKEN:
        return {}


def read_tags(exif: Image.Exif) -> Tags:
    """The tags that tell of the camera; there are others, such as where the photo was taken."""
    inner = exif.get_ifd(IFD.Exif)
    tags = {tag: exif.get(tag) for tag in (Base.Make, Base.Model)} | {tag: inner.get(tag) for tag in _KEPT}
    return {int(tag): value for tag, value in tags.items() if value is not None}


def to_exif(tags: Tags) -> Image.Exif:
    """EXIF to be stored in a copy of the photo, with upright pixels."""
    exif = Image.Exif()
    for tag in (Base.Make, Base.Model):
        if tag in tags:
            exif[tag] = tags[tag]
    exif[IFD.Exif] = {int(tag): tags[tag] for tag in _KEPT if tag in tags}
    return exif


def focal_px(tags: Tags, width: int, height: int) -> float | None:
    """Focal length in pixels of a photo of this size; None where its file does not say, or says nonsense.

    Taken from the focal length that a camera for 35 mm film needs for the same diagonal field of view
    (CIPA DCG-001), else from the pitch of the sensor's pixels.
    """
    found = _from_35_mm(tags, width, height) or _from_pitch(tags, width, height)
    low, high = (bound * max(width, height) for bound in _PLAUSIBLE)
    return found if found is not None and low <= found <= high else None


def camera_key(tags: Tags, width: int, height: int) -> str:
    """Make, model, lens, focal length and size: photos with the same text share a camera."""
    words = [_words(tags.get(tag)) for tag in (Base.Make, Base.Model, Base.LensModel)]
    focal_mm = _positive(tags.get(Base.FocalLength)) or _positive(tags.get(Base.FocalLengthIn35mmFilm))
    words += [f"{focal_mm:.4g} mm" if focal_mm else "", f"{width} x {height}"]
    return ", ".join(word for word in words if word)


def _from_35_mm(tags: Tags, width: int, height: int) -> float | None:
    equivalent_mm = _positive(tags.get(Base.FocalLengthIn35mmFilm))
    return equivalent_mm and equivalent_mm * math.hypot(width, height) / _FULL_FRAME_DIAGONAL_MM


def _from_pitch(tags: Tags, width: int, height: int) -> float | None:
    focal_mm = _positive(tags.get(Base.FocalLength))
    per_unit = _positive(tags.get(Base.FocalPlaneXResolution))
    unit_mm = _MM_PER_UNIT.get(tags.get(Base.FocalPlaneResolutionUnit, 2))
    if not (focal_mm and per_unit and unit_mm):
        return None
    # The pitch is that of the photo as taken; the file may hold a smaller one.
    sides = [_positive(tags.get(tag)) for tag in (Base.ExifImageWidth, Base.ExifImageHeight)]
    taken = max((side for side in sides if side), default=max(width, height))
    return focal_mm * per_unit / unit_mm * max(width, height) / taken


def _positive(value: object) -> float | None:
    """The value as a number, if it is a finite one above zero."""
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except BROKEN:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _words(value: object) -> str:
    """The value as a short text in one line."""
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:60].strip()
