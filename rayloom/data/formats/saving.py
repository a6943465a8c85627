"""What the writers of all formats share: pictures, and cameras that simple formats can hold."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Frame
from rayloom.data.formats.capture_files import SUFFIXES
from rayloom.errors import InputError


def save_picture(image: Path | NDArray[np.integer], target: Path) -> None:
    """Write pixels, or copy a file; a file with another ending than the target is written anew."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise InputError(target, "two frames have names that lead to this file")
    if isinstance(image, np.ndarray):
        Image.fromarray(image).save(target)
    elif image.suffix == target.suffix:
        shutil.copyfile(image, target)
    else:
        with Image.open(image) as picture:
            picture.save(target)


def saved_labels(frame: Frame, name: str, out: Path) -> dict[str, object]:
    """The field of transforms.json that names the labels of a frame, whose picture is written on the way."""
    if frame.labels is None:
        return {}
    suffix = frame.labels.suffix if isinstance(frame.labels, Path) else ".png"
    path = f"labels/{PurePosixPath(name).with_suffix(suffix)}"
    save_picture(frame.labels, out / path)
    return {"label_path": path}


def file_name(frame: Frame, folder: str) -> str:
    """Path below `folder` for a frame's image: its name without that folder, with a picture's ending."""
    name = PurePosixPath(frame.name.removeprefix(f"{folder}/"))
    ending = frame.image.suffix if isinstance(frame.image, Path) else ".png"
    stem = name.with_suffix("") if name.suffix.lower() in SUFFIXES else name
    return f"{stem}{ending}"


def one_pinhole(frames: Sequence[Frame], where: object) -> Intrinsics:
    """The camera of all frames; raises InputError unless it is one simple pinhole camera.

    That is a camera with square pixels, its principal point in the middle and no distortion, which is all
    that the older formats can say.
    """
    cameras = {frame.intrinsics for frame in frames}
    if len(cameras) != 1:
        raise InputError(where, f"{len(cameras)} different cameras; this format holds one")
    (camera,) = cameras
    check_simple_pinhole(camera, where)
    return camera


def check_simple_pinhole(camera: Intrinsics, where: object) -> None:
    """Raise InputError unless pixels are square, the principal point central and nothing distorted."""
    centred = np.allclose((camera.cx, camera.cy), (camera.width / 2, camera.height / 2), rtol=0, atol=1e-6)
    square = np.isclose(camera.fx, camera.fy, rtol=1e-9, atol=0)
    distorted = camera.model not in (CameraModel.PINHOLE, CameraModel.OPENCV) or any(camera.distortion)
    if distorted or not centred or not square:
        raise InputError(where, f"this format cannot hold the camera {camera}")


def write_json(path: Path, content: object) -> None:
    """Write plain data as indented JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
