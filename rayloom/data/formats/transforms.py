"""transforms.json, as instant-ngp and nerfstudio write it.

Cameras have OpenGL axes. The frame of the file is the raw frame: `applied_transform` and
`applied_scale` only say how the file came from its own source, and `ply_file_path` names points that
lie in the frame of the file. An `aabb_scale` above 1 says that the scene goes on outside the unit cube
of instant-ngp, so it is unbounded.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from rayloom.data.capture import Capture, Frame, Split
from rayloom.data.formats.axes import four_rows, opencv_from_opengl, pose_from_rows
from rayloom.data.formats.capture_files import counted, find_image, image_size, inside, name_below
from rayloom.data.formats.json_files import read_json
from rayloom.data.formats.ply import read_points, write_points
from rayloom.data.formats.saving import file_name, save_picture, saved_labels, write_json
from rayloom.data.formats.transforms_fields import FileFields, FrameFields, fields_from, intrinsics_from
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

_MILLIMETRE = 1e-3


def load(path: Path, config: DataConfig) -> Capture:
    """The capture of a transforms.json, or of a folder that holds one."""
    file = path if path.is_file() else path / "transforms.json"
    fields = read_json(file, FileFields)
    frames, missing = read_frames(file, fields, config)
    frames, unassigned = _with_splits(frames, fields)
    without_file = counted(f"{file.name}: images without a file", missing, len(fields.frames))
    return Capture(
        root=file.parent,
        format="transforms",
        frames=tuple(sorted(frames, key=lambda frame: frame.name)),
        points=_points(file, fields, config),
        up=_up(file, fields),
        kind_hint="unbounded" if (fields.aabb_scale or 0) > 1 else None,
        label_names=tuple(fields.label_names or ()),
        warnings=without_file + unassigned + _unused_masks(frames),
    )


def write(capture: Capture, out: Path) -> None:
    """Write images, masks, depth, points and a transforms.json in nerfstudio's dialect."""
    cameras = {frame.intrinsics for frame in capture.frames}
    content: dict[str, object] = fields_from(*cameras) if len(cameras) == 1 else {}
    frames = sorted(capture.frames, key=lambda frame: file_name(frame, "images"))
    units = {frame.depth_unit for frame in frames if frame.depth is not None}
    if len(units) > 1:
        raise InputError(out, f"{len(units)} different units of depth; transforms.json holds one")
    if units - {_MILLIMETRE}:
        content["integer_depth_scale"] = units.pop()
    content["frames"] = [
        _written(frame, out) | (fields_from(frame.intrinsics) if len(cameras) > 1 else {}) for frame in frames
    ]
    for split in ("train", "val", "test"):
        names = [f"images/{file_name(frame, 'images')}" for frame in frames if frame.split == split]
        if names:
            content[f"{split}_filenames"] = names
    content |= _facts(capture)
    if capture.points is not None:
        content["ply_file_path"] = "sparse_points.ply"
        write_points(out / "sparse_points.ply", capture.points)
    write_json(out / "transforms.json", content)


def _facts(capture: Capture) -> dict[str, object]:
    """What the capture says of the scene as a whole."""
    facts: dict[str, object] = {}
    if capture.label_names:
        facts["label_names"] = list(capture.label_names)
    if capture.up is not None:
        facts["up"] = capture.up.tolist()
    if capture.kind_hint == "unbounded":
        # instant-ngp asks for a power of two; any above 1 says that there is more outside the unit cube.
        facts["aabb_scale"] = 16
    return facts


def _written(frame: Frame, out: Path) -> dict[str, object]:
    """The entry of a frame, whose pictures are written on the way."""
    name = file_name(frame, "images")
    save_picture(frame.image, out / "images" / name)
    pose = four_rows(opencv_from_opengl(frame.raw_from_camera))
    entry: dict[str, object] = {"file_path": f"images/{name}", "transform_matrix": pose.tolist()}
    if frame.time:
        entry["time"] = frame.time
    for field, folder, picture in (
        ("mask_path", "masks", frame.ignore_mask),
        ("depth_file_path", "depths", frame.depth),
    ):
        if picture is not None:
            entry[field] = f"{folder}/{PurePosixPath(name).with_suffix(picture.suffix)}"
            save_picture(picture, out / str(entry[field]))
    return entry | saved_labels(frame, name, out)


