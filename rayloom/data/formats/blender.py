"""NeRF-synthetic folders: transforms_train.json, transforms_val.json and transforms_test.json.

Images show an object on nothing, as RGBA, and papers composite them over white. The world is z-up. The
fields are those of transforms.json, so that variants with focal lengths, masks or times are read too.
"""

import math
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from rayloom.data.capture import Capture, Frame, Split
from rayloom.data.formats.axes import four_rows, opencv_from_opengl
from rayloom.data.formats.capture_files import counted
from rayloom.data.formats.json_files import read_json
from rayloom.data.formats.saving import file_name, one_pinhole, save_picture, saved_labels, write_json
from rayloom.data.formats.transforms import read_frames
from rayloom.data.formats.transforms_fields import FileFields
from rayloom.data.scene import DataConfig

SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")


def load(path: Path, config: DataConfig) -> Capture:
    """The capture of a folder with at least one of the three files, frames in the files' order."""
    root = path.parent if path.is_file() else path
    frames: list[Frame] = []
    warnings: list[str] = []
    label_names: tuple[str, ...] = ()
    for split in SPLITS:
        file = root / f"transforms_{split}.json"
        if file.is_file():
            fields = read_json(file, FileFields)
            found, missing = read_frames(file, fields, config)
            label_names = label_names or tuple(fields.label_names or ())
            frames += [replace(frame, split=split) for frame in found]
            warnings += counted(f"{file.name}: images without a file", missing, len(fields.frames))
    return Capture(
        root=root,
        format="blender",
        frames=tuple(frames),
        up=np.array([0.0, 0.0, 1.0]),
        kind_hint="object",
        background=(1.0, 1.0, 1.0),
        label_names=label_names,
        warnings=tuple(warnings),
    )


def write(capture: Capture, out: Path) -> None:
    """Write images and one JSON file a split; frames without a split train.

    Raises InputError for cameras that an angle of view alone does not describe.
    """
    for split in SPLITS:
        frames = [frame for frame in capture.frames if (frame.split or "train") == split]
        if not frames:
            continue
        camera = one_pinhole(frames, out)
        entries: list[dict[str, object]] = []
        for frame in frames:
            file = f"{split}/{file_name(frame, split)}"
            save_picture(frame.image, out / file)
            pose = four_rows(opencv_from_opengl(frame.raw_from_camera))
            entries.append(
                {
                    "file_path": f"./{PurePosixPath(file).with_suffix('')}",
                    "time": frame.time,
                    "transform_matrix": pose.tolist(),
                    **saved_labels(frame, file, out),
                }
            )
        angle = 2 * math.atan(0.5 * camera.width / camera.fx)
        names = {"label_names": list(capture.label_names)} if capture.label_names else {}
        write_json(out / f"transforms_{split}.json", {"camera_angle_x": angle, **names, "frames": entries})
