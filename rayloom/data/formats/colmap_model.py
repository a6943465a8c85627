"""What rayloom reads of a COLMAP model, and the camera models that it can express exactly."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.errors import InputError

_FISHEYE = CameraModel.OPENCV_FISHEYE
# COLMAP's numbers and parameter names; f stands for both focal lengths. Which of our models is equal.
CAMERA_MODELS: Final[dict[str, tuple[int, CameraModel, tuple[str, ...]]]] = {
    "SIMPLE_PINHOLE": (0, CameraModel.PINHOLE, ("f", "cx", "cy")),
    "PINHOLE": (1, CameraModel.PINHOLE, ("fx", "fy", "cx", "cy")),
    "SIMPLE_RADIAL": (2, CameraModel.SIMPLE_RADIAL, ("f", "cx", "cy", "k1")),
    "RADIAL": (3, CameraModel.OPENCV, ("f", "cx", "cy", "k1", "k2")),
    "OPENCV": (4, CameraModel.OPENCV, ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2")),
    "OPENCV_FISHEYE": (5, _FISHEYE, ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")),
    "FULL_OPENCV": (
        6,
        CameraModel.OPENCV,
        ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    ),
    "SIMPLE_RADIAL_FISHEYE": (8, _FISHEYE, ("f", "cx", "cy", "k1")),
    "RADIAL_FISHEYE": (9, _FISHEYE, ("f", "cx", "cy", "k1", "k2")),
    "SIMPLE_FISHEYE": (14, _FISHEYE, ("f", "cx", "cy")),
    "FISHEYE": (15, _FISHEYE, ("fx", "fy", "cx", "cy")),
}
_OTHER_MODELS: Final = {
    7: "FOV",
    10: "THIN_PRISM_FISHEYE",
    11: "RAD_TAN_THIN_PRISM_FISHEYE",
    12: "SIMPLE_DIVISION",
    13: "DIVISION",
    16: "EUCM",
    17: "EQUIRECTANGULAR",
}


@dataclass(frozen=True)
class PosedImage:
    """A photo's name below the image folder, its camera and its pose."""

    name: str
    camera_id: int
    quaternion: NDArray[np.float64]
    """Of camera from world, w x y z."""
    translation: NDArray[np.float64]
    """Of camera from world."""


@dataclass(frozen=True)
class ColmapModel:
    """Cameras by their number, photos with poses, and sparse points, n x 3."""

    cameras: dict[int, Intrinsics]
    images: list[PosedImage]
    points: NDArray[np.float64]


def model_name(model_id: int, where: str) -> str:
    """The name that belongs to COLMAP's number; raises InputError for models that are not read."""
    names = {number: name for name, (number, _, _) in CAMERA_MODELS.items()}
    if model_id not in names:
        raise _unsupported(_OTHER_MODELS.get(model_id, f"number {model_id}"), where)
    return names[model_id]


def intrinsics_from(name: str, width: int, height: int, numbers: list[float], where: str) -> Intrinsics:
    """The camera with COLMAP's parameters; raises InputError for models that are not read."""
    if name not in CAMERA_MODELS:
        raise _unsupported(name, where)
    _, model, parameters = CAMERA_MODELS[name]
    if len(numbers) != len(parameters):
        raise InputError(where, f"expected {len(parameters)} parameters of {name}, found {len(numbers)}")
    values = dict(zip(parameters, numbers, strict=True))
    if "f" in values:
        focal = values.pop("f")
        values |= {"fx": focal, "fy": focal}
    return Intrinsics(model, width, height, **values)


def colmap_camera(intrinsics: Intrinsics, where: str) -> tuple[str, list[float]]:
    """COLMAP's name and parameters of a camera; raises InputError where COLMAP has no such model."""
    match intrinsics.model:
        case CameraModel.PINHOLE:
            name = "PINHOLE"
        case CameraModel.SIMPLE_RADIAL if intrinsics.fx == intrinsics.fy:
            name = "SIMPLE_RADIAL"
        case CameraModel.OPENCV_FISHEYE:
            name = "OPENCV_FISHEYE"
        case CameraModel.SIMPLE_RADIAL | CameraModel.OPENCV:
            rational = any((intrinsics.k3, intrinsics.k4, intrinsics.k5, intrinsics.k6))
            name = "FULL_OPENCV" if rational else "OPENCV"
        case model:
            raise InputError(where, f"COLMAP has no camera model for {model}")
    parameters = CAMERA_MODELS[name][2]
    return name, [getattr(intrinsics, "fx" if key == "f" else key) for key in parameters]


def rotation_from_quaternion(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation of a quaternion w x y z of any length; NaN where the length is 0 or not finite."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_from_rotation(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unit quaternion w x y z with w >= 0 of a rotation.

    It is the dominant eigenvector of a matrix that is linear in the rotation (Bar-Itzhack 2000), which
    has none of the special cases of formulas with square roots.
    """
    r = rotation
    k = np.array(
        [
            [r[0, 0] + r[1, 1] + r[2, 2], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
            [0, r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0]],
            [0, 0, r[1, 1] - r[0, 0] - r[2, 2], r[1, 2] + r[2, 1]],
            [0, 0, 0, r[2, 2] - r[0, 0] - r[1, 1]],
        ]
    )
    _, vectors = np.linalg.eigh(k, UPLO="U")
    quaternion = vectors[:, -1]
    return -quaternion if quaternion[0] < 0 else quaternion


def _unsupported(name: str, where: str) -> InputError:
    return InputError(
        where, f"camera model {name!a} is not supported; expected one of {', '.join(CAMERA_MODELS)}"
    )
