"""The inner parameters of a camera, as plain numbers that need no torch."""

from dataclasses import dataclass, replace
from enum import StrEnum


class CameraModel(StrEnum):
    """How points become pixels; names as in COLMAP and nerfstudio."""

    PINHOLE = "PINHOLE"
    SIMPLE_RADIAL = "SIMPLE_RADIAL"
    OPENCV = "OPENCV"
    OPENCV_FISHEYE = "OPENCV_FISHEYE"
    EQUIRECTANGULAR = "EQUIRECTANGULAR"
    ORTHOGRAPHIC = "ORTHOGRAPHIC"

    @property
    def is_plane(self) -> bool:
        """Whether pictures lie on a plane in front of the camera, which goes on beyond their borders."""
        return self not in {CameraModel.OPENCV_FISHEYE, CameraModel.EQUIRECTANGULAR}


@dataclass(frozen=True)
class Intrinsics:
    """Image size in pixels, focal lengths and principal point in pixels, distortion coefficients.

    SIMPLE_RADIAL uses k1; OPENCV uses k1..k6, p1, p2 (the rational model); OPENCV_FISHEYE uses k1..k4.
    For ORTHOGRAPHIC cameras the focal lengths are pixels per world unit. EQUIRECTANGULAR cameras use
    the image size only.
    """

    model: CameraModel
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    k5: float = 0.0
    k6: float = 0.0
    p1: float = 0.0
    p2: float = 0.0

    @property
    def distortion(self) -> tuple[float, ...]:
        """k1, k2, k3, k4, k5, k6, p1, p2; zero where the model does not use them."""
        match self.model:
            case CameraModel.SIMPLE_RADIAL:
                return (self.k1, *(0.0,) * 7)
            case CameraModel.OPENCV:
                return (self.k1, self.k2, self.k3, self.k4, self.k5, self.k6, self.p1, self.p2)
            case CameraModel.OPENCV_FISHEYE:
                return (self.k1, self.k2, self.k3, self.k4, *(0.0,) * 4)
            case _:
                return (0.0,) * 8

    def resized(self, width: int, height: int) -> "Intrinsics":
        """The same camera with another number of pixels."""
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=self.cx * sx,
            cy=self.cy * sy,
        )
