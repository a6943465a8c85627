"""Small captures made in memory, for the tests of preparation."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame


def look_at(eye, target, up=(0.0, 0.0, 1.0)):
    """world_from_camera, 3 x 4, OpenCV axes."""
    forward = np.asarray(target, float) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward, np.asarray(eye, float)], axis=1)


def ring_poses(num, radius=4.0, height=1.0, centre=(0.0, 0.0, 0.0), arc=2 * np.pi):
    """Level cameras on a horizontal circle (or a part of it), looking at its centre."""
    angles = np.arange(num) * arc / num
    offsets = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(num, height)], axis=1)
    return np.stack([look_at(np.asarray(centre) + offset, centre) for offset in offsets])


def window_poses(num, depth=5.0, spread=0.5, seed=0):
    """Cameras side by side in a vertical window, looking along +y at something `depth` away."""
    rng = np.random.default_rng(seed)
    eyes = rng.uniform(-spread, spread, (num, 3)) * (1.0, 0.1, 1.0)
    return np.stack([look_at(eye, (0.0, depth, 0.0)) for eye in eyes])


def pinhole(width=16, height=12, focal=14.0):
    return Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, width / 2, height / 2)


def capture_of(poses, *, images=None, camera=None, root=Path("capture"), **fields):
    """A capture with these poses; noise for images where none are given."""
    camera = camera or pinhole()
    rng = np.random.default_rng(0)
    if images is None:
        shape = (camera.height, camera.width, 3)
        images = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in poses]
    frames = tuple(
        Frame(f"image_{i:04d}", image, camera, pose)
        for i, (image, pose) in enumerate(zip(images, poses, strict=True))
    )
    return replace(Capture(root, "test", frames), **fields)


def pixels_of(capture):
    """The images of a capture that has them in memory."""
    return [np.asarray(frame.image) for frame in capture.frames]


def ball_images(poses, camera, centre, radius):
    """RGBA silhouettes of a ball, by the distance of each pixel's ray from its centre."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    local = np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones_like(x)], axis=-1)
    images = []
    for pose in poses:
        rays = local @ pose[:, :3].T
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        to_centre = np.asarray(centre) - pose[:, 3]
        distance = np.linalg.norm(to_centre - (rays @ to_centre)[..., None] * rays, axis=-1)
        alpha = np.where(distance < radius, 255, 0)
        images.append(np.stack([alpha // 2, alpha, alpha // 3, alpha], axis=-1).astype(np.uint8))
    return images


def moved(capture, scale, rotation, translation):
    """The same capture in another raw frame."""

    def pose(frame):
        axes = rotation @ frame.raw_from_camera[:, :3]
        position = scale * rotation @ frame.raw_from_camera[:, 3] + translation
        near = None if frame.near is None else scale * frame.near
        far = None if frame.far is None else scale * frame.far
        return replace(
            frame, raw_from_camera=np.concatenate([axes, position[:, None]], axis=1), near=near, far=far
        )

    points = None if capture.points is None else scale * capture.points @ rotation.T + translation
    up = None if capture.up is None else rotation @ capture.up
    return replace(capture, frames=tuple(pose(f) for f in capture.frames), points=points, up=up)
