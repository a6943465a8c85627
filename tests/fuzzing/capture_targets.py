"""Captures of every format, each of whose files is spoilt."""

import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.ply import read_points
from rayloom.data.formats.saving import save_picture
from rayloom.data.formats.writers import write_capture
from rayloom.data.scene import DataConfig
from tests.data.small_captures import FISHEYE, OPENCV, PINHOLE, SIMPLE, small_capture
from tests.fuzzing.law import Target, file_target
from tests.fuzzing.mutations import BINARY, BYTES, JSON, TEXT, mutated, with_numbers

FILES = {
    "blender": {"transforms_train.json": JSON},
    "transforms": {"transforms.json": JSON, "sparse_points.ply": BINARY},
    "precomputed": {"precomputed.json": JSON},
    "llff": {"poses_bounds.npy": BINARY, "view_imgs.txt": TEXT},
    "colmap-text": {f"sparse/0/{name}.txt": TEXT for name in ("cameras", "images", "points3D")},
    "colmap-binary": {f"sparse/0/{name}.bin": BINARY for name in ("cameras", "images", "points3D")},
    "tiny": {"tiny_data.npz": BYTES},
}
"""The files of each format that are no pictures."""
CAMERAS = {
    "transforms": (PINHOLE, OPENCV),
    "colmap-text": (OPENCV, FISHEYE),
    "colmap-binary": (OPENCV, FISHEYE),
}
ARRAYS = ("images", "poses", "focal")
ASCII_PLY = b"""ply
format ascii 1.0
comment points of a stranger
element vertex 3
property float x
property float y
property float z
property uchar red
element face 1
property list uchar int vertex_indices
end_header
0 0 0 255
1 0.5 0 255
-1 2 1e3 0
3 0 1 2
"""


def capture_targets(folder: Path) -> Iterator[Target]:
    """One for each file of each format."""
    for format, files in FILES.items():
        for name, mutations in files.items():
            root = folder / f"{format} {Path(name).name}"
            if format == "precomputed":
                _write_precomputed(root)
            else:
                write_capture(small_capture(*CAMERAS.get(format, (SIMPLE,)), num_images=2), root, format)
            if format == "transforms":
                _add_everything(root)
            if format == "llff":
                (root / "view_imgs.txt").write_text("image_0000.png\nimage_0001.png\n")

            def read(root: Path = root) -> object:
                return read_capture(root, DataConfig())

            yield file_target(root.name, root / name, mutations, read)
    yield _arrays_of_tiny(folder / "arrays")
    (folder / "ascii.ply").write_bytes(ASCII_PLY)
    yield file_target("ascii.ply", folder / "ascii.ply", TEXT, lambda: read_points(folder / "ascii.ply"))


def _write_precomputed(root: Path) -> None:
    """As NR-NeRF keeps the cameras of a video; nothing writes it here."""
    for index, frame in enumerate(small_capture(num_images=2).frames):
        save_picture(frame.image, root / "images" / f"image{index:06}.png")
    poses = [[[1, 0, 0, 7, 16], [0, 1, 0, 8, 24], [0, 0, 1, 9, 30]]] * 2
    fields = {"poses": poses, "bds": [[0.5, 2.0], [0.5, 3.0]], "i_test": 1, "render_poses": []}
    (root / "precomputed.json").write_text(json.dumps(fields))


def _add_everything(root: Path) -> None:
    """Fields that the small capture has not: masks, depth, times, splits and what else there is."""
    content = json.loads((root / "transforms.json").read_text())
    Image.new("L", (24, 16), 255).save(root / "mask.png")
    Image.new("I;16", (24, 16), 700).save(root / "depth.png")
    for i, frame in enumerate(content["frames"]):
        frame |= {"mask_path": "mask.png", "depth_file_path": "depth.png", "time": 0.5 * i}
    first, second = (frame["file_path"] for frame in content["frames"])
    content |= {"train_filenames": [first], "test_filenames": [second], "up": [0, 0, 1], "aabb_scale": 4}
    content |= {"integer_depth_scale": 0.001, "camera_angle_x": 0.7, "is_fisheye": False}
    (root / "transforms.json").write_text(json.dumps(content))


def _arrays_of_tiny(root: Path) -> Target:
    """A whole archive of arrays that are not: a byte that changed later would break a checksum."""
    write_capture(small_capture(num_images=2), root, "tiny")
    file = root / "tiny_data.npz"
    with zipfile.ZipFile(file) as archive:
        whole = {name: archive.read(f"{name}.npy") for name in ARRAYS}

    def spoil(chance: random.Random) -> None:
        spoilt = chance.choice(ARRAYS)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for name, content in whole.items():
                # Headers have 128 bytes; behind them hardly anything can go wrong.
                start = mutated(content[:128], chance) if chance.random() < 0.7 else content[:128]
                rest = with_numbers(content[128:], chance) if chance.random() < 0.3 else content[128:]
                inside = chance.choice(
                    [name, name, name, f"../{name}", f"/{name}", name.upper(), f"{name}\x1b[2J"]
                )
                archive.writestr(
                    f"{inside if name == spoilt else name}.npy", start + rest if name == spoilt else content
                )
        file.write_bytes(out.getvalue())

    return Target("arrays of tiny_data.npz", spoil, lambda: read_capture(root, DataConfig()))
