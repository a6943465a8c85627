"""Pictures of every type that is read, spoilt mostly where their headers are."""

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Frame
from rayloom.data.formats.capture_files import image_size
from rayloom.data.pixels.decoding import decode, decode_grey, quiet_decoders, read_header
from rayloom.sfm.photos import find_photos
from tests.fuzzing.law import Target
from tests.fuzzing.mutations import BINARY, mutated, with_numbers

WIDTH, HEIGHT = 24, 16
_LENS = Intrinsics(CameraModel.PINHOLE, WIDTH, HEIGHT, 30.0, 30.0, 12.0, 8.0)


def _write_exif(file: Path, picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = 6, "Acme", "Pocket"
    exif.get_ifd(0x8769).update({0x920A: 4.5, 0xA405: 28, 0xA002: WIDTH, 0xA003: HEIGHT})
    picture.save(file, exif=exif)


def _write_16_bits(file: Path, picture: Image.Image) -> None:
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(file)


_TYPES: dict[str, tuple[str, Callable[[Path, Image.Image], None]]] = {
    "PNG": (".png", lambda file, picture: picture.save(file)),
    "PNG with alpha": (".png", lambda file, picture: picture.convert("RGBA").save(file)),
    "PNG of a palette": (".png", lambda file, picture: picture.convert("P").save(file, transparency=3)),
    "PNG of 16 bits": (".png", _write_16_bits),
    "JPEG": (".jpg", _write_exif),
    "progressive JPEG": (".jpg", lambda file, picture: picture.save(file, progressive=True)),
    "WEBP": (".webp", lambda file, picture: picture.save(file, lossless=True)),
    "TIFF": (".tif", lambda file, picture: picture.save(file, compression="tiff_adobe_deflate")),
    "BMP": (".bmp", lambda file, picture: picture.save(file)),
}


def picture_targets(folder: Path) -> Iterator[Target]:
    """Every type, read as a photo of a capture with its mask, and as a photo without a camera."""
    levels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for name, (suffix, write) in _TYPES.items():
        root = folder / name
        (root / "photos").mkdir(parents=True)
        file = root / "photos" / f"photo{suffix}"
        write(file, Image.fromarray(levels))
        spoil = partial(_spoil, file, file.read_bytes())
        yield Target(name, spoil, partial(_read, file))
        yield Target(f"{name} without a camera", spoil, partial(_look_at, file), root / "copies")


def _spoil(file: Path, content: bytes, chance: random.Random) -> None:
    if file.suffix == ".png" and chance.random() < 0.7:
        file.write_bytes(_spoilt_chunks(content, chance))
        return
    # Most of the rest are pixels, which no change makes invalid.
    kept = chance.choice([len(content), 64, 200])
    file.write_bytes(chance.choice(BINARY)(content[:kept], chance) + content[kept:])


def _spoilt_chunks(content: bytes, chance: random.Random) -> bytes:
    """A PNG whose checksums are right, so that what it says is believed."""
    out, at = bytearray(content[:8]), 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += 12 + length
        if chance.random() < 0.4:
            kind = chance.choice(
                [kind, kind, kind, b"IDAT", b"IHDR", b"acTL", b"zTXt", b"eXIf", b"tRNS", b"iCCP"]
            )
            data = chance.choice([mutated, with_numbers])(data, chance) if kind != b"IEND" else data
        for _ in range(chance.choice([1, 1, 1, 1, 0, 2])):
            out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return bytes(out)


def _read(file: Path) -> None:
    """What reading a capture does with a picture, as photo, as mask and as depth."""
    image_size(file)
    frame = Frame("photo", file, _LENS, np.eye(3, 4))
    header = read_header(frame)
    with quiet_decoders():
        decode(frame, header)
    decode_grey(file)


def _look_at(file: Path) -> None:
    """Reading photos without cameras; what cannot be read is left out with a note."""
    find_photos(file.parent, file.parents[1] / "copies")
