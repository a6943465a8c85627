"""What COLMAP found: models read, measured, and written as a capture."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pycolmap
from numpy.typing import NDArray

from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.colmap_model import intrinsics_from
from rayloom.data.formats.writers import write_capture
from rayloom.errors import InputError
from rayloom.sfm.photos import Photo


@dataclass(frozen=True)
class Fit:
    """How well the photos of a model agree with it, in the order of all photos."""

    registered: NDArray[np.bool_]
    num_points: NDArray[np.int64]
    """Points of the model that a photo sees."""
    error_px: NDArray[np.float64]
    """Mean distance of a photo's features to the projections of their points; NaN where it sees none."""


def read_models(folder: Path) -> list[pycolmap.Reconstruction]:
    """The models in `folder/0`, `folder/1`, ..., most photos first, then the least error."""
    models = [pycolmap.Reconstruction(path) for path in sorted(folder.iterdir()) if path.is_dir()]
    return sorted(models, key=lambda model: (-model.num_reg_images(), mean_error_px(model)))


def mean_error_px(model: pycolmap.Reconstruction) -> float:
    """Mean distance over all observations between a feature and the projection of its point, in pixels."""
    fit = measure(model, 1 + max(model.reg_image_ids(), default=0))
    seen = fit.num_points > 0
    return float(np.average(fit.error_px[seen], weights=fit.num_points[seen])) if seen.any() else np.nan


def measure(model: pycolmap.Reconstruction, num_photos: int) -> Fit:
    """The fit of each of so many photos; photo i is image i + 1 of the model."""
    registered = np.zeros(num_photos, dtype=bool)
    num_points = np.zeros(num_photos, dtype=np.int64)
    error_px = np.full(num_photos, np.nan)
    for image_id in model.reg_image_ids():
        image = model.image(image_id)
        observed = image.get_observation_points2D()
        registered[image_id - 1], num_points[image_id - 1] = True, len(observed)
        if observed:
            features = np.array([point.xy for point in observed])
            world = np.array([model.point3D(point.point3D_id).xyz for point in observed])
            camera_points = image.cam_from_world() * world
            camera = model.camera(image.camera_id)
            seen = np.asarray(camera.img_from_cam(camera_points, check_cheirality=False))
            error_px[image_id - 1] = np.linalg.norm(features - seen, axis=-1).mean()
    return Fit(registered, num_points, error_px)


def points_and_colors(model: pycolmap.Reconstruction) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Sparse points, n x 3, and their colours, n x 3."""
    points = list(model.points3D.values())
    xyz = np.array([point.xyz for point in points], dtype=np.float64).reshape(-1, 3)
    return xyz, np.array([point.color for point in points], dtype=np.uint8).reshape(-1, 3)


def world_from_cameras(model: pycolmap.Reconstruction) -> NDArray[np.float64]:
    """Poses of the registered photos in their order, n x 3 x 4, OpenCV axes."""
    ids = sorted(model.reg_image_ids())
    return np.array([model.image(image_id).cam_from_world().inverse().matrix() for image_id in ids])


def to_capture(
    model: pycolmap.Reconstruction, photos: Sequence[Photo], masks: Sequence[Path | None]
) -> Capture:
    """The registered photos with their cameras, in the frame of the model."""
    frames: list[Frame] = []
    for image_id in sorted(model.reg_image_ids()):
        image, photo = model.image(image_id), photos[image_id - 1]
        camera = model.camera(image.camera_id)
        where = f"camera of {photo.name}"
        numbers = [float(number) for number in camera.params]
        frames.append(
            Frame(
                name=f"images/{kept_name(photo)}",
                image=photo.path,
                intrinsics=intrinsics_from(camera.model_name, camera.width, camera.height, numbers, where),
                raw_from_camera=image.cam_from_world().inverse().matrix(),
                ignore_mask=masks[image_id - 1],
            )
        )
    root = photos[0].path.parent
    return Capture(root, "transforms", tuple(frames), points=points_and_colors(model)[0])


def kept_name(photo: Photo) -> str:
    """The photo's name below `images`: its own, with the ending of the file that was used."""
    return str(PurePosixPath(photo.name).with_suffix(photo.path.suffix))


def _check_whole(folder: Path, model: pycolmap.Reconstruction) -> None:
    """Raise InputError unless the model is there: COLMAP does not notice that a disk is full."""
    try:
        counts = [(m.num_reg_images(), m.num_points3D()) for m in (model, pycolmap.Reconstruction(folder))]
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(folder, "the model cannot be written; the disk is full") from error
    if counts[0] != counts[1]:
        raise InputError(folder, "the model cannot be written; the disk is full")


def write_model(
    model: pycolmap.Reconstruction, photos: Sequence[Photo], masks: Sequence[Path | None], out: Path
) -> None:
    """Write photos, masks, points and transforms.json, and the model for COLMAP in `sparse/0`.

    All is made aside and then moved, transforms.json last: where it is, everything is.
    """
    aside = out / ".part"
    shutil.rmtree(aside, ignore_errors=True)
    write_capture(to_capture(model, photos, masks), aside, "transforms")
    (aside / "sparse" / "0").mkdir(parents=True)
    for image_id in model.reg_image_ids():
        model.image(image_id).name = kept_name(photos[image_id - 1])
    model.write_binary(aside / "sparse" / "0")
    _check_whole(aside / "sparse" / "0", model)
    for made in sorted(aside.iterdir(), key=lambda path: path.name == "transforms.json"):
        # What stands there is of a run that was killed in this very loop.
        target = out / made.name
        if target.is_dir():
            shutil.rmtree(target)
        made.replace(target)
    aside.rmdir()
