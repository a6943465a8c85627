"""From picture files to 8-bit arrays, with one clear error for every file that is not whole."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.capture import Frame
from rayloom.errors import InputError

BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, RuntimeError),
    *(AssertionError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow raises for pictures that are not whole."""

_EXIF_ORIENTATION = 0x0112
_MOST_DEFLATED = 1032
"""Bytes that one byte of a PNG can stand for at most: what deflate can do."""
_EXIF_FORMATS = ("JPEG", "MPO", "TIFF", "WEBP")


@dataclass(frozen=True)
class Header:
    """What is known of a frame's pixels before they are decoded."""

    width: int
    height: int
    has_alpha: bool
    turn: bool = False
    """Apply the EXIF orientation: the stored size contradicts the camera and the turned size does not."""
    turn_unclear: bool = False
    """There is an EXIF orientation, and the size does not say whether the camera means it."""


def read_header(frame: Frame) -> Header:
    """Size and channels of a frame's pixels, as they will be used.

    Poses belong to pixels as stored or as displayed, depending on the program that estimated them, and
    no format says which. So pixels are used as stored, except where only the turned picture has the
    camera's aspect ratio. Raises InputError where the file is missing or no picture.
    """
    if isinstance(frame.image, np.ndarray):
        height, width, channels = frame.image.shape
        return Header(width, height, channels == 4)
    with quiet_decoders(), _open(frame.image) as picture:
        has_alpha = "A" in picture.getbands() or "transparency" in picture.info
        width, height = picture.size
        # Elsewhere the tag may follow the pixels, and reading it would decode them.
        exif = picture.getexif() if picture.format in _EXIF_FORMATS else {}
        orientation = exif.get(_EXIF_ORIENTATION, 1)
    if orientation not in range(2, 9):
        return Header(width, height, has_alpha)
    if orientation >= 5 and width != height:
        turn = _aspect_error(height, width, frame.intrinsics) < _aspect_error(width, height, frame.intrinsics)
        return Header(height, width, has_alpha, turn=True) if turn else Header(width, height, has_alpha)
    return Header(width, height, has_alpha, turn_unclear=True)


def decode(frame: Frame, header: Header) -> NDArray[np.uint8]:
    """The pixels of a frame, (h, w, 3) or, where the header says alpha, (h, w, 4) with straight alpha.

    To be called within `quiet_decoders`. Raises InputError where the file is damaged.
    """
    if isinstance(frame.image, np.ndarray):
        return frame.image
    with _open(frame.image) as picture:
        picture.load()
        turned = ImageOps.exif_transpose(picture) if header.turn else picture
        if turned.mode.startswith("I"):
            grey = np.asarray(turned).astype(np.float64).clip(0, 65535)
            return np.repeat(np.rint(grey / 257).astype(np.uint8)[..., None], 3, axis=-1)
        if turned.mode == "F":
            raise InputError(
                frame.image, "pixels are floating-point numbers; expected 8 or 16 bits a channel"
            )
        return np.asarray(turned.convert("RGBA" if header.has_alpha else "RGB"))


def decode_grey(path: Path) -> NDArray[Any]:
    """A mask or depth picture as one channel (h, w) in its own number type.

    Raises InputError where the file is missing or damaged.
    """
    with quiet_decoders(), _open(path) as picture:
        picture.load()
        if picture.mode.startswith("I") or picture.mode in ("F", "L"):
            return np.asarray(picture)
        return np.asarray(picture.convert("L"))


def decode_levels(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The numbers (h, w) that a picture of one channel holds, those of a palette as they are.

    Raises InputError where the file is missing or damaged, and for colours.
    """
    with quiet_decoders(), _open(path) as picture:
        picture.load()
        if picture.mode in ("1", "L", "P"):
            return np.asarray(picture).astype(np.uint8)
        if picture.mode.startswith("I"):
            return np.asarray(picture).clip(0, 65535).astype(np.uint16)
        raise InputError(path, f"has channels {picture.mode}; expected one, of 8 or 16 bits")


def check_bytes(path: Path, picture: Image.Image) -> None:
    """Refuse a PNG of more pixels than its bytes can hold, which Pillow would make up in full size.

    Raises InputError.
    """
    if picture.format != "PNG":
        return
    # Grey and palettes have one bit at least.
    bits = 8 * len(picture.getbands()) if picture.mode.startswith(("RGB", "LA")) else 1
    claimed, found = picture.width * picture.height * bits // 8, path.stat().st_size
    if claimed > _MOST_DEFLATED * found:
        size = f"{picture.width} x {picture.height} pixels"
        raise InputError(path, f"claims {size} in {found:,} bytes; expected a whole picture")


def quiet_decoders() -> AbstractContextManager[object]:
    """A block without Pillow's warnings of oddities in EXIF and TIFF, which no user can mend.

    The filter holds for all threads, so only one of them may enter and leave the block.
    """
    return warnings.catch_warnings(action="ignore")


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as picture:
            check_bytes(path, picture)
            yield picture
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(path, "the file is missing; expected a picture") from error
    except BROKEN as error:
        raise InputError(path, f"cannot be decoded ({error}); expected a whole picture") from error


def _aspect_error(width: int, height: int, intrinsics: Intrinsics) -> float:
    """How far the aspect ratio of a picture is from its camera's, as a logarithm."""
    return float(abs(np.log(width * intrinsics.height / (height * intrinsics.width))))
