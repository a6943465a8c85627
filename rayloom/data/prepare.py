"""From a capture to a scene that trains: pixels, masks, split, training frame, box and bounds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Split
from rayloom.data.formats.detect import read_capture
from rayloom.data.multiscale import coarser_scenes
from rayloom.data.picture import picture_scene
from rayloom.data.pixels.images import load_images
from rayloom.data.pixels.labels import count_classes, load_labels
from rayloom.data.pixels.masks import load_depths, load_ignore
from rayloom.data.placement.bounds import ndc_frame, ray_bounds
from rayloom.data.placement.carving import object_extent
from rayloom.data.placement.content import ContentDepths, content_depths
from rayloom.data.placement.kind import detect_kind
from rayloom.data.placement.orientation import (
    Poses,
    Region,
    find_region,
    focus,
    invert_similarity,
    move_points,
    move_poses,
    scale_of,
    similarity,
    upright,
)
from rayloom.data.placement.projection import tan_half_view
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.splits import assign_splits
from rayloom.errors import InputError
from rayloom.scene_info import NDCFrame, SceneInfo, SceneKind

Box = tuple[NDArray[np.float64], NDArray[np.float64]]
Images = tuple[NDArray[np.uint8], ...]
Masks = tuple[NDArray[np.bool_] | None, ...]


@dataclass(frozen=True)
class _Frame:
    """The training frame: how to come to it, and what of the scene is given in it."""

    kind: SceneKind
    world_from_raw: NDArray[np.float64]
    box: Box
    poses: Poses
    intrinsics: tuple[Intrinsics, ...]
    near: NDArray[np.float64]
    far: NDArray[np.float64]
    ndc: NDCFrame | None
    warnings: tuple[str, ...]


def load_scene(path: Path, config: DataConfig) -> Scene:
    """The scene of a capture folder or file, ready for training. Raises InputError for bad input."""
    return prepare_scene(read_capture(path, config), config)


def prepare_scene(capture: Capture, config: DataConfig) -> Scene:
    """The scene of a capture: z up, the region of interest in the unit ball.

    Raises InputError for pictures that are not whole or do not fit their cameras.
    """
    images, warnings = load_images(capture, config)
    if capture.kind_hint == "picture":
        background, more = _background(capture, config, images)
        return picture_scene(capture, config, images[0], background, capture.warnings + warnings + more)
    count = len(capture.frames)
    scene = _scene(capture, config, images[:count], capture.warnings + warnings)
    return replace(scene, coarser=coarser_scenes(scene, images[count:]))


def _scene(capture: Capture, config: DataConfig, images: Images, warnings: tuple[str, ...]) -> Scene:
    """The scene of a capture and its images; `warnings` are those so far."""
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    split, split_warnings = assign_splits(capture, config)
    ignore = load_ignore(capture.frames, sizes)
    mask_warnings = _mask_warnings(capture, ignore, split)
    background, background_warnings = _background(capture, config, images)
    frame = _training_frame(capture, config, images)
    scale = np.float32(scale_of(frame.world_from_raw))
    depths, labels = load_depths(capture.frames, sizes), load_labels(capture.frames, sizes)
    warnings += mask_warnings + frame.warnings + split_warnings + background_warnings
    info = _info(frame, background, has_alpha=images[0].shape[2] == 4, num_images=split.count("train"))
    return Scene(
        root=capture.root,
        format=capture.format,
        names=tuple(item.name for item in capture.frames),
        images=images,
        ignore=ignore,
        depths=tuple(None if depth is None else depth * scale for depth in depths),
        intrinsics=frame.intrinsics,
        world_from_camera=frame.poses,
        near=frame.near,
        far=frame.far,
        times=np.array([item.time for item in capture.frames]),
        split=split,
        raw_from_world=invert_similarity(frame.world_from_raw),
        points=None if capture.points is None else move_points(frame.world_from_raw, capture.points),
        info=replace(info, num_labels=count_classes(capture, labels)),
        labels=() if all(label is None for label in labels) else labels,
        warnings=warnings,
    )


def _info(
    frame: _Frame, background: tuple[float, float, float], *, has_alpha: bool, num_images: int
) -> SceneInfo:
    return SceneInfo(
        kind=frame.kind,
        box_low=_triple(frame.box[0]),
        box_high=_triple(frame.box[1]),
        near=float(frame.near.min()),
        far=float(frame.far.max()),
        background=background,
        has_alpha=has_alpha,
        num_images=num_images,
        ndc=frame.ndc,
    )


def _training_frame(capture: Capture, config: DataConfig, images: Images) -> _Frame:
    """Turn upright, see what kind of capture it is, and put the region of interest into the unit ball."""
    raw_poses = np.stack([frame.raw_from_camera for frame in capture.frames]).astype(np.float64)
    intrinsics = [
        frame.intrinsics.resized(image.shape[1], image.shape[0])
        for frame, image in zip(capture.frames, images, strict=True)
    ]
    rotation = upright(raw_poses, capture.up)
    turned = move_poses(similarity(rotation, Region(np.zeros(3), 1.0)), raw_poses)
    depths = content_depths(capture, raw_poses)
    kind = detect_kind(capture, turned, images, depths) if config.kind == "auto" else config.kind
    region, box, warnings = _region_and_box(kind, turned, intrinsics, images, depths)

    world_from_raw = similarity(rotation, region)
    poses = move_poses(world_from_raw, raw_poses)
    intrinsics = [_in_units(camera, region.radius) for camera in intrinsics]
    if depths is not None:
        depths = replace(depths, near=depths.near / region.radius, far=depths.far / region.radius)
    near, far = ray_bounds(poses, intrinsics, kind, box, depths)
    ndc = ndc_frame(poses, intrinsics, depths, near) if kind == "forward-facing" else None
    return _Frame(kind, world_from_raw, box, poses, tuple(intrinsics), near, far, ndc, warnings)


def _region_and_box(
    kind: SceneKind,
    poses: Poses,
    intrinsics: Sequence[Intrinsics],
    images: Images,
    depths: ContentDepths | None,
) -> tuple[Region, Box, tuple[str, ...]]:
    """What becomes the unit ball, the box in the training frame, and warnings.

    Objects with alpha get the bounds of what their silhouettes enclose; else the box is the cube around
    the unit ball.
    """
    region = find_region(poses, intrinsics, kind, depths)
    cube = (np.full(3, -1.0), np.full(3, 1.0))
    warnings = () if region.note is None else (region.note,)
    if kind != "object" or images[0].shape[2] < 4:
        return region, cube, warnings
    centre = focus(poses)
    distance = float(np.linalg.norm(poses[:, :, 3] - centre, axis=-1).mean())
    in_view = distance * min(0.9, max(tan_half_view(camera) for camera in intrinsics))
    extent = object_extent(images, intrinsics, poses, centre, max(in_view, region.radius))
    if extent is None:
        problem = "The silhouettes enclose nothing in common: the box is set from the cameras."
        return region, cube, (*warnings, problem)
    middle = (extent.low + extent.high) / 2
    box = (extent.low - middle) / extent.radius, (extent.high - middle) / extent.radius
    return Region(middle, extent.radius), box, warnings


def _in_units(camera: Intrinsics, unit: float) -> Intrinsics:
    """The camera in another unit of length; only an orthographic one speaks of lengths."""
    if camera.model is not CameraModel.ORTHOGRAPHIC:
        return camera
    return replace(camera, fx=camera.fx * unit, fy=camera.fy * unit)


def _background(
    capture: Capture, config: DataConfig, images: Images
) -> tuple[tuple[float, float, float], tuple[str, ...]]:
    """The colour behind everything, and warnings; white by itself under alpha, else black."""
    has_alpha = images[0].shape[2] == 4
    own = capture.background or ((1.0, 1.0, 1.0) if has_alpha else (0.0, 0.0, 0.0))
    if config.background == "auto":
        return own, ()
    if not has_alpha:
        return own, ("The images have no alpha, so the background colour asked for has no effect.",)
    return ((1.0, 1.0, 1.0) if config.background == "white" else (0.0, 0.0, 0.0)), ()


def _mask_warnings(capture: Capture, ignore: Masks, split: tuple[Split, ...]) -> tuple[str, ...]:
    """Which images are ignored whole. Raises InputError where that leaves no pixel to train on."""
    whole = [i for i, mask in enumerate(ignore) if mask is not None and mask.all()]
    if all(i in whole for i, item in enumerate(split) if item == "train"):
        raise InputError(
            capture.root, "every pixel of every training image is masked; expected some to train on"
        )
    if not whole:
        return ()
    return (f"{len(whole)} images are masked whole, the first is {capture.frames[whole[0]].name}.",)


def _triple(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
