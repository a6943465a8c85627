"""Films of the still life along an orbit, true ones and rendered ones, and how consistent they are."""

from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING

from rayloom.claims.decoded_runs import run, scene, world
from rayloom.claims.records import Measurement

if TYPE_CHECKING:
    from rayloom.cameras.camera import Cameras
    from rayloom.data.scene import Scene
    from rayloom.methods.rels_nerf import ReLSNeRF
    from rayloom.types import Image

NUM_FRAMES, FRAMES_OF_A_TURN = 24, 120
SIZE = 400
"""Pixels along a side, as in the photos: latents know no other scale."""


@cache
def _cameras(seed: int) -> "Cameras":
    """Cameras three degrees apart on a part of an orbit."""
    from rayloom.cameras import paths
    from rayloom.data.batches import scene_cameras

    cameras = scene_cameras(scene("still life", seed))
    lens = {"width": SIZE, "height": SIZE, "fov_rad": paths.vertical_fov(cameras)}
    return paths.orbit(cameras, paths.focus_point(cameras), num_frames=FRAMES_OF_A_TURN, **lens)[:NUM_FRAMES]


def true_image(photos: "Scene", seed: int, cameras: "Cameras", index: int) -> "Image":
    """What a camera of a scene sees of the still life itself, depth in the scene's units."""
    import torch

    from rayloom.data.synthetic.views import render_view
    from rayloom.metrics.poses import moved_poses, scale_of
    from rayloom.types import Image

    raw_from_world = torch.from_numpy(photos.raw_from_world[:3])
    scale = float(scale_of(raw_from_world))
    poses = moved_poses(raw_from_world, cameras.world_from_camera)
    raw = replace(cameras, world_from_camera=poses, near=cameras.near * scale, far=cameras.far * scale)
    seen = render_view(world(seed), raw, index)
    background = torch.tensor(photos.info.background)
    rgb = background + seen.alpha[..., None] * (seen.rgb - background)
    return Image(rgb, seen.alpha, seen.depth / scale)


def depth_error(method: "ReLSNeRF", photos: "Scene", seed: int) -> float:
    """Mean error of depth on new views, where there is matter, world units."""
    from rayloom.data.batches import scene_cameras

    cameras, errors = scene_cameras(photos), []
    for i in photos.indices("test"):
        truth, found = true_image(photos, seed, cameras, i), method.color_image(cameras.image_rays(i))
        met = (truth.opacity > 0.99) & (truth.depth > 0)
        errors.append(float((found.depth - truth.depth)[met].abs().mean()))
    return fmean(errors)


@cache
def _truth(seed: int) -> "list[Image]":
    photos, cameras = scene("still life", seed), _cameras(seed)
    return [true_image(photos, seed, cameras, i) for i in range(len(cameras))]


@cache
def _film(seed: int, *, decoded: bool) -> "list[Image]":
    """Colours, or decoded pictures with the depth of the field at full size."""
    import torch

    method, cameras = run("still life", "r32", seed), _cameras(seed)
    frames = []
    with torch.inference_mode():
        for i in range(len(cameras)):
            rays = cameras.image_rays(i)
            image = method.color_image(rays)
            frames.append(replace(image, rgb=method.render_image(rays).rgb) if decoded else image)
    return frames


def _rcc(frames: "list[Image]", seed: int) -> float:
    from rayloom.metrics.rcc import reprojective_consistency

    return reprojective_consistency(frames, _cameras(seed)).rcc


def truth_over_colors(seed: int) -> Measurement:
    """RCC of the true film less that of colours, the baseline."""
    colors = _rcc(_film(seed, decoded=False), seed)
    return Measurement(measured=_rcc(_truth(seed), seed) - colors, baseline=colors)


def colors_over_decoded(seed: int) -> Measurement:
    """RCC of colours less that of decoded pictures, the baseline."""
    decoded = _rcc(_film(seed, decoded=True), seed)
    return Measurement(measured=_rcc(_film(seed, decoded=False), seed) - decoded, baseline=decoded)


def cost_of_noise(seed: int) -> Measurement:
    """RCC of colours less that with noise in each frame, the baseline."""
    import torch

    generator, frames = torch.Generator().manual_seed(seed), _film(seed, decoded=False)
    noisy = [
        replace(frame, rgb=frame.rgb + 0.02 * torch.randn(frame.rgb.shape, generator=generator))
        for frame in frames
    ]
    found = _rcc(noisy, seed)
    return Measurement(measured=_rcc(frames, seed) - found, baseline=found)


def change_by_exposure(seed: int) -> Measurement:
    """How far RCC moves when all frames are equally brighter."""
    frames = _film(seed, decoded=False)
    brighter = [replace(frame, rgb=frame.rgb + 0.1) for frame in frames]
    return Measurement(measured=abs(_rcc(brighter, seed) - _rcc(frames, seed)))


def kept(seed: int) -> Measurement:
    """Share of pixels that are compared, in colours and, as baseline, in the true film."""
    from rayloom.metrics.rcc import reprojective_consistency

    colors, truth = (
        reprojective_consistency(frames, _cameras(seed)).kept
        for frames in (_film(seed, decoded=False), _truth(seed))
    )
    return Measurement(measured=colors, baseline=truth)
