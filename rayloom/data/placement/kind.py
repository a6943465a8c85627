"""What kind of capture it is: an object, an unbounded place, or a view from one side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rayloom.data.capture import Capture
from rayloom.data.placement.content import ContentDepths
from rayloom.data.placement.orientation import Poses, focus_distance, mean_view
from rayloom.scene_info import SceneKind

_OBJECT_TRANSPARENCY = 0.1
_WIDEST_ANGLE = np.cos(np.deg2rad(40))


def transparent_share(images: Sequence[NDArray[np.uint8]]) -> float:
    """Share of pixels in which there is nothing."""
    if images[0].shape[2] < 4:
        return 0.0
    empty = sum(int((image[..., 3] == 0).sum()) for image in images)
    return empty / sum(image[..., 3].size for image in images)


def detect_kind(
    capture: Capture, poses: Poses, images: Sequence[NDArray[np.uint8]], depths: ContentDepths | None
) -> SceneKind:
    """Object: by the format, or a tenth of all pixels is transparent. Else forward-facing, else unbounded."""
    if capture.kind_hint == "object" or transparent_share(images) > _OBJECT_TRANSPARENCY:
        return "object"
    return "forward-facing" if faces_forward(poses, depths) else "unbounded"


def faces_forward(poses: Poses, depths: ContentDepths | None) -> bool:
    """Whether several cameras look the same way, within 40 degrees, from a window small against the depth."""
    if len(poses) < 2:
        return False
    mean, forward = mean_view(poses)
    if (poses[:, :, 2] @ forward).min() < _WIDEST_ANGLE:
        return False
    depth = depths.middle if depths is not None else focus_distance(poses)[0]
    offsets = poses[:, :, 3] - mean
    along = offsets @ forward
    across = np.linalg.norm(offsets - along[:, None] * forward, axis=-1)
    return bool(np.abs(along).max() < 0.3 * depth and across.max() < 0.75 * depth)
