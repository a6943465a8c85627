import math
from dataclasses import replace

import cv2
import numpy as np
import pycolmap
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.geometry.transforms import apply, invert_rigid, se3_exp

close = torch.testing.assert_close
M = CameraModel
PINHOLE = Intrinsics(M.PINHOLE, 60, 40, 50.0, 52.0, 29.0, 21.5)
INTRINSICS = {
    "pinhole": PINHOLE,
    "simple_radial": replace(PINHOLE, model=M.SIMPLE_RADIAL, fy=50.0, k1=-0.1),
    "opencv": replace(PINHOLE, model=M.OPENCV, k1=-0.12, k2=0.03, p1=0.002, p2=-0.001),
    "full_opencv": replace(
        PINHOLE, model=M.OPENCV, k1=0.3, k2=0.1, k3=0.02, k4=0.2, k5=0.05, k6=0.01, p1=0.002, p2=0.001
    ),
    "fisheye": replace(PINHOLE, model=M.OPENCV_FISHEYE, fx=26.0, fy=27.0, k1=0.03, k2=-0.01, k3=0.002),
    "equirectangular": Intrinsics(M.EQUIRECTANGULAR, 60, 30, 0.0, 0.0, 0.0, 0.0),
    "orthographic": Intrinsics(M.ORTHOGRAPHIC, 60, 40, 25.0, 20.0, 30.0, 20.0),
}
every_model = pytest.mark.parametrize("name", INTRINSICS)
colmap_models = pytest.mark.parametrize(
    "name", ["pinhole", "simple_radial", "opencv", "full_opencv", "fisheye"]
)


