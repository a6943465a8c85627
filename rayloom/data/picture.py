"""A single picture as a scene: some of its pixels train, and others are held out."""

import numpy as np
from numpy.typing import NDArray

from rayloom.data.capture import Capture, Split
from rayloom.data.scene import DataConfig, Scene
from rayloom.errors import InputError
from rayloom.scene_info import SceneInfo

_NEAR, _FAR = 0.5, 1.5
"""The plane is at distance 1 of the camera."""


def picture_scene(
    capture: Capture,
    config: DataConfig,
    image: NDArray[np.uint8],
    background: tuple[float, float, float],
    warnings: tuple[str, ...],
) -> Scene:
    """The picture as two images: of one every second pixel in x and y trains, of the other the rest is told.

    So do Tancik et al. 2020, section 6. Without held-out pixels there is one image, and all pixels train.
    Raises InputError for settings that have no meaning for a picture.
    """
    _check(config)
    height, width = image.shape[:2]
    frame = capture.frames[0]
    trained = np.zeros((height, width), dtype=np.bool_)
    trained[::2, ::2] = True
    everything = config.split == "none"
    if everything:
        warnings += ("No pixel is held out: evaluation is on pixels that train.",)
    count = 1 if everything else 2
    split: tuple[Split, ...] = ("train",) if everything else ("train", "test")
    return Scene(
        root=capture.root,
        format=capture.format,
        names=(frame.name, f"held-out/{frame.name}")[:count],
        images=(image,) * count,
        ignore=(None,) if everything else (~trained, trained),
        depths=(None,) * count,
        intrinsics=(frame.intrinsics.resized(width, height),) * count,
        world_from_camera=np.stack([frame.raw_from_camera] * count),
        near=np.full(count, _NEAR),
        far=np.full(count, _FAR),
        times=np.zeros(count),
        split=split,
        raw_from_world=np.eye(4),
        points=None,
        info=_info(width, height, background),
        warnings=warnings,
    )


def _info(width: int, height: int, background: tuple[float, float, float]) -> SceneInfo:
    """The box is the picture itself, which has no thickness."""
    longer = max(width, height)
    corner = (width / longer, height / longer)
    return SceneInfo(
        kind="picture",
        box_low=(-corner[0], -corner[1], 0.0),
        box_high=(*corner, 0.0),
        near=_NEAR,
        far=_FAR,
        background=background,
        has_alpha=False,
        num_images=1,
    )


def _check(config: DataConfig) -> None:
    if config.num_scales != 1:
        raise InputError("--num-scales", f"is {config.num_scales}; expected 1 for a single picture")
    if config.kind != "auto":
        raise InputError("--kind", f"is {config.kind}; expected auto for a single picture")
    if config.split not in ("auto", "none"):
        raise InputError("--split", f"is {config.split}; expected auto or none for the pixels of one picture")
