"""The fields of transforms.json in the dialects of instant-ngp and nerfstudio, and cameras from them."""

import math
from typing import Final, TypeVar

from msgspec import Struct

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.errors import InputError

T = TypeVar("T")

_COEFFICIENTS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
# For each name the model that is equal to it, and the coefficients that it knows. OPENCV has no k4
# here: nerfstudio adds it as a power of the radius, the rational model divides by it.
_MODELS: Final[dict[str, tuple[CameraModel, tuple[str, ...]]]] = {
    "SIMPLE_PINHOLE": (CameraModel.PINHOLE, ()),
    "PINHOLE": (CameraModel.PINHOLE, ()),
    "SIMPLE_RADIAL": (CameraModel.SIMPLE_RADIAL, ("k1",)),
    "RADIAL": (CameraModel.OPENCV, ("k1", "k2")),
    "OPENCV": (CameraModel.OPENCV, ("k1", "k2", "k3", "p1", "p2")),
    "FULL_OPENCV": (CameraModel.OPENCV, _COEFFICIENTS),
    "OPENCV_FISHEYE": (CameraModel.OPENCV_FISHEYE, ("k1", "k2", "k3", "k4")),
    "EQUIRECTANGULAR": (CameraModel.EQUIRECTANGULAR, ()),
    "ORTHOGRAPHIC": (CameraModel.ORTHOGRAPHIC, ()),
}


class CameraFields(Struct):
    """What the file says for all frames and any frame may say differently."""

    camera_model: str | None = None
    is_fisheye: bool | None = None
    w: float | None = None
    h: float | None = None
    fl_x: float | None = None
    fl_y: float | None = None
    cx: float | None = None
    cy: float | None = None
    camera_angle_x: float | None = None
    camera_angle_y: float | None = None
    k1: float | None = None
    k2: float | None = None
    k3: float | None = None
    k4: float | None = None
    k5: float | None = None
    k6: float | None = None
    p1: float | None = None
    p2: float | None = None


class FrameFields(CameraFields, kw_only=True):
    """One entry of `frames`."""

    file_path: str
    transform_matrix: list[list[float]]
    mask_path: str | None = None
    depth_file_path: str | None = None
    depth_path: str | None = None
    label_path: str | None = None
    time: float | None = None


class FileFields(CameraFields, kw_only=True):
    """The whole file."""

    frames: list[FrameFields]
    train_filenames: list[str] | None = None
    val_filenames: list[str] | None = None
    test_filenames: list[str] | None = None
    integer_depth_scale: float | None = None
    label_names: list[str] | None = None
    ply_file_path: str | None = None
    up: list[float] | None = None
    aabb_scale: float | None = None


def intrinsics_from(
    frame: CameraFields, shared: CameraFields, image_size: tuple[int, int], where: str
) -> Intrinsics:
    """The camera of a frame: its own fields before the shared ones; the image's size where w, h miss."""
    width = _pixels("w", frame, shared, image_size[0], where)
    height = _pixels("h", frame, shared, image_size[1], where)
    coefficients = {
        name: _either(getattr(frame, name), getattr(shared, name)) or 0.0 for name in _COEFFICIENTS
    }
    model = _model(frame, shared, coefficients, where)
    cx, cy = _either(frame.cx, shared.cx), _either(frame.cy, shared.cy)
    fx = _focal("x", frame, shared, width, where)
    fy = _focal("y", frame, shared, height, where)
    if model == CameraModel.EQUIRECTANGULAR:
        # The model needs no focal length; these are its pixels per radian.
        fx, fy = width / (2 * math.pi), height / math.pi
    fx, fy = _either(fx, fy), _either(fy, fx)
    if fx is None or fy is None:
        raise InputError(where, "no focal length; expected fl_x or camera_angle_x")
    return Intrinsics(
        model=model,
        width=width,
        height=height,
        fx=fx,
        fy=fy,
        cx=width / 2 if cx is None else cx,
        cy=height / 2 if cy is None else cy,
        **coefficients,
    )


def fields_from(intrinsics: Intrinsics) -> dict[str, object]:
    """The fields of nerfstudio's dialect that say the same as the record."""
    fields: dict[str, object] = {
        "camera_model": _name_of(intrinsics),
        "w": intrinsics.width,
        "h": intrinsics.height,
        "fl_x": intrinsics.fx,
        "fl_y": intrinsics.fy,
        "cx": intrinsics.cx,
        "cy": intrinsics.cy,
    }
    known = _MODELS[_name_of(intrinsics)][1]
    return fields | {name: getattr(intrinsics, name) for name in known}


def _name_of(intrinsics: Intrinsics) -> str:
    rational = any((intrinsics.k4, intrinsics.k5, intrinsics.k6))
    return "FULL_OPENCV" if intrinsics.model == CameraModel.OPENCV and rational else intrinsics.model.value


def _model(
    frame: CameraFields, shared: CameraFields, coefficients: dict[str, float], where: str
) -> CameraModel:
    name = _either(frame.camera_model, shared.camera_model)
    if name is None:
        name = "OPENCV" if any(coefficients.values()) else "PINHOLE"
    if _either(frame.is_fisheye, shared.is_fisheye) and name in ("OPENCV", "PINHOLE"):
        name = "OPENCV_FISHEYE"
    if name not in _MODELS:
        raise InputError(f"{where}.camera_model", f"expected one of {', '.join(_MODELS)}; found {name!a}")
    model, known = _MODELS[name]
    for coefficient, value in coefficients.items():
        if value and coefficient not in known:
            raise InputError(f"{where}.{coefficient}", f"expected 0 for the model {name}, found {value}")
    return model


def _focal(axis: str, frame: CameraFields, shared: CameraFields, length: int, where: str) -> float | None:
    """Focal length in pixels, from the frame's own fields before the shared ones."""
    for fields in (frame, shared):
        focal = getattr(fields, f"fl_{axis}")
        angle = getattr(fields, f"camera_angle_{axis}")
        if focal is not None:
            return focal
        if angle is not None:
            if not 0 < angle < math.pi:
                raise InputError(
                    f"{where}.camera_angle_{axis}", f"expected radians between 0 and pi, found {angle}"
                )
            return 0.5 * length / math.tan(0.5 * angle)
    return None


def _pixels(name: str, frame: CameraFields, shared: CameraFields, default: int, where: str) -> int:
    value = _either(getattr(frame, name), getattr(shared, name))
    if value is None:
        return default
    if not math.isfinite(value) or value != round(value):
        raise InputError(f"{where}.{name}", f"expected a whole number of pixels, found {value}")
    return round(value)


def _either(own: T | None, shared: T | None) -> T | None:
    return shared if own is None else own
