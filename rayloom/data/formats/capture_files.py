"""Files of a capture: where they may lie, which of them are pictures, and how large those are."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from rayloom.data.pixels.decoding import BROKEN, check_bytes
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

LARGEST_SIDE = 65_500
"""Pixels along a side of a picture; the most that the JPEG library writes."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
"""Endings of the pictures that are read, in lower case."""

_PILLOW_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
"""Pillow finds the pictures of MPO files by way of JPEG."""


def inside(root: Path, path: str, where: str, config: DataConfig) -> Path:
    """The path below `root`; raises InputError where it leaves it, also through a link.

    With `config.allow_outside` every path is accepted.
    """
    if not _can_be_a_path(path):
        raise InputError(where, f"expected a path, found {path!a}")
    joined = root / path
    if not config.allow_outside:
        real_root = os.path.realpath(root)
        if os.path.commonpath([real_root, os.path.realpath(joined)]) != real_root:
            raise InputError(
                where, f"{path} leaves the capture folder; expected a path below it, or --allow-outside"
            )
    return joined


def _can_be_a_path(text: str) -> bool:
    """Whether a file could have the name; none has control characters, though some systems allow them."""
    try:
        return bool(os.fsencode(text)) and not any(
            character < " " or "\x7f" <= character < "\xa0" for character in text
        )
    except UnicodeEncodeError:
        return False


def find_image(root: Path, path: str, where: str, config: DataConfig) -> Path | None:
    """The picture at a path that may lack its ending; None where there is no such file."""
    stem = inside(root, path, where, config)
    for suffix in ("", *SUFFIXES):
        if os.path.isfile(f"{stem}{suffix}"):
            return inside(root, f"{path}{suffix}", where, config)
    return None


def name_below(root: Path, path: Path) -> str:
    """The path as seen from `root`, with forward slashes."""
    return Path(os.path.relpath(path, root)).as_posix()


def list_images(folder: Path) -> list[Path]:
    """The pictures that lie directly in a folder, in lexicographic order of their names."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()
    )


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture, from its header; raises InputError where it is not readable."""
    try:
        with warnings.catch_warnings(action="ignore"):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_PILLOW_FORMATS) as picture:
                check_bytes(path, picture)
                return picture.size
    except InputError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(path, f"too many pixels; expected at most {Image.MAX_IMAGE_PIXELS:,}") from error
    except BROKEN as error:
        raise InputError(path, "not a readable picture; the file is damaged or of another type") from error


def some_of(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    return ", ".join([*names[:3], "..."] if len(names) > 3 else names)


def counted(what: str, names: Sequence[str], total: int | None = None) -> tuple[str, ...]:
    """A warning that counts names and shows the first few; none where there is nothing to count."""
    if not names:
        return ()
    among = "" if total is None else f" of {total}"
    return (f"{what}: {len(names)}{among} ({some_of(names)}).",)
