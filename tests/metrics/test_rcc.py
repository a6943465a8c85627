from dataclasses import replace

import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.geometry.transforms import look_at
from rayloom.metrics.rcc import reprojective_consistency
from rayloom.types import Image

UP = torch.tensor([0.0, 0.0, 1.0])


def arc(count: int, size: int = 64) -> Cameras:
    """Cameras on an arc of 3 degrees a step, looking to the origin."""
    angle = torch.arange(count) * torch.pi / 60
    eyes = torch.stack([3 * angle.cos(), 3 * angle.sin(), torch.full_like(angle, 0.4)], dim=-1)
    lens = Intrinsics(CameraModel.PINHOLE, size, size, 1.2 * size, 1.2 * size, size / 2, size / 2)
    return Cameras.from_intrinsics([lens] * count, look_at(eyes, torch.zeros(3), UP), 0.5, 8.0)


def colours(points: torch.Tensor) -> torch.Tensor:
    """A smooth paint in space."""
    return 0.5 + 0.4 * torch.sin(2 * points + torch.tensor([0.0, 1.0, 2.0]))


def frame(cameras: Cameras, index: int) -> Image:
    """A ball of radius 1 before a wall at x = -2, both painted, nothing above the wall."""
    rays = cameras.image_rays(index)
    along = -(rays.origins * rays.directions).sum(-1)
    closest = rays.origins.square().sum(-1) - along.square()
    ball = closest < 1
    t_ball = along - (1 - closest).clamp(min=0).sqrt()
    t_wall = (-2 - rays.origins[..., 0]) / rays.directions[..., 0]
    t = torch.where(ball, t_ball, t_wall)
    points = rays.origins + t[..., None] * rays.directions
    met = ball | ((t_wall > 0) & (points[..., 2] < 1.0))
    rgb = torch.where(met[..., None], colours(points), 1.0)
    return Image(rgb, met.float(), torch.where(met, t, 0.0))


def film(count: int = 6) -> tuple[list[Image], Cameras]:
    cameras = arc(count)
    return [frame(cameras, i) for i in range(count)], cameras


def test_paint_that_stays_on_its_surface_is_consistent():
    frames, cameras = film()
    found = reprojective_consistency(frames, cameras)
    assert found.rcc > 45, "what is left is interpolation between pixels"
    assert 0.4 < found.kept < 0.95, "edges, what the ball hides, and the sky are left out"
    assert found.num_pairs == 5


def test_half_a_pixel_shows():
    frames, cameras = film()
    off = replace(
        cameras, center=cameras.center + torch.tensor([[0.5, 0.0]]) * (torch.arange(6) % 2)[:, None]
    )
    shifted = [frame(off, i) for i in range(6)]
    assert reprojective_consistency(shifted, cameras).rcc < reprojective_consistency(frames, cameras).rcc - 10


def test_a_difference_that_is_known_gives_its_decibels():
    frames, cameras = film(2)
    brighter = replace(frames[1], rgb=frames[1].rgb + 0.1)
    found = reprojective_consistency([frames[0], brighter], cameras)
    assert found.rcc == pytest.approx(20, abs=0.1)


def test_flicker_lowers_it_and_a_constant_exposure_leaves_it():
    frames, cameras = film()
    clean = reprojective_consistency(frames, cameras).rcc
    torch.manual_seed(0)
    noisy = [replace(one, rgb=one.rgb + 0.02 * torch.randn_like(one.rgb)) for one in frames]
    exposed = [replace(one, rgb=one.rgb + 0.1) for one in frames]
    # Two noises, one of them interpolated, add up to at least 0.02² (1 + 1/4).
    assert 30 < reprojective_consistency(noisy, cameras).rcc < 33.1
    assert reprojective_consistency(exposed, cameras).rcc == pytest.approx(clean, abs=0.05)


def test_what_is_hidden_or_transparent_or_out_of_sight_does_not_count():
    frames, cameras = film(2)
    # The ball paints over the wall differently in each frame; without the tests of depth this would count.
    recoloured = []
    for one in frames:
        front = (one.depth < 3.2) & (one.opacity > 0)
        recoloured.append(replace(one, rgb=torch.where(front[..., None], 0.5, one.rgb)))
    assert reprojective_consistency(recoloured, cameras).rcc > 45
    clear = [replace(one, opacity=one.opacity * 0.5) for one in frames]
    with pytest.raises(ValueError, match="none"):
        reprojective_consistency(clear, cameras)


def test_equal_frames_of_one_camera_score_most():
    cameras = arc(1)
    twice = cameras[torch.tensor([0, 0])]
    one = frame(cameras, 0)
    flat = replace(one, rgb=torch.full_like(one.rgb, 0.5))
    assert reprojective_consistency([flat, flat], twice).rcc == 100


def test_pixels_without_a_finite_depth_are_left_out():
    frames, cameras = film(2)
    broken = replace(frames[0], depth=torch.where(frames[0].depth > 3, torch.nan, frames[0].depth))
    found = reprojective_consistency([broken, frames[1]], cameras)
    assert found.rcc > 40
    assert found.kept < reprojective_consistency(frames, cameras).kept
