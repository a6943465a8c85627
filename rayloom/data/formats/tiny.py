"""The one-file captures of tiny_nerf: an .npz with images, poses and focal.

`images` is n x h x w x 3, 8-bit or float in [0, 1], of an object on black; `poses` maps cameras with
OpenGL axes into a z-up world; `focal` is one length in pixels for all.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.array_files import npz_keys, read_npz
from rayloom.data.formats.axes import four_rows, opencv_from_opengl
from rayloom.data.formats.saving import one_pinhole
from rayloom.data.pixels.decoding import decode, read_header
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

KEYS = ("images", "poses", "focal")


def is_tiny(path: Path) -> bool:
    """Whether the file is an .npz with the three arrays."""
    return path.suffix == ".npz" and npz_keys(path) >= set(KEYS)


def load(path: Path, config: DataConfig) -> Capture:
    """The capture of an .npz file, or of the only such file in a folder."""
    file = path if path.is_file() else _only_file(path)
    arrays = read_npz(file, KEYS)
    images = _pixels(arrays["images"], f"{file}: images")
    poses = _poses(arrays["poses"], len(images), f"{file}: poses")
    focal = _focal(arrays["focal"], f"{file}: focal")
    height, width = images.shape[1:3]
    intrinsics = Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, width / 2, height / 2)
    digits = max(4, len(str(len(images) - 1)))
    frames = tuple(
        Frame(f"image_{index:0{digits}}", image, intrinsics, opencv_from_opengl(pose))
        for index, (image, pose) in enumerate(zip(images, poses, strict=True))
    )
    return Capture(
        root=file.parent,
        format="tiny",
        frames=frames,
        up=np.array([0.0, 0.0, 1.0]),
        kind_hint="object",
        background=(0.0, 0.0, 0.0),
    )


def write(capture: Capture, out: Path) -> None:
    """Write tiny_data.npz with float colours, alpha composited over black.

    Raises InputError unless all images have one size and one simple pinhole camera.
    """
    camera = one_pinhole(capture.frames, out)
    poses = [four_rows(opencv_from_opengl(frame.raw_from_camera)) for frame in capture.frames]
    np.savez_compressed(
        out / "tiny_data.npz",
        images=np.stack([_over_black(frame) for frame in capture.frames]),
        poses=np.stack(poses),
        focal=np.float64(camera.fx),
    )


def _over_black(frame: Frame) -> NDArray[np.float32]:
    pixels = decode(frame, read_header(frame)).astype(np.float32) / np.float32(255)
    return pixels[..., :3] * pixels[..., 3:] if pixels.shape[2] == 4 else pixels


def _only_file(folder: Path) -> Path:
    found = [file for file in sorted(folder.glob("*.npz")) if is_tiny(file)]
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise InputError(folder, f"expected one .npz with {', '.join(KEYS)}; found {names}")
    return found[0]


def _pixels(images: NDArray[np.generic], where: str) -> NDArray[np.uint8]:
    """The images in 8 bits."""
    if images.ndim != 4 or images.shape[3] not in (3, 4):
        raise InputError(where, f"expected n x h x w x 3 numbers, found {_shape(images)}")
    if images.dtype == np.uint8:
        return images.astype(np.uint8, copy=False)
    if images.dtype.kind != "f":
        raise InputError(where, f"expected 8-bit or float colours, found dtype {images.dtype}")
    # A rounding error beyond [0, 1] is no reason to refuse a file; colours of 255 are.
    colours = images.astype(np.float32)
    if not ((colours >= -1e-3) & (colours <= 1 + 1e-3)).all():
        raise InputError(where, "expected float colours in [0, 1], found others or NaN")
    return np.rint(colours.clip(0, 1) * 255).astype(np.uint8)


def _poses(poses: NDArray[np.generic], num_images: int, where: str) -> NDArray[np.float64]:
    if (
        poses.ndim != 3
        or poses.shape[1] not in (3, 4)
        or poses.shape[2] != 4
        or poses.dtype.kind not in "fiu"
    ):
        raise InputError(where, f"expected n x 4 x 4 numbers, found {_shape(poses)} of {poses.dtype}")
    if len(poses) != num_images:
        raise InputError(where, f"{len(poses)} poses for {num_images} images; expected as many")
    return poses[:, :3].astype(np.float64)


def _focal(focal: NDArray[np.generic], where: str) -> float:
    if focal.size != 1 or focal.dtype.kind not in "fiu":
        raise InputError(where, f"expected one number, found {_shape(focal)} of {focal.dtype}")
    return float(focal.astype(np.float64).reshape(()))


def _shape(array: NDArray[np.generic]) -> str:
    return " x ".join(map(str, array.shape)) or "a single value"
