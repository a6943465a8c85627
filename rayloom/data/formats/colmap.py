"""COLMAP reconstructions, text or binary, with photos in images, or in images_2, images_4, images_8.

The model lies in sparse/0, sparse, colmap/sparse/0 or distorted/sparse/0. Of the last, the photos are in
`input`, as 3DGS keeps them before it takes the distortion out. Masks in masks/<image name>[.png] are
black where pixels must be ignored.
"""

import os
from pathlib import Path

import numpy as np

from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.capture_files import counted, inside, name_below
from rayloom.data.formats.colmap_binary import read_binary, write_binary
from rayloom.data.formats.colmap_model import (
    ColmapModel,
    PosedImage,
    quaternion_from_rotation,
    rotation_from_quaternion,
)
from rayloom.data.formats.colmap_text import read_text, write_text
from rayloom.data.formats.image_folders import FOLDERS, find_mask
from rayloom.data.formats.saving import file_name, save_picture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

MODEL_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", "distorted/sparse/0")


def model_folder(root: Path) -> Path | None:
    """Where below `root` a model lies; None where there is none."""
    for name in MODEL_FOLDERS:
        if (root / name / "cameras.bin").is_file() or (root / name / "cameras.txt").is_file():
            return root / name
    return None


def load(path: Path, config: DataConfig) -> Capture:
    """The capture of a folder that holds a model and photos."""
    folder = model_folder(path)
    if folder is None:
        raise InputError(path, f"no COLMAP model; expected cameras.bin or .txt in {', '.join(MODEL_FOLDERS)}")
    model = read_binary(folder) if (folder / "cameras.bin").is_file() else read_text(folder)
    photos = _photo_folder(path, folder, model)
    frames: list[Frame] = []
    missing: list[str] = []
    for image in model.images:
        file = inside(path, f"{photos.name}/{image.name}", f"{folder}: {image.name!a}", config)
        if os.path.isfile(file):
            frames.append(_frame(path, file, image, model, folder))
        else:
            missing.append(image.name)
    label = f"{folder.relative_to(path).as_posix()}: images without a file"
    return Capture(
        root=path,
        format="colmap",
        frames=tuple(sorted(frames, key=lambda frame: frame.name)),
        points=model.points,
        warnings=counted(label, missing, len(model.images)) + _other_models(folder),
    )


def write_as_text(capture: Capture, out: Path) -> None:
    """Write images, masks and a model as text; raises InputError for cameras that COLMAP has not."""
    write_text(*_prepared(capture, out))


def write_as_binary(capture: Capture, out: Path) -> None:
    """Write images, masks and a binary model; raises InputError for cameras that COLMAP has not."""
    write_binary(*_prepared(capture, out))


def _prepared(capture: Capture, out: Path) -> tuple[Path, ColmapModel]:
    """The folder of the model, and the model; pictures are written on the way."""
    cameras = dict.fromkeys(frame.intrinsics for frame in capture.frames)
    numbers = {camera: number for number, camera in enumerate(cameras, start=1)}
    images: list[PosedImage] = []
    for frame in capture.frames:
        name = file_name(frame, "images")
        save_picture(frame.image, out / "images" / name)
        if frame.ignore_mask is not None:
            save_picture(frame.ignore_mask, out / "masks" / f"{name}.png")
        camera_from_world = frame.raw_from_camera[:, :3].T
        translation = -camera_from_world @ frame.raw_from_camera[:, 3]
        quaternion = quaternion_from_rotation(camera_from_world)
        images.append(PosedImage(name, numbers[frame.intrinsics], quaternion, translation))
    points = np.empty((0, 3)) if capture.points is None else capture.points
    folder = out / "sparse" / "0"
    folder.mkdir(parents=True)
    return folder, ColmapModel({number: camera for camera, number in numbers.items()}, images, points)


def _photo_folder(root: Path, folder: Path, model: ColmapModel) -> Path:
    """The photo folder that has most of the model's images, the largest photos among equals."""
    candidates = ("input", *FOLDERS) if folder.parts[-3:] == ("distorted", "sparse", "0") else FOLDERS

    def num_found(candidate: str) -> int:
        return sum(os.path.isfile(root / candidate / image.name) for image in model.images)

    return root / max(candidates, key=num_found)


def _frame(root: Path, file: Path, image: PosedImage, model: ColmapModel, folder: Path) -> Frame:
    if image.camera_id not in model.cameras:
        raise InputError(f"{folder}: {image.name}", f"there is no camera {image.camera_id}")
    world_from_camera = rotation_from_quaternion(image.quaternion).T
    # Numbers that are not finite are told of by the checks that all formats share.
    with np.errstate(all="ignore"):
        position = -world_from_camera @ image.translation
    return Frame(
        name=name_below(root, file),
        image=file,
        intrinsics=model.cameras[image.camera_id],
        raw_from_camera=np.column_stack([world_from_camera, position]),
        ignore_mask=find_mask(root, file, image.name),
    )


def _other_models(folder: Path) -> tuple[str, ...]:
    """A warning where COLMAP found several separate pieces of the scene; only the first is read."""
    if folder.name != "0":
        return ()
    others = sorted(path.name for path in folder.parent.glob("[1-9]*") if path.is_dir())
    return counted(f"Models in {folder.parent.name} beside 0, not read", others)
