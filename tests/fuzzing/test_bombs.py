"""Small files that claim to be huge are refused before they take the memory."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from rayloom.data.formats import array_files
from rayloom.data.formats.capture_files import image_size
from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.pixels.decoding import decode_grey
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.sfm.copies import readable
from rayloom.sfm.photos import find_photos
from tests.data.small_captures import small_capture
from tests.fuzzing.law import Target, attack


def png_bomb(file: Path, side: int = 60_000) -> None:
    """A PNG of so many pixels along each edge in some kilobytes, all checksums right."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(2 << 20), 9)
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def jpeg_bomb(file: Path) -> None:
    """A JPEG that says in its header that it has 65,500 x 65,500 pixels."""
    Image.new("RGB", (24, 16)).save(file, format="JPEG")
    content = bytearray(file.read_bytes())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", 65_500, 65_500)
    file.write_bytes(bytes(content))


def text_bomb(file: Path) -> None:
    """A PNG with a note that unpacks to 64 megabytes."""
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "a" * (64 << 20), zip=True)
    Image.new("RGB", (24, 16)).save(file, pnginfo=note)


@pytest.mark.parametrize("bomb", [png_bomb, jpeg_bomb, text_bomb])
def test_pictures_that_claim_to_be_huge_are_refused(bomb: Callable[[Path], None], tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_capture(small_capture(num_images=2), root, "transforms")
    photo = root / "images" / "image_0001.png"
    bomb(photo)

    def look() -> None:
        with pytest.raises(InputError, match="no usable photos"):
            find_photos(photo.parent, tmp_path / "copies")
        read_capture(root, DataConfig())

    (root / "images" / "image_0000.png").rename(root / "image_0000.png")
    assert attack(Target(f"{bomb.__name__}", lambda _: None, look), 1) == 1


@pytest.mark.parametrize("read", [image_size, decode_grey, lambda file: readable(file, file.parent)])
def test_a_png_of_more_pixels_than_its_bytes_can_hold_is_refused(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    file = tmp_path / "photo.png"
    png_bomb(file, side=9_000)
    with pytest.raises(
        InputError, match=r"claims 9000 x 9000 pixels in 2,\d+ bytes; expected a whole picture"
    ):
        read(file)
    # Nothing is as small as a picture of one colour.
    for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"):
        Image.new(mode, (3000, 3000)).save(file, compress_level=9)
        read(file)


def test_an_array_that_unpacks_to_much_more_than_its_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "scene.npz"
    arrays = {
        "images": np.zeros((2, 400, 400, 3), np.float32),
        "poses": np.stack([np.eye(4)] * 2),
        "focal": 30.0,
    }
    np.savez_compressed(file, **arrays)
    assert len(read_capture(file, DataConfig()).frames) == 2
    monkeypatch.setattr(array_files, "LARGEST_UNPACKED", 1 << 20)
    with pytest.raises(InputError, match="images: unpacks to 3,840,128 bytes; expected at most 1,048,576"):
        read_capture(file, DataConfig())
    # As large a file may well be unpacked: it takes no more than what was sent.
    np.savez(file, **arrays)
    assert len(read_capture(file, DataConfig()).frames) == 2


def test_an_archive_that_lies_about_its_sizes_takes_no_more_than_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_files, "LARGEST_UNPACKED", 1 << 20)
    file = tmp_path / "scene.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("images", "poses", "focal"):
            archive.writestr(f"{name}.npy", bytes(64 << 20))
    content = file.read_bytes()
    file.write_bytes(content.replace(struct.pack("<I", 64 << 20), struct.pack("<I", 1000)))
    assert attack(Target("lying archive", lambda _: None, lambda: read_capture(file, DataConfig())), 1) == 1