def normals(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def uniform_pixels(seed: int, n: int, item: Intrinsics = PINHOLE) -> torch.Tensor:
    drawn = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn * torch.tensor([item.width, item.height])


def cameras_of(*items: Intrinsics, seed: int = 0) -> Cameras:
    poses = se3_exp(normals(seed, len(items), 6))
    times = torch.linspace(0, 1, len(items))
    return Cameras.from_intrinsics(
        items, poses, 0.5, 8.0, times=times, image_index=range(len(items)), dtype=torch.float64
    )


def colmap_camera(name: str) -> pycolmap.Camera:
    item = INTRINSICS[name]
    center, k, p = (
        [item.cx, item.cy],
        [item.k1, item.k2, item.k3, item.k4, item.k5, item.k6],
        [item.p1, item.p2],
    )
    focal = [item.fx, item.fy]
    model, params = {
        "pinhole": ("PINHOLE", focal + center),
        "simple_radial": ("SIMPLE_RADIAL", [item.fx, *center, item.k1]),
        "opencv": ("OPENCV", focal + center + k[:2] + p),
        "full_opencv": ("FULL_OPENCV", focal + center + k[:2] + p + k[2:]),
        "fisheye": ("OPENCV_FISHEYE", focal + center + k[:4]),
    }[name]
    return pycolmap.Camera(model=model, width=item.width, height=item.height, params=params)


@colmap_models
def test_projection_agrees_with_colmap(name):
    cameras = cameras_of(INTRINSICS[name])
    local = torch.cat([0.5 * normals(1, 80, 2), 1 + normals(2, 80, 1).abs()], dim=-1)
    pixels, depth = cameras.project(
        apply(cameras.world_from_camera[0], local), torch.zeros(80, dtype=torch.long)
    )
    close(pixels, torch.from_numpy(colmap_camera(name).img_from_cam(local.numpy())))
    close(depth, local[:, 2])


@colmap_models
def test_rays_agree_with_colmap(name):
    cameras = cameras_of(INTRINSICS[name])
    pixels = uniform_pixels(0, 80)
    rays = cameras.rays(torch.zeros(80, dtype=torch.long), pixels)
    local = rays.directions @ cameras.world_from_camera[0, :, :3]
    expected = torch.from_numpy(colmap_camera(name).cam_from_img(pixels.numpy()))
    close(local[:, :2] / local[:, 2:], expected, rtol=1e-8, atol=1e-8)
    close(rays.origins, cameras.world_from_camera[0, :, 3].expand(80, 3))


def test_a_posed_projection_agrees_with_opencv():
    item = INTRINSICS["full_opencv"]
    cameras = cameras_of(item)
    local = torch.cat([0.5 * normals(1, 80, 2), 1 + normals(2, 80, 1).abs()], dim=-1)
    world = apply(cameras.world_from_camera[0], local)
    camera_from_world = invert_rigid(cameras.world_from_camera[0]).numpy()
    matrix = np.array([[item.fx, 0, item.cx], [0, item.fy, item.cy], [0, 0, 1]])
    distortion = np.array([item.k1, item.k2, item.p1, item.p2, item.k3, item.k4, item.k5, item.k6])
    turn, _ = cv2.Rodrigues(camera_from_world[:, :3])
    expected, _ = cv2.projectPoints(world.numpy(), turn, camera_from_world[:, 3], matrix, distortion)
    pixels, _ = cameras.project(world, torch.zeros(80, dtype=torch.long))
    close(pixels, torch.from_numpy(expected[:, 0]))


@given(seed=st.integers(0, 2**31))
def test_points_on_rays_project_to_their_pixels_in_any_mixture_of_models(seed):
    items = [*INTRINSICS.values(), PINHOLE]
    cameras = cameras_of(*items, seed=seed)
    index = torch.randint(0, len(items), (60,), generator=torch.Generator().manual_seed(seed))
    pixels = torch.cat([uniform_pixels(seed + i, 1, items[k]) for i, k in enumerate(index.tolist())])
    rays = cameras.rays(index, pixels)
    close(rays.directions.norm(dim=-1), torch.ones(60, dtype=torch.float64))
    t = 0.1 + 5 * torch.rand(60, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    back, depth = cameras.project(rays.at(t)[:, 0], index)
    close(back, pixels, rtol=0, atol=1e-8)
    close(depth, cameras.z_depth(t[:, 0], rays.directions, index))
    close(cameras.t_from_z_depth(depth, rays.directions, index), t[:, 0])


def test_a_mixture_gives_each_camera_the_rays_that_it_has_alone():
    items = list(INTRINSICS.values())
    together = cameras_of(*items)
    index = torch.arange(len(items)).repeat(9)
    rays = together.rays(index, uniform_pixels(0, len(index)))
    for i in range(len(items)):
        alone = together[i : i + 1].rays(torch.zeros(9, dtype=torch.long), rays.pixels[index == i])
        picked = rays[index == i]
        close(
            (picked.origins, picked.directions, picked.radii), (alone.origins, alone.directions, alone.radii)
        )


@every_model
def test_radii_are_the_mean_distance_of_neighbouring_directions(name):
    # Many pixels, so that the difference between neighbours is the derivative.
    item = INTRINSICS[name].resized(INTRINSICS[name].width * 500, INTRINSICS[name].height * 500)
    cameras = cameras_of(item)
    pixels, index = uniform_pixels(0, 50, item), torch.zeros(50, dtype=torch.long)
    across = torch.eye(2, dtype=torch.float64) / 2
    spacing = torch.zeros(50, dtype=torch.float64)
    for step in across:
        after, before = cameras.rays(index, pixels + step), cameras.rays(index, pixels - step)
        apart = (after.origins + after.directions) - (before.origins + before.directions)
        spacing += apart.norm(dim=-1) / 2
    close(cameras.rays(index, pixels).radii, 2 / math.sqrt(12) * spacing, rtol=1e-6, atol=0)


def test_the_centre_of_the_first_pixel_is_half_a_pixel_from_the_corner():
    item = Intrinsics(M.PINHOLE, 4, 2, 3.0, 3.0, 2.0, 1.0)
    cameras = Cameras.from_intrinsics([item], np.eye(3, 4)[None], 0.0, 1.0)
    rays = cameras.image_rays(0)
    assert rays.shape == (2, 4)
    close(rays.pixels[0, 0], torch.tensor([0.5, 0.5]))
    close(rays.pixels[1, 3], torch.tensor([3.5, 1.5]))
    direction = rays.directions[0, 0] / rays.directions[0, 0, 2]
    close(direction, torch.tensor([-1.5 / 3, -0.5 / 3, 1.0]))
    close(rays.directions.sum((0, 1))[:2], torch.zeros(2))


def test_equirectangular_images_have_ahead_in_the_middle_and_up_on_top():
    cameras = Cameras.from_intrinsics([INTRINSICS["equirectangular"]], np.eye(3, 4)[None], 0.0, 1.0)
    pixels = torch.tensor([[30.0, 15.0], [45.0, 15.0], [30.0, 0.0], [0.0, 15.0]])
    directions = cameras.rays(torch.zeros(4, dtype=torch.long), pixels).directions
    expected = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])
    close(directions, expected)


def test_orthographic_rays_are_parallel_and_start_side_by_side():
    cameras = Cameras.from_intrinsics([INTRINSICS["orthographic"]], np.eye(3, 4)[None], 0.0, 1.0)
    rays = cameras.rays(torch.zeros(2, dtype=torch.long), torch.tensor([[30.0, 20.0], [55.0, 0.0]]))
    close(rays.origins, torch.tensor([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0]]))
    close(rays.directions, torch.tensor([[0.0, 0.0, 1.0]]).expand(2, 3))


