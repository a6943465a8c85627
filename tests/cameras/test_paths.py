import math

import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.paths import focus_point, interpolate, orbit, spiral, still, vertical_fov
from rayloom.geometry.transforms import look_at

close = torch.testing.assert_close
UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
FOCUS = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
FILM = {"num_frames": 48, "width": 64, "height": 48, "fov_rad": 0.8}
paths = pytest.mark.parametrize("path", [orbit, spiral, interpolate, still])


def capture(eyes: torch.Tensor, targets: torch.Tensor = FOCUS) -> Cameras:
    item = Intrinsics(CameraModel.PINHOLE, 40, 30, 35.0, 35.0, 20.0, 15.0)
    poses = look_at(eyes, targets, UP)
    times = torch.linspace(0.2, 0.8, len(eyes))
    return Cameras.from_intrinsics([item] * len(eyes), poses, 0.5, 8.0, times=times, dtype=torch.float64)


def ring(num: int, start: float, end: float, slope: float = 0.0) -> torch.Tensor:
    angle = start + (end - start) * torch.arange(num, dtype=torch.float64) / num
    level = 3 * torch.stack([angle.cos(), angle.sin()], dim=-1)
    return FOCUS + torch.cat([level, 1.0 + slope * level[:, :1]], dim=-1)


def wall(spread: float = 0.5) -> torch.Tensor:
    """Twenty cameras on a plane, for forward-facing captures."""
    x, z = torch.meshgrid(torch.linspace(-1, 1, 5), torch.linspace(-1, 1, 4), indexing="ij")
    offsets = torch.stack([x, torch.zeros_like(x), z], dim=-1).reshape(-1, 3).double()
    return FOCUS + torch.tensor([0.0, -4.0, 0.0]) + spread * offsets


def dome() -> torch.Tensor:
    """Eighty cameras evenly over a half sphere of radius 3."""
    step = torch.arange(80, dtype=torch.float64)
    z, angle = (step + 0.5) / 80, step * math.pi * (3 - math.sqrt(5))
    level = (1 - z * z).sqrt()
    return FOCUS + 3 * torch.stack([level * angle.cos(), level * angle.sin(), z], dim=-1)


def in_focus(cameras: Cameras) -> torch.Tensor:
    """Distance of the focus from the middle of each picture, in pixels, inf behind the camera."""
    n = len(cameras)
    pixels, depth = cameras.project(FOCUS.expand(n, 3), torch.arange(n))
    return (pixels - cameras.center).norm(dim=-1).where(depth > 0, torch.inf)


def centers(cameras: Cameras) -> torch.Tensor:
    return cameras.world_from_camera[:, :, 3]


def test_the_focus_is_where_the_optical_axes_meet():
    close(focus_point(capture(ring(12, 0, math.tau))), FOCUS, rtol=0, atol=5e-3)


def test_parallel_axes_have_a_focus_at_middle_depth():
    eyes = wall()
    cameras = capture(eyes, eyes + torch.tensor([0.0, 1.0, 0.0]))
    depth = 1 / (0.25 / 0.5 + 0.75 / 8.0)
    close(focus_point(cameras), eyes.mean(0) + torch.tensor([0.0, depth, 0.0]))


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_an_orbit_follows_the_ring_of_the_capture_and_looks_to_the_focus(slope):
    cameras = orbit(capture(ring(12, 0, math.tau, slope)), FOCUS, **FILM)
    assert in_focus(cameras).max() < 1e-6
    offsets = centers(cameras) - FOCUS
    # The ridge that keeps the circle level takes a small share of the slope.
    close(offsets[:, :2].norm(dim=-1), torch.full((48,), 3.0, dtype=torch.float64), rtol=1e-3, atol=0)
    close(offsets[:, 2], 1 + slope * offsets[:, 0], rtol=0, atol=0.02)
    steps = centers(cameras).roll(-1, 0) - centers(cameras)
    assert steps.norm(dim=-1).max() < 1.1 * steps.norm(dim=-1).min()


def test_an_orbit_of_a_dome_is_level_and_as_far_away_as_its_cameras():
    cameras = orbit(capture(dome()), FOCUS, **FILM)
    offsets = centers(cameras) - FOCUS
    close(offsets.norm(dim=-1), torch.full((48,), 3.0, dtype=torch.float64), rtol=0.01, atol=0)
    assert offsets[:, 2].std() < 0.1


def test_an_orbit_of_a_half_ring_stays_within_it():
    cameras = orbit(capture(ring(20, 0.5, 0.5 + math.pi)), FOCUS, **FILM)
    assert in_focus(cameras).max() < 1e-6
    offsets = centers(cameras) - FOCUS
    angle = torch.atan2(offsets[:, 1], offsets[:, 0]) % math.tau
    assert angle.min() >= 0.5 - 1e-9
    assert angle.max() <= 0.5 + math.pi


