import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.latent_grid import (
    latent_cameras,
    latent_centers,
    latent_rays,
    latent_size,
    spread_to_pixels,
)
from rayloom.geometry.transforms import se3_exp
from rayloom.types import Rays

SIZES = [(64, 48), (61, 47), (23, 70)]


def camera(width: int, height: int, model: CameraModel = CameraModel.PINHOLE) -> Cameras:
    """One turned camera, its principal point off the middle and off any grid."""
    fx, fy, cx, cy = 1.3 * width, 1.2 * width, 0.47 * width + 0.3, 0.55 * height
    bent = {"k1": 0.05, "k2": -0.01} if model is CameraModel.OPENCV_FISHEYE else {}
    intrinsics = Intrinsics(model, width, height, fx, fy, cx, cy, **bent)
    pose = se3_exp(torch.tensor([[0.3, -0.8, 0.5, 1.0, 2.0, -1.0]], dtype=torch.float64))
    return Cameras.from_intrinsics([intrinsics], pose, 0.5, 5.0, dtype=torch.float64)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 16))
def test_latents_cover_the_picture_and_no_more_than_they_must(height: int, width: int, scale: int):
    rows, columns = latent_size(height, width, scale)
    assert (rows - 1) * scale < height <= rows * scale
    assert (columns - 1) * scale < width <= columns * scale


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("scale", [1, 4, 8])
def test_a_latent_looks_through_the_middle_of_its_pixels(width: int, height: int, scale: int):
    cameras = camera(width, height)
    rows, columns = latent_size(height, width, scale)
    a, b = torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy")
    middle = torch.stack([scale * (a + 0.5), scale * (b + 0.5)], dim=-1)
    torch.testing.assert_close(latent_centers(rows, columns, scale), middle)
    expected = cameras.rays(torch.zeros(rows * columns, dtype=torch.long), middle.double().reshape(-1, 2))
    found = latent_cameras(cameras, scale).image_rays(0)
    assert found.shape == (rows, columns)
    torch.testing.assert_close(found.directions.reshape(-1, 3), expected.directions)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("scale", [1, 3, 4, 8])
@pytest.mark.parametrize("model", [CameraModel.PINHOLE, CameraModel.OPENCV_FISHEYE])
def test_rays_of_latents_follow_from_those_of_pixels(width: int, height: int, scale: int, model: CameraModel):
    cameras = camera(width, height, model)
    found, expected = latent_rays(cameras.image_rays(0), scale), latent_cameras(cameras, scale).image_rays(0)
    torch.testing.assert_close(found.pixels, scale * expected.pixels)
    torch.testing.assert_close(found.origins, expected.origins)
    apart = torch.linalg.vector_norm(found.directions - expected.directions, dim=-1)
    bend = (scale / cameras.focal.min()) ** 2
    assert (apart <= bend).all()
    inside = (found.pixels <= cameras.size[0] - 0.5).all(-1)
    assert (apart[inside] <= (1 / cameras.focal.min()) ** 2).all()
    torch.testing.assert_close(
        torch.linalg.vector_norm(found.directions, dim=-1), torch.ones_like(found.near)
    )


@pytest.mark.parametrize(("width", "height"), [(1, 9), (3, 1), (1, 1)])
def test_one_row_of_pixels_has_latents_that_look_along_it(width: int, height: int):
    pixels = camera(width, height).image_rays(0)
    found = latent_rays(pixels, 4)
    assert found.shape == latent_size(height, width, 4)
    assert found.directions.isfinite().all()
    cosine = (found.directions.reshape(-1, 1, 3) * pixels.directions.reshape(1, -1, 3)).sum(-1)
    assert (cosine.amax(-1) > 0.8).all()


def impulse(rays: Rays, direction: torch.Tensor) -> torch.Tensor:
    """What rays see of a bright spot in one direction that is about as wide as a latent."""
    angle = torch.linalg.vector_norm(
        torch.cross(rays.directions, direction.expand_as(rays.directions), dim=-1), dim=-1
    )
    return torch.exp(-0.5 * (angle / 0.05).square())


@pytest.mark.parametrize("how", ["cameras", "rays"])
@pytest.mark.parametrize("size", [(96, 80), (93, 77)])
def test_an_impulse_comes_back_at_its_place_to_a_tenth_of_a_pixel(how: str, size: tuple[int, int]):
    """An error of half a latent, or of half a pixel, would move it by 4, or by a half."""
    scale, cameras = 8, camera(*size)
    place = torch.tensor([[41.0, 37.5]], dtype=torch.float64)
    spot = cameras.rays(torch.zeros(1, dtype=torch.long), place).directions
    coarse = latent_cameras(cameras, scale).image_rays(0) if how == "cameras" else None
    seen = impulse(coarse or latent_rays(cameras.image_rays(0), scale), spot)
    shown = spread_to_pixels(seen[None], size[1], size[0], scale)[0]
    assert shown.shape == (size[1], size[0])
    y, x = torch.meshgrid(torch.arange(size[1]) + 0.5, torch.arange(size[0]) + 0.5, indexing="ij")
    middle = torch.stack([(shown * x).sum(), (shown * y).sum()]) / shown.sum()
    assert math.dist(middle.tolist(), place[0].tolist()) < 0.1
