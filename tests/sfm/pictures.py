"""Small pictures and films to find cameras of: textured, blurred, turned, raw."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base


def noise_picture(seed=0, width=96, height=64):
    """Texture of several sizes, h x w x 3."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(int)
    return (0.6 * large + 0.4 * rng.integers(0, 256, large.shape)).clip(0, 255).astype(np.uint8)


def save_photo(path, pixels, exif=None, **options):
    Image.fromarray(pixels).save(path, exif=exif or Image.Exif(), **options)
    return path


def camera_exif(make="Acme", model="Box 1", orientation=None, **inner):
    """EXIF of a camera; `inner` names the tags of its inner table."""
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model] = make, model
    if orientation is not None:
        exif[Base.Orientation] = orientation
    exif[IFD.Exif] = {int(Base[name]): value for name, value in inner.items()}
    return exif


def write_film(path, frames, *, fps=10, rotation=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.options = {"crf": "10"}
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return Path(path)


def write_dng(path, levels, *, flip=1, model="Rawbox"):
    """A digital negative of grey levels, h x w in 16 bits, behind a Bayer pattern RGGB."""
    height, width = levels.shape
    short, long, text, rational, signed, byte = 3, 4, 2, 5, 10, 1

    identity = struct.pack("<18i", *(number for entry in np.eye(3, dtype=int).flat for number in (entry, 1)))
    name = model.encode() + b"\0"
    neutral = 3 * struct.pack("<2I", 1, 1)
    strip = levels.astype("<u2").tobytes()
    entries = [
        (254, long, 1, struct.pack("<I", 0)),
        (256, long, 1, struct.pack("<I", width)),
        (257, long, 1, struct.pack("<I", height)),
        (258, short, 1, struct.pack("<H", 16)),
        (259, short, 1, struct.pack("<H", 1)),
        (262, short, 1, struct.pack("<H", 32803)),
        (271, text, 5, b"Acme\0"),
        (272, text, len(name), name),
        (273, long, 1, b"STRP"),
        (274, short, 1, struct.pack("<H", flip)),
        (277, short, 1, struct.pack("<H", 1)),
        (278, long, 1, struct.pack("<I", height)),
        (279, long, 1, struct.pack("<I", len(strip))),
        (33421, short, 2, struct.pack("<2H", 2, 2)),
        (33422, byte, 4, bytes([0, 1, 1, 2])),
        (34665, long, 1, b"EXIF"),
        (50706, byte, 4, bytes([1, 4, 0, 0])),
        (50708, text, len(name), name),
        (50717, long, 1, struct.pack("<I", 65535)),
        (50721, signed, 9, identity),
        (50728, rational, 3, neutral),
        (50778, short, 1, struct.pack("<H", 21)),
    ]
    start = 8 + 2 + 12 * len(entries) + 4
    inner = struct.pack("<H", 1) + struct.pack("<HHIHH", 41989, short, 1, 36, 0) + struct.pack("<I", 0)
    places = {b"EXIF": start, b"STRP": start + len(inner)}
    behind = inner + strip
    table = struct.pack("<H", len(entries))
    for tag, kind, count, value in entries:
        here = struct.pack("<I", places[value]) if value in places else value.ljust(4, b"\0")
        if len(here) > 4:
            here = struct.pack("<I", start + len(behind))
            behind += value + b"\0" * (len(value) % 2)
        table += struct.pack("<HHI", tag, kind, count) + here
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8) + table + struct.pack("<I", 0) + behind)
    return path