def test_an_orbit_of_a_forward_facing_capture_stays_in_front():
    cameras = orbit(capture(wall()), FOCUS, **FILM)
    assert in_focus(cameras).max() < 1e-6
    assert ((centers(cameras) - FOCUS)[:, 0].abs() <= 0.51).all()
    assert ((centers(cameras) - FOCUS)[:, 1] < -3.8).all()


def test_an_orbit_within_a_room_looks_outward():
    eyes = ring(12, 0, math.tau)
    cameras = orbit(capture(eyes, 2 * eyes - FOCUS), FOCUS, **FILM)
    forward = cameras.world_from_camera[:, :, 2]
    assert (((centers(cameras) - FOCUS) * forward).sum(-1) > 0).all()


def test_a_spiral_stays_within_the_spread_of_the_cameras_and_looks_to_the_focus():
    cameras = spiral(capture(wall()), FOCUS, **FILM)
    assert in_focus(cameras).max() < 1e-6
    offsets = centers(cameras) - wall().mean(0)
    assert (offsets.abs() <= torch.tensor([1.1, 0.3, 1.1])).all()
    assert offsets[:, 0].abs().max() > 0.3
    assert offsets[:, 2].abs().max() > 0.3
    # The path is closed.
    steps = (centers(cameras).roll(-1, 0) - centers(cameras)).norm(dim=-1)
    assert steps[-1] < 2 * steps.mean()


def test_a_spiral_of_a_dome_stays_near_one_of_its_cameras():
    cameras = spiral(capture(dome()), FOCUS, **FILM)
    assert in_focus(cameras).max() < 1e-6
    middle = centers(cameras).mean(0)
    assert (dome() - middle).norm(dim=-1).min() < 1.0
    assert (centers(cameras) - middle).norm(dim=-1).max() < 0.8


def test_a_still_view_is_that_of_a_camera_in_the_middle_while_time_runs():
    film = still(capture(wall()), FOCUS, **FILM)
    assert in_focus(film).max() < 1e-6
    close(centers(film), centers(film)[:1].expand(48, 3))
    assert (wall() - centers(film)[0]).norm(dim=-1).min() < 1e-9
    close(film.time, torch.linspace(0.2, 0.8, 48, dtype=torch.float64), rtol=0, atol=1e-6)


def test_an_interpolation_passes_through_the_key_cameras():
    keys = capture(ring(7, 0, 5.0, 0.2))
    film = interpolate(keys, FOCUS, **(FILM | {"num_frames": 2001}))
    differences = film.world_from_camera[:, None] - keys.world_from_camera[None]
    nearest = differences.flatten(2).norm(dim=-1).min(0).values
    # Half the way between two of 2001 frames.
    assert nearest.max() < 0.01
    close(film.world_from_camera[0, :, 3].sub(ring(7, 0, 5.0, 0.2)).norm(dim=-1).min(), UP[0])


def test_an_interpolation_moves_evenly_and_stays_between_its_keys():
    order = torch.randperm(16)
    film = interpolate(capture(ring(16, 0, 5.0)[order]), FOCUS, **(FILM | {"num_frames": 200}))
    steps = centers(film).diff(dim=0).norm(dim=-1)
    assert steps.max() < 1.5 * steps.min()
    assert in_focus(film).max() < 1.0
    close((centers(film) - FOCUS)[:, :2].norm(dim=-1), torch.full((200,), 3.0).double(), rtol=0.02, atol=0)


@paths
def test_every_path_has_rigid_upright_cameras_of_the_wanted_size(path):
    film = path(capture(ring(9, 0, math.tau)), FOCUS, **FILM)
    assert len(film) == 48
    turns = film.world_from_camera[:, :, :3]
    close(turns @ turns.mT, torch.eye(3, dtype=torch.float64).expand(48, 3, 3))
    close(torch.linalg.det(turns), torch.ones(48, dtype=torch.float64))
    assert (turns[:, 2, 1] < 0).all()
    assert film.size.tolist() == [[64, 48]] * 48
    assert vertical_fov(film) == pytest.approx(0.8)
    assert film.image_index.eq(-1).all()
    close(film.time[[0, -1]], torch.tensor([0.2, 0.8]).double(), rtol=0, atol=1e-6)


@paths
@pytest.mark.parametrize("num", [1, 2])
def test_one_camera_or_the_same_twice_makes_a_path(path, num):
    film = path(capture(ring(1, 0.4, 1.0).expand(num, 3)), FOCUS, **FILM)
    assert film.world_from_camera.isfinite().all()
    assert in_focus(film).max() < 1e-5
