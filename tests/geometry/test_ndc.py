import math
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.geometry.ndc import ndc_from_world, ndc_rays, world_from_ndc, world_t_from_ndc_t
from rayloom.geometry.transforms import invert_rigid, look_at, opencv_from_opengl, se3_exp
from rayloom.scene_info import NDCFrame
from rayloom.types import Rays

close = torch.testing.assert_close
WIDTH, HEIGHT, FOCAL = 40, 30, 50.0


def capture(seed: int) -> tuple[NDCFrame, Rays]:
    """A frame somewhere in the world, and rays of cameras that stand about its origin and look along it."""
    g = torch.Generator().manual_seed(seed)
    average = se3_exp(torch.randn(6, generator=g, dtype=torch.float64))
    jitter = se3_exp(0.1 * torch.randn(5, 6, generator=g, dtype=torch.float64))
    poses = torch.cat(
        [average[:, :3] @ jitter[..., :3], average[:, :3] @ jitter[..., 3:] + average[:, 3:]], dim=-1
    )
    intrinsics = Intrinsics(CameraModel.PINHOLE, WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2)
    cameras = Cameras.from_intrinsics([intrinsics] * 5, poses, 0.0, 100.0, dtype=torch.float64)
    pixels = torch.rand(64, 2, generator=g, dtype=torch.float64) * torch.tensor([WIDTH, HEIGHT])
    rays = cameras.rays(torch.randint(0, 5, (64,), generator=g), pixels)
    ndc_camera_from_world = invert_rigid(opencv_from_opengl(average))
    rows = tuple(tuple(row) for row in ndc_camera_from_world.tolist())
    return NDCFrame(rows, 1.2, 0.5 * WIDTH / FOCAL, 0.5 * HEIGHT / FOCAL), rays


@given(st.integers(0, 2**31))
def test_a_point_on_a_world_ray_lies_on_the_ndc_ray_at_its_converted_distance(seed):
    frame, rays = capture(seed)
    warped = ndc_rays(rays, frame)
    t = torch.linspace(0.01, 0.99, 7, dtype=torch.float64) * warped.far[:, None]
    world_t = world_t_from_ndc_t(t, rays, frame)
    close(ndc_from_world(rays.at(world_t), frame), warped.at(t))
    close(world_from_ndc(warped.at(t), frame), rays.at(world_t))


@given(st.integers(0, 2**31))
def test_ndc_rays_run_from_the_near_plane_to_infinity_with_unit_steps(seed):
    frame, rays = capture(seed)
    warped = ndc_rays(rays, frame)
    close(warped.directions.norm(dim=-1), torch.ones(64, dtype=torch.float64))
    close(warped.near, torch.zeros(64, dtype=torch.float64))
    ends = warped.at(torch.stack([warped.near, warped.far], dim=-1))[..., 2]
    close(ends, torch.tensor([-1.0, 1.0], dtype=torch.float64).expand(64, 2))
    assert warped.view_directions is rays.view_directions


@given(st.integers(0, 2**31))
def test_ndc_rays_agree_with_the_formula_of_the_paper(seed):
    frame, rays = capture(seed)
    matrix = torch.tensor(frame.ndc_camera_from_world, dtype=torch.float64)
    o, d = rays.origins @ matrix[:, :3].T + matrix[:, 3], rays.directions @ matrix[:, :3].T
    o = o - ((frame.near + o[:, 2]) / d[:, 2])[:, None] * d
    a, b = 1 / frame.tan_half_fov_x, 1 / frame.tan_half_fov_y
    ox, oy, oz, dx, dy, dz = *o.unbind(-1), *d.unbind(-1)
    origins = torch.stack([-a * ox / oz, -b * oy / oz, 1 + 2 * frame.near / oz], dim=-1)
    steps = [-a * (dx / dz - ox / oz), -b * (dy / dz - oy / oz), -2 * frame.near / oz]
    warped = ndc_rays(rays, frame)
    close(warped.origins, origins)
    close(warped.directions * warped.far[:, None], torch.stack(steps, dim=-1))


def test_the_image_of_the_average_camera_fills_the_square_with_equal_pixels():
    pose = look_at(torch.zeros(3), torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])).double()
    rows = tuple(tuple(row) for row in invert_rigid(opencv_from_opengl(pose)).tolist())
    frame = NDCFrame(rows, 1.0, 0.5 * WIDTH / FOCAL, 0.5 * HEIGHT / FOCAL)
    intrinsics = Intrinsics(CameraModel.PINHOLE, WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2)
    cameras = Cameras.from_intrinsics([intrinsics], pose[None], 0.0, 9.0, dtype=torch.float64)
    corners = torch.tensor([[0.0, 0.0], [WIDTH, HEIGHT], [11.5, 3.5]], dtype=torch.float64)
    warped = ndc_rays(cameras.rays(torch.zeros(3, dtype=torch.long), corners), frame)
    close(warped.origins[0], torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64))
    close(warped.origins[1], torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    pixel = (2 / WIDTH + 2 / HEIGHT) / 2
    close(warped.radii, torch.full((3,), 2 / math.sqrt(12) * pixel, dtype=torch.float64))


def test_infinity_and_rays_that_look_back_stay_finite():
    frame, rays = capture(0)
    single = rays.map(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)
    away = replace(single, directions=-single.directions)
    for candidate in (single, away):
        warped = ndc_rays(candidate, frame)
        t = world_t_from_ndc_t(warped.far[:, None], candidate, frame)
        for value in (warped.origins, warped.directions, warped.far, warped.radii, t):
            assert value.isfinite().all()


def test_gradients_flow_to_the_rays():
    frame, rays = capture(1)

    def warp(origins, directions):
        warped = ndc_rays(replace(rays[:3], origins=origins, directions=directions), frame)
        return warped.origins, warped.directions, warped.far

    inputs = (rays.origins[:3].requires_grad_(), rays.directions[:3].requires_grad_())
    assert torch.autograd.gradcheck(warp, inputs)
