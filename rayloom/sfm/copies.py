"""Copies of photos in formats that every program reads: of HEIC, of RAW, and of files with a wrong ending."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from rayloom.data.pixels.decoding import BROKEN, check_bytes
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sfm.exif import Tags, camera_tags, read_tags, to_exif

if TYPE_CHECKING:
    from rawpy import RawPy

RAW_SUFFIXES = (".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw")
"""Endings of pictures as sensors see them, in lower case."""
HEIC_SUFFIXES = (".heic", ".heif", ".hif")
"""Endings of pictures as many phones write them, in lower case."""

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_READ_BY_ALL = {
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
}
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
"""As Pillow opens them, which takes MPO for a JPEG at first."""
_TOO_LARGE = "too many pixels; expected a photo as a camera takes it"


def readable(path: Path, copies: Path) -> Path:
    """The photo itself where every program reads it, else a copy in `copies`, made once.

    COLMAP knows no WebP, and goes by the ending of a name. A copy is upright and says what the photo says
    of its camera. What was lossless stays so; RAW and HEIC become JPEG of high quality. Raises InputError
    where the file is no picture, is too large, or needs a package that is not installed.
    """
    is_raw, is_heic = path.suffix.lower() in RAW_SUFFIXES, _is_heic(path)
    if not (is_raw or is_heic):
        with _decoding(path), Image.open(path, formats=_FORMATS) as picture:
            _check_size(path, *picture.size)
            check_bytes(path, picture)
            if path.suffix.lower() in _READ_BY_ALL.get(picture.format or "", ()):
                return path
    target = copies / f"{path.name}{'.jpg' if is_raw or is_heic else '.png'}"
    if target.is_file() and target.stat().st_mtime >= path.stat().st_mtime:
        return target
    with _decoding(path):
        picture, tags = _raw(path) if is_raw else _heic(path) if is_heic else _ordinary(path)
    with whole_file(target) as part:
        picture.save(part, exif=to_exif(tags), quality=95, subsampling=0)
    return target


def _ordinary(path: Path) -> tuple[Image.Image, Tags]:
    with Image.open(path, formats=_FORMATS) as picture:
        return _upright(picture)


def _heic(path: Path) -> tuple[Image.Image, Tags]:
    try:
        import pillow_heif  # noqa: PLC0415  It is an extra.
    except ImportError as error:
        raise InputError(path, "a HEIC picture, which takes `pip install rayloom[heic]` to read") from error
    with path.open("rb") as file:
        found = pillow_heif.open_heif(file)
        _check_size(path, *found.size)
        picture, tags = _upright(found.to_pillow())
    return picture.convert("RGB"), tags


def _raw(path: Path) -> tuple[Image.Image, Tags]:
    try:
        import rawpy  # noqa: PLC0415  It is an extra.
    except ImportError as error:
        raise InputError(path, "a RAW picture, which takes `pip install rayloom[raw]` to read") from error
    try:
        with rawpy.imread(str(path)) as raw:
            _check_size(path, raw.sizes.width, raw.sizes.height)
            # Brightness that follows the content would differ between photos of one exposure.
            pixels = raw.postprocess(use_camera_wb=True, no_auto_bright=True)
            return Image.fromarray(pixels), _raw_tags(path, raw)
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise InputError(path, f"cannot be decoded ({error}); expected a whole picture") from error


def _raw_tags(path: Path, raw: "RawPy") -> Tags:
    """From the file where it is a kind of TIFF, as most are, else from the JPEG that is its preview."""
    exif = Image.Exif()
    try:
        with path.open("rb") as file:
            exif.load_from_fp(file)
            return read_tags(exif)
    except BROKEN:
        pass
    try:
        preview = raw.extract_thumb().data
        return camera_tags(Image.open(io.BytesIO(preview))) if isinstance(preview, bytes) else {}
    except Exception:  # rawpy's errors have no common ancestor, and a missing preview is no harm.
        return {}


def _upright(picture: Image.Image) -> tuple[Image.Image, Tags]:
    tags = camera_tags(picture)
    return ImageOps.exif_transpose(picture), tags


def _is_heic(path: Path) -> bool:
    """By the content: phones also send such pictures as .jpg."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    return start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise InputError(path, _TOO_LARGE)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turns what decoders raise into one sentence."""
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(path, "not a readable picture; the file is damaged or of another type") from error
    except Image.DecompressionBombError as error:
        raise InputError(path, _TOO_LARGE) from error
    except BROKEN as error:
        raise InputError(path, f"cannot be decoded ({error}); expected a whole picture") from error
