"""The folders images, images_2, images_4 and images_8, and the masks beside them."""

import os
from collections.abc import Sequence
from pathlib import Path

from rayloom.data.formats.capture_files import list_images
from rayloom.errors import InputError

FOLDERS = ("images", "images_2", "images_4", "images_8")
"""Where photos lie, the largest first; the number says how many times smaller they are."""


def first_folder(root: Path, folders: Sequence[str] = FOLDERS) -> Path:
    """The first of the folders that holds a picture; raises InputError where none does."""
    for name in folders:
        if list_images(root / name):
            return root / name
    raise InputError(root, f"no images; expected pictures in one of the folders {', '.join(folders)}")


def find_mask(root: Path, image: Path, name: str) -> Path | None:
    """The mask of an image called `name` below its folder, as masks/name.png or with the same ending.

    A folder images_2 may have its own masks_2; masks of the full size serve as well.
    """
    suffix = image.parents[len(Path(name).parts) - 1].name.removeprefix("images")
    for folder in dict.fromkeys((f"masks{suffix}", "masks")):
        stem = root / folder / name
        for candidate in (f"{stem}.png", str(stem), str(stem.with_suffix(".png"))):
            if os.path.isfile(candidate):
                return Path(candidate)
    return None
