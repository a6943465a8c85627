"""NeRF-synthetic folders: transforms_train.json, transforms_val.json and transforms_test.json.

Images show an object on nothing, as RGBA, and papers composite them over white. The world is z-up. The
fields are those of transforms.json, so that variants with focal lengths, masks or times are read too.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from rayloom.data.capture import Capture, Frame, Split
from rayloom.data.capture_files import missing_images
from rayloom.data.json_files import read_json
from rayloom.data.scene import DataConfig
from rayloom.data.transforms import read_frames
from rayloom.data.transforms_fields import FileFields

SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")


def load(path: Path, config: DataConfig) -> Capture:
    """The capture of a folder with at least one of the three files, frames in the files' order."""
    root = path.parent if path.is_file() else path
    frames: list[Frame] = []
    warnings: list[str] = []
    for split in SPLITS:
        file = root / f"transforms_{split}.json"
        if file.is_file():
            fields = read_json(file, FileFields)
            found, missing = read_frames(file, fields, config)
            frames += [replace(frame, split=split) for frame in found]
            warnings += missing_images(file, missing, len(fields.frames))
    return Capture(
        root=root,
        format="blender",
        frames=tuple(frames),
        up=np.array([0.0, 0.0, 1.0]),
        kind_hint="object",
        background=(1.0, 1.0, 1.0),
        warnings=tuple(warnings),
    )
