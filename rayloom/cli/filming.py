"""Which cameras film a scene, and how the frames become files; for `render`."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PILImage

from rayloom.baking.baked import Origin
from rayloom.cameras import paths
from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.path_files import CameraPath, read_camera_path
from rayloom.data.batches import scene_cameras
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.export.video import write_video
from rayloom.geometry.transforms import so3_exp
from rayloom.method import Method
from rayloom.metrics import pictures
from rayloom.types import Image

FPS = 30.0
PAGE_SIZE = (800, 600)
"""Width and height of a film of a page, which does not know how large its photos were."""
CHANNELS = ("rgb", "depth", "opacity")


def made_path(
    scene: Scene, name: str, num_frames: int, *, width: int | None, height: int | None, scale: float
) -> CameraPath:
    """An orbit, a spiral, an interpolation or a still view, by default as large as most photos."""
    return _made_path(scene_cameras(scene), name, num_frames, width=width, height=height, scale=scale)


def at_time(path: CameraPath, scene: Scene, time: float) -> CameraPath:
    """The path with every frame at one moment; raises InputError where the capture has no time."""
    if not scene.times.any():
        raise InputError("--time", "the capture has no time; expected one of something that moves")
    return replace(path, cameras=replace(path.cameras, time=torch.full_like(path.cameras.time, time)))


def path_of_page(
    origin: Origin, word: str, num_frames: int, *, width: int | None, height: int | None, scale: float
) -> CameraPath:
    """A path through a baked scene whose photos are not at hand: an orbit, or a camera path file.

    Raises InputError for other paths, which go by the photos.
    """
    if word.endswith(".json"):
        near, far = origin.scene.near, origin.scene.far
        return _from_file(Path(word), np.array(origin.raw_from_world), near, far, scale)
    if word != "orbit" or origin.scene.kind == "forward-facing":
        raise InputError(f"--path {word}", "goes by the photos; expected --data CAPTURE, or a FILE.json")
    return _made_path(_first_views(origin), word, num_frames, width=width, height=height, scale=scale)


def _first_views(origin: Origin) -> Cameras:
    """The view that a page begins with, turned in eight steps about the vertical through its focus."""
    width, height = PAGE_SIZE
    focal = 0.5 * height / math.tan(origin.fov_rad / 2)
    lens = Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, width / 2, height / 2)
    first, focus = torch.tensor(origin.first_view), torch.tensor(origin.focus)
    turns = so3_exp(torch.arange(8)[:, None] * torch.tensor([0.0, 0.0, math.pi / 4]))
    centers = turns @ (first[:, 3] - focus) + focus
    poses = torch.cat([turns @ first[:, :3], centers[..., None]], dim=-1)
    return Cameras.from_intrinsics([lens] * 8, poses, origin.scene.near, origin.scene.far)


def _made_path(
    cameras: Cameras, name: str, num_frames: int, *, width: int | None, height: int | None, scale: float
) -> CameraPath:
    photo_width, photo_height = cameras.size.mode(dim=0).values.tolist()
    if width is None and height is None:
        width, height = photo_width, photo_height
    width = width or round(photo_width * (height or photo_height) / photo_height)
    height = height or round(photo_height * width / photo_width)
    makers = {"orbit": paths.orbit, "spiral": paths.spiral, "interpolate": paths.interpolate}
    make = (makers | {"still": paths.still})[name]
    film = make(
        cameras,
        paths.focus_point(cameras),
        num_frames=num_frames,
        width=max(1, round(width / scale)),
        height=max(1, round(height / scale)),
        fov_rad=paths.vertical_fov(cameras),
    )
    return CameraPath(film, FPS)


def held_out_path(scene: Scene, scale: float) -> CameraPath:
    """The cameras of the held-out photos, two a second; raises InputError where there are none."""
    indices = scene.indices("test") or scene.indices("val")
    if not indices:
        raise InputError("--path test", "the capture holds out no views; expected another path")
    return CameraPath(scene_cameras(scene)[torch.tensor(indices)].coarser(scale), 2.0)


def path_from_file(scene: Scene, file: Path, scale: float) -> CameraPath:
    """A camera path of the nerfstudio viewer, which speaks of the capture's own frame."""
    near, far = float(scene.near.min()), float(scene.far.max())
    return _from_file(file, scene.raw_from_world, near, far, scale)


def _from_file(
    file: Path, raw_from_world: NDArray[np.float64], near: float, far: float, scale: float
) -> CameraPath:
    path = read_camera_path(file, raw_from_world, near=near, far=far)
    return CameraPath(path.cameras.coarser(scale), path.fps)


def depth_bounds(method: Method[Any], cameras: Cameras, device: torch.device) -> tuple[float, float]:
    """The depths that the colours of all frames span, from a few frames at an eighth of the size."""
    depths, opacities = [], []
    for i in np.linspace(0, len(cameras) - 1, min(len(cameras), 8)).round().astype(int).tolist():
        rays = cameras.image_rays(i).map(lambda tensor: tensor[::8, ::8].to(device))
        image = method.render_image(rays)
        depths.append(image.depth.flatten().cpu().numpy())
        opacities.append(image.opacity.flatten().cpu().numpy())
    return pictures.depth_range(np.concatenate(depths), np.concatenate(opacities))


def write_frame(image: Image, folder: Path, name: str, bounds: tuple[float, float]) -> None:
    """Write colour, depth and opacity of a frame as `<folder>/<channel>/<name>.png`."""
    rgb, depth, opacity = (tensor.cpu().numpy() for tensor in (image.rgb, image.depth, image.opacity))
    depth_frame = pictures.depth_picture(depth, opacity, *bounds)
    frames = (pictures.eight_bit(rgb), depth_frame, pictures.opacity_picture(opacity))
    for channel, frame in zip(CHANNELS, frames, strict=True):
        pictures.write_png(frame, folder / channel / f"{name}.png")


def has_frame(folder: Path, name: str) -> bool:
    """Whether `write_frame` has written this frame whole; the last channel is written last."""
    return (folder / CHANNELS[-1] / f"{name}.png").is_file()


def write_videos(folder: Path, files: Mapping[str, str], fps: float) -> None:
    """Make a video of the frames in a folder for each channel."""
    for channel, file in files.items():
        write_video(read_frames(folder, channel), Path(file), fps)


def read_frames(folder: Path, channel: str) -> Iterator[NDArray[np.uint8]]:
    """The frames of a channel, in order, without what a killed program left half written."""
    for file in sorted((folder / channel).glob("[!.]*.png")):
        with PILImage.open(file) as picture:
            yield np.asarray(picture)
