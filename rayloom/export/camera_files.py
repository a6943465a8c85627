"""The cameras of a run, with their photos, as a capture that other tools read."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.writers import write_capture
from rayloom.data.placement.orientation import invert_similarity, move_points, move_poses, scale_of
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.export.frames import Matrix, world_from_field
from rayloom.method import Method


def camera_capture(method: Method[Any], scene: Scene, capture: Capture, *, raw: bool) -> Capture:
    """The capture that a scene was made from, with the poses that a method learned for its training photos.

    In the frame of its files, or in the training frame. Raises InputError for a method that learned lenses,
    which no format can say.
    """
    corrections = method.learned_cameras()
    frames = list(capture.frames)
    if corrections is not None:
        if bool(corrections.lenses.any()):
            raise InputError(
                "export cameras",
                "the run learned lenses, which no format holds; expected one with given lenses",
            )
        raw_from_field = scene.raw_from_world @ world_from_field(method, scene)
        learned = corrections.world_from_camera().detach().cpu().double().numpy()
        for i, pose in zip(scene.indices("train"), move_poses(raw_from_field, learned), strict=True):
            frames[i] = replace(frames[i], raw_from_camera=pose)
    capture = replace(capture, frames=tuple(frames))
    return capture if raw else moved_capture(capture, invert_similarity(scene.raw_from_world))


def write_cameras(capture: Capture, out: Path, format: str) -> None:
    """Write photos and cameras into a new or empty folder; nothing is left of it where that fails.

    Raises InputError as `write_capture` does, and where there is no space or no right to write.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists and is not empty; expected a new or empty folder")
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        write_capture(capture, part, format)
        part.replace(out)
    except OSError as error:
        raise InputError(out, f"the folder cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def moved_capture(capture: Capture, matrix: Matrix) -> Capture:
    """The capture under a similarity."""
    points = None if capture.points is None else move_points(matrix, capture.points)
    up = None if capture.up is None else matrix[:3, :3] @ capture.up / scale_of(matrix)
    frames = tuple(_moved_frame(frame, matrix) for frame in capture.frames)
    return replace(capture, frames=frames, points=points, up=up)


def _moved_frame(frame: Frame, matrix: Matrix) -> Frame:
    scale = scale_of(matrix)
    return replace(
        frame,
        raw_from_camera=move_poses(matrix, np.asarray(frame.raw_from_camera, np.float64)[None])[0],
        intrinsics=_in_units(frame.intrinsics, scale),
        depth_unit=frame.depth_unit * scale,
        near=None if frame.near is None else frame.near * scale,
        far=None if frame.far is None else frame.far * scale,
    )


def _in_units(camera: Intrinsics, scale: float) -> Intrinsics:
    """The camera where lengths are `scale` times as long; only an orthographic one speaks of them."""
    if camera.model is not CameraModel.ORTHOGRAPHIC:
        return camera
    return replace(camera, fx=camera.fx / scale, fy=camera.fy / scale)