def test_a_fisheye_camera_looks_along_its_axis_at_its_centre():
    item = INTRINSICS["fisheye"]
    cameras = Cameras.from_intrinsics([item], np.eye(3, 4)[None], 0.0, 1.0)
    rays = cameras.rays(torch.zeros(1, dtype=torch.long), torch.tensor([[item.cx, item.cy]]))
    close(rays.directions, torch.tensor([[0.0, 0.0, 1.0]]))
    close(rays.radii, torch.tensor([(1 / item.fx + 1 / item.fy) / math.sqrt(12)]))
    close(cameras.project(rays.at(torch.ones(1, 1))[:, 0], rays.camera_index + 1)[0], rays.pixels)


def test_rays_carry_what_is_known_of_their_camera():
    cameras = cameras_of(PINHOLE, PINHOLE, PINHOLE)
    rays = cameras.rays(torch.tensor([2, 0]), uniform_pixels(0, 2))
    close(rays.camera_index, torch.tensor([2, 0]))
    close(rays.time, torch.tensor([1.0, 0.0], dtype=torch.float64))
    close(rays.near, torch.tensor([0.5, 0.5], dtype=torch.float64))
    close(rays.far, torch.tensor([8.0, 8.0], dtype=torch.float64))
    novel = Cameras.from_intrinsics([PINHOLE], np.eye(3, 4)[None], [0.1], np.array([2.0]))
    close(novel.image_index, torch.tensor([-1]))


@every_model
def test_gradients_flow_to_poses_and_intrinsics(name):
    cameras = cameras_of(INTRINSICS[name], PINHOLE)
    index, pixels = torch.tensor([0, 1, 0]), uniform_pixels(0, 3, INTRINSICS[name])
    points = cameras.rays(index, pixels).at(torch.full((3, 1), 2.0, dtype=torch.float64))[:, 0]

    def see(world_from_camera, focal, center, distortion):
        changed = replace(
            cameras, world_from_camera=world_from_camera, focal=focal, center=center, distortion=distortion
        )
        rays = changed.rays(index, pixels)
        return rays.origins, rays.directions, *changed.project(points, index)

    unknowns = (cameras.world_from_camera, cameras.focal, cameras.center, cameras.distortion)
    assert torch.autograd.gradcheck(see, [value.clone().requires_grad_() for value in unknowns])


def test_coefficients_that_a_model_does_not_use_are_ignored():
    bent = replace(PINHOLE, k1=0.5, p1=0.1)
    assert bent.distortion == (0.0,) * 8
    assert replace(bent, model=M.SIMPLE_RADIAL).distortion == (0.5, *(0.0,) * 7)


def test_an_empty_batch_gives_no_rays():
    cameras = cameras_of(*INTRINSICS.values())
    rays = cameras.rays(torch.zeros(0, dtype=torch.long), torch.zeros(0, 2, dtype=torch.float64))
    assert rays.shape == (0,)


def test_coarser_cameras_see_the_same_in_fewer_pixels():
    cameras = cameras_of(PINHOLE)
    small = cameras.coarser(3.0)
    assert small.size.tolist() == [[20, 13]]
    corners = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=cameras.focal.dtype)
    nobody = torch.zeros(2, dtype=torch.long)
    ours, theirs = (each.rays(nobody, corners * each.size).directions for each in (small, cameras))
    torch.testing.assert_close(ours, theirs)


def test_cameras_keep_at_least_one_pixel():
    assert cameras_of(PINHOLE).coarser(torch.tensor([[1e6]])).size.tolist() == [[1, 1]]


@every_model
def test_wider_cameras_see_the_same_and_what_is_beside_it(name: str):
    cameras = cameras_of(INTRINSICS[name])
    wide = cameras.wider(0.25)
    added = (wide.size - cameras.size) // 2
    if INTRINSICS[name].model.is_plane:
        assert added.tolist() == (0.25 * cameras.size).round().long().tolist()
    else:
        assert not added.any()
    pixels = torch.tensor([[3.5, 7.25], [20.0, 11.0]], dtype=cameras.focal.dtype)
    nobody = torch.zeros(2, dtype=torch.long)
    ours = wide.rays(nobody, pixels + added)
    theirs = cameras.rays(nobody, pixels)
    torch.testing.assert_close(ours.directions, theirs.directions)
    torch.testing.assert_close(ours.origins, theirs.origins)
