"""What a method may know about a scene before it sees a pixel."""

from dataclasses import dataclass
from typing import Literal

SceneKind = Literal["object", "unbounded", "forward-facing", "picture"]


@dataclass(frozen=True)
class NDCFrame:
    """The frame in which a forward-facing capture becomes a cube (Mildenhall et al. 2020, appendix C)."""

    ndc_camera_from_world: tuple[tuple[float, ...], ...]
    """Rigid map, 3 x 4, into the average camera, OpenGL axes: the scene lies along -z."""
    near: float
    """Distance of the near plane from the average camera, world units; becomes z = -1 in NDC."""
    tan_half_fov_x: float
    """Half the image width over the focal length."""
    tan_half_fov_y: float
    """Half the image height over the focal length."""


@dataclass(frozen=True)
class SceneInfo:
    """The facts of a capture that shape a model; plain numbers, so that a run folder can keep them."""

    kind: SceneKind
    """Matter inside a box only; everywhere around; seen from one side only; or one picture in a plane."""
    box_low: tuple[float, float, float]
    """Lower corner of the region of interest, world units."""
    box_high: tuple[float, float, float]
    """Upper corner of the region of interest, world units."""
    near: float
    """Smallest distance from a camera at which anything is seen, world units."""
    far: float
    """Largest such distance, world units."""
    background: tuple[float, float, float]
    """sRGB colour behind everything; what pixels with alpha were composited over."""
    has_alpha: bool
    """Whether the photos say where nothing is."""
    num_images: int
    """Number of images that train; `Rays.camera_index` of a training ray is below it."""
    num_labels: int = 0
    """Number of semantic classes in the labels of the photos; 0 where these have none."""
    ndc: NDCFrame | None = None
    """Present for forward-facing captures."""
