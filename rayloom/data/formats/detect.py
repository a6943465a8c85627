"""From a path to a checked capture, whatever its format."""

from pathlib import Path

from rayloom.data.capture import Capture
from rayloom.data.formats import blender, colmap, llff, picture, precomputed, tiny, transforms
from rayloom.data.formats.capture_files import SUFFIXES, list_images, some_of
from rayloom.data.formats.checks import checked
from rayloom.data.formats.image_folders import FOLDERS
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

_EXPECTED = (
    "expected transforms.json, transforms_train.json, a COLMAP model in sparse/0, poses_bounds.npy, "
    "precomputed.json or an .npz with images, poses and focal"
)


def read_capture(path: Path, config: DataConfig) -> Capture:
    """The capture in a folder or file, its format told from what is there.

    Where a folder has several formats, the one that says most about the cameras is read: transforms.json,
    then NeRF-synthetic, COLMAP, LLFF, NR-NeRF and tiny_nerf; naming the file itself reads that one. Raises
    InputError where nothing fits or where the capture cannot be used.
    """
    if path.is_dir():
        return checked(_read_folder(path, config), config)
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return picture.load(path)
    if path.is_file():
        return checked(_read_file(path, config), config)
    raise InputError(path, "no such file or folder")


def _read_folder(folder: Path, config: DataConfig) -> Capture:
    if (folder / "transforms.json").is_file():
        return transforms.load(folder, config)
    if any((folder / f"transforms_{split}.json").is_file() for split in blender.SPLITS):
        return blender.load(folder, config)
    if colmap.model_folder(folder) is not None:
        return colmap.load(folder, config)
    if (folder / "poses_bounds.npy").is_file():
        return llff.load(folder, config)
    if (folder / precomputed.FILE).is_file():
        return precomputed.load(folder, config)
    if any(tiny.is_tiny(file) for file in folder.glob("*.npz")):
        return tiny.load(folder, config)
    raise InputError(folder, _nothing_fits(folder))


def _read_file(file: Path, config: DataConfig) -> Capture:
    if file.name in {f"transforms_{split}.json" for split in blender.SPLITS}:
        return blender.load(file, config)
    if file.name == precomputed.FILE:
        return precomputed.load(file, config)
    match file.suffix:
        case ".json":
            return transforms.load(file, config)
        case ".npy":
            return llff.load(file, config)
        case ".npz":
            return tiny.load(file, config)
        case _:
            raise InputError(file, f"not a capture; {_EXPECTED}")


def _nothing_fits(folder: Path) -> str:
    for place in (folder, *(folder / name for name in (*FOLDERS, "input"))):
        photos = list_images(place)
        if photos:
            return (
                f"{len(photos)} photos without camera poses; estimate the poses first, for example with "
                f"COLMAP. {_EXPECTED[0].upper()}{_EXPECTED[1:]}"
            )
    found = some_of(sorted(path.name for path in folder.iterdir())) or "an empty folder"
    return f"no capture; {_EXPECTED}; found {found}"
