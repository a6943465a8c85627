"""One scene of the world, written in every format and read back, is one and the same scene."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.synthetic.captures import SyntheticCapture, make_capture
from rayloom.data.synthetic.rigs import Dome
from rayloom.data.synthetic.still_life import object_world
from rayloom.data.synthetic.views import render_view
from rayloom.metrics.images import psnr

SIZE, VIEWS = 40, 9
FORMATS = ("blender", "transforms", "llff", "colmap-text", "colmap-binary", "tiny")


@pytest.fixture(scope="module")
def world_capture() -> SyntheticCapture:
    return make_capture(object_world(0), Dome(), num_views=VIEWS, size=SIZE, seed=0)


@pytest.fixture(scope="module", params=FORMATS)
def written(request: pytest.FixtureRequest, world_capture, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "capture"
    write_capture(world_capture.capture, folder, request.param)
    return folder


def over(pixels, background: float) -> torch.Tensor:
    """Photos (h, w, 4) over a grey background."""
    values = torch.as_tensor(pixels).float() / 255
    return values[..., :3] * values[..., 3:] + background * (1 - values[..., 3:])


def true_index(scene: Scene, world_capture: SyntheticCapture, index: int) -> int:
    """The view of the world whose photo this is: every writer keeps the pixels."""
    rgb, _ = truth_image(scene, index)
    background = scene.info.background[0]
    scores = [psnr(rgb, over(frame.image, background)) for frame in world_capture.capture.frames]
    return int(np.argmax(scores))


def raw_cameras(scene: Scene) -> Cameras:
    """The scene's cameras, taken back to the frame of the files."""
    cameras = scene_cameras(scene)
    scale = np.cbrt(np.linalg.det(scene.raw_from_world[:3, :3]))
    turn, shift = scene.raw_from_world[:3, :3] / scale, scene.raw_from_world[:3, 3]
    poses = scene.world_from_camera
    rotation = turn @ poses[:, :, :3]
    place = scale * poses[:, :, 3] @ turn.T + shift
    moved = torch.from_numpy(np.concatenate([rotation, place[..., None]], -1)).float()
    return replace(
        cameras, world_from_camera=moved, near=cameras.near * float(scale), far=cameras.far * float(scale)
    )


def picture(world_capture: SyntheticCapture, true: int, cameras: Cameras, index: int) -> torch.Tensor:
    """The world of one view through another camera, over white."""
    seen = render_view(world_capture.worlds[true], cameras, index, samples=2)
    return seen.rgb * seen.alpha[..., None] + 1 - seen.alpha[..., None]


def test_cameras_read_back_see_the_photos_they_come_from(written, world_capture):
    """A flipped axis or a swapped row would cost ten decibels here, half a pixel at least as much."""
    scene = load_scene(written, DataConfig())
    cameras = raw_cameras(scene)
    for index in (0, VIEWS // 2):
        true = true_index(scene, world_capture, index)
        photo = over(world_capture.capture.frames[true].image, 1.0)
        assert psnr(picture(world_capture, true, cameras, index), photo) > 45


def test_half_a_pixel_would_be_noticed(world_capture):
    cameras = replace(world_capture.cameras, center=world_capture.cameras.center + 0.5)
    photo = over(world_capture.capture.frames[0].image, 1.0)
    assert psnr(picture(world_capture, 0, cameras, 0), photo) < 35


def test_poses_are_the_same_to_rounding(written, world_capture):
    true = world_capture.cameras.world_from_camera.double().numpy()
    for frame in read_capture(written, DataConfig()).frames:
        assert np.abs(true - frame.raw_from_camera).max((1, 2)).min() < 1e-5
