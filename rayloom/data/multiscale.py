"""The same photos at several scales, after the multiscale protocol of mip-NeRF (Barron et al. 2021)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.pixels.blocks import any_of_blocks, block_middles
from rayloom.data.scene import Scene


def coarser_scenes(scene: Scene, copies: Sequence[NDArray[np.uint8]]) -> tuple[Scene, ...]:
    """The scene at 1/2, 1/4, ... of the size, as many as there are copies of its photos.

    `copies` holds those of all photos at 1/2, then at 1/4, and so on, as `load_images` gives them. A pixel
    is ignored where any pixel that it covers is; depth and label are the photo's at the pixel's centre.
    """
    count = len(scene.names)
    groups = [tuple(copies[start : start + count]) for start in range(0, len(copies), count)]
    return tuple(_coarser(scene, images, 2**level) for level, images in enumerate(groups, start=1))


def coarser_camera(camera: Intrinsics, block: int) -> Intrinsics:
    """The camera whose pixels are whole blocks of a camera's pixels."""
    width, height = camera.width // block, camera.height // block
    return replace(camera, width=width * block, height=height * block).resized(width, height)


def _coarser(scene: Scene, images: tuple[NDArray[np.uint8], ...], block: int) -> Scene:
    return replace(
        scene,
        images=images,
        ignore=tuple(None if mask is None else any_of_blocks(mask, block) for mask in scene.ignore),
        depths=tuple(None if depth is None else block_middles(depth, block) for depth in scene.depths),
        labels=tuple(None if label is None else block_middles(label, block) for label in scene.labels),
        intrinsics=tuple(coarser_camera(camera, block) for camera in scene.intrinsics),
    )