def read_frames(file: Path, fields: FileFields, config: DataConfig) -> tuple[list[Frame], list[str]]:
    """The frames whose image exists, in the order of the file, and the paths of those without one."""
    frames: list[Frame] = []
    missing: list[str] = []
    for index, entry in enumerate(fields.frames):
        where = f"{file}: frames[{index}]"
        image = find_image(file.parent, entry.file_path, f"{where}.file_path", config)
        if image is None:
            missing.append(entry.file_path)
        else:
            frames.append(_frame(file.parent, image, entry, fields, where=where, config=config))
    return frames, missing


def _frame(
    root: Path, image: Path, entry: FrameFields, fields: FileFields, *, where: str, config: DataConfig
) -> Frame:
    depth_field = "depth_file_path" if entry.depth_file_path else "depth_path"
    return Frame(
        name=name_below(root, image),
        image=image,
        intrinsics=intrinsics_from(entry, fields, image_size(image), where),
        raw_from_camera=opencv_from_opengl(
            pose_from_rows(entry.transform_matrix, f"{where}.transform_matrix")
        ),
        ignore_mask=_companion(root, entry.mask_path, f"{where}.mask_path", config),
        depth=_companion(root, getattr(entry, depth_field), f"{where}.{depth_field}", config),
        depth_unit=_depth_unit(fields, where),
        labels=_companion(root, entry.label_path, f"{where}.label_path", config),
        time=entry.time or 0.0,
    )


def _companion(root: Path, path: str | None, where: str, config: DataConfig) -> Path | None:
    """A picture that belongs to that of a frame; one that is named must exist."""
    if not path:
        return None
    found = find_image(root, path, where, config)
    if found is None:
        raise InputError(where, f"no such file: {path}")
    return found


def _depth_unit(fields: FileFields, where: str) -> float:
    unit = _MILLIMETRE if fields.integer_depth_scale is None else fields.integer_depth_scale
    if not 0 < unit < np.inf:
        raise InputError(where, f"expected a positive integer_depth_scale, found {unit}")
    return unit


def _with_splits(frames: list[Frame], fields: FileFields) -> tuple[list[Frame], tuple[str, ...]]:
    """The frames with the file's own split; those in none of its lists train if only others are listed."""
    splits: dict[str, Split] = {}
    lists: tuple[tuple[Split, Sequence[str] | None], ...] = (
        ("train", fields.train_filenames),
        ("val", fields.val_filenames),
        ("test", fields.test_filenames),
    )
    for split, names in lists:
        splits |= {os.path.normpath(name): split for name in names or ()}
    if not splits:
        return frames, ()
    rest: Split | None = None if fields.train_filenames else "train"
    # A file that leaves the ending off `file_path` leaves it off here as well.
    stems = [os.path.splitext(frame.name)[0] for frame in frames]
    assigned = [
        (frame, splits.get(frame.name) or splits.get(stem, rest))
        for frame, stem in zip(frames, stems, strict=True)
    ]
    left_out = [frame.name for frame, split in assigned if split is None]
    used = [replace(frame, split=split) for frame, split in assigned if split is not None]
    return used, counted("Images in none of the file's splits, not used", left_out)


def _unused_masks(frames: Sequence[Frame]) -> tuple[str, ...]:
    """A warning where instant-ngp's masks lie beside the images.

    They mark pixels to ignore in white, where `Frame.ignore_mask` has black.
    """
    found = [frame.name for frame in frames if _dynamic_mask(frame.image)]
    return counted("Images whose dynamic_mask_*.png (white = ignore) is not used", found)


def _dynamic_mask(image: Path | NDArray[np.uint8]) -> bool:
    return isinstance(image, Path) and os.path.isfile(image.with_name(f"dynamic_mask_{image.stem}.png"))


def _points(file: Path, fields: FileFields, config: DataConfig) -> NDArray[np.float64] | None:
    if not fields.ply_file_path:
        return None
    where = f"{file}: ply_file_path"
    path = inside(file.parent, fields.ply_file_path, where, config)
    if not os.path.isfile(path):
        raise InputError(where, f"no such file: {fields.ply_file_path}")
    return read_points(path)


def _up(file: Path, fields: FileFields) -> NDArray[np.float64] | None:
    if fields.up is None:
        return None
    up = np.array(fields.up)
    with np.errstate(over="ignore"):
        length = np.linalg.norm(up)
    if up.shape != (3,) or not 0 < length < np.inf:
        raise InputError(f"{file}: up", f"expected three numbers, not all 0; found {fields.up}")
    return up / length
