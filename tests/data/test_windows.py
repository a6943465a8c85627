import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.latent_grid import latent_cameras
from rayloom.data.views import Views
from rayloom.data.windows import LatentPixels, PhotoWindows
from rayloom.geometry.transforms import look_at

SCALE = 4
BACKGROUND = torch.tensor([1.0, 0.5, 0.0])


def views(*sizes: tuple[int, int], channels: int = 3) -> Views:
    """Photos of these widths and heights whose red and green are the place of each pixel."""
    angle = torch.arange(len(sizes)).double()
    eyes = torch.stack([2 * angle.cos(), 2 * angle.sin(), 0.5 + 0 * angle], dim=-1)
    poses = look_at(eyes, torch.zeros(3).double(), torch.tensor([0.0, 0.0, 1.0]).double())
    lenses = [Intrinsics(CameraModel.PINHOLE, w, h, 1.2 * w, 1.2 * w, w / 2, h / 2) for w, h in sizes]
    cameras = Cameras.from_intrinsics(lenses, poses, 0.5, 5.0, image_index=range(len(sizes)))
    images = []
    for index, (width, height) in enumerate(sizes):
        y, x = np.mgrid[:height, :width]
        rest = np.full_like(x, 50 * index), np.full_like(x, 255)
        images.append(np.stack([x, y, *rest], axis=-1)[..., :channels].astype(np.uint8))
    return Views(cameras, tuple(images))


def test_a_window_shows_its_photo_and_its_rays_go_through_its_pixels():
    torch.manual_seed(0)
    given = views((62, 45), (70, 50))
    photos = PhotoWindows(given, BACKGROUND, SCALE, num_pixels=24)
    windows, pictures = photos.draw(40)
    assert pictures.shape == (40, 24, 24, 3)
    rays = windows.pixel_rays()
    levels = (255 * pictures).round()
    # Red and green say where a pixel is; beyond the photo its last row and column go on, in both alike.
    torch.testing.assert_close(rays.pixels, levels[..., :2] + 0.5)
    torch.testing.assert_close((rays.camera_index * 50).float(), levels[..., 2])
    for camera, row in zip(windows.cameras.image_index, rays.directions, strict=True):
        assert any(
            torch.allclose(ray, given.cameras.image_rays(int(camera)).directions[10, 10], atol=0.9)
            for ray in row
        )


def test_latents_of_a_window_are_those_of_the_whole_photo():
    torch.manual_seed(0)
    given = views((62, 45), (70, 50))
    windows, _ = PhotoWindows(given, BACKGROUND, SCALE, num_pixels=24).draw(20)
    rays = windows.latent_rays()
    assert rays.shape == (20, 6, 6)
    for i, (camera, (x, y)) in enumerate(
        zip(windows.cameras.image_index, windows.corner.tolist(), strict=True)
    ):
        whole = latent_cameras(given.cameras, SCALE).image_rays(int(camera))
        torch.testing.assert_close(rays.directions[i], whole.directions[y : y + 6, x : x + 6])


def test_every_latent_of_a_photo_comes_into_a_window():
    torch.manual_seed(0)
    windows, _ = PhotoWindows(views((30, 21)), BACKGROUND, SCALE, num_pixels=16).draw(300)
    seen = {(x + i, y + j) for x, y in windows.corner.tolist() for i in range(4) for j in range(4)}
    assert seen == {(x, y) for x in range(8) for y in range(6)}


@pytest.mark.parametrize(("width", "height"), [(9, 30), (3, 2)])
def test_windows_are_no_larger_than_the_smallest_photo(width, height):
    windows, pictures = PhotoWindows(views((64, 64), (width, height)), BACKGROUND, SCALE, num_pixels=32).draw(
        30
    )
    side = -(-min(width, height) // SCALE)
    assert windows.side == side
    assert pictures.shape == (30, side * SCALE, side * SCALE, 3)


def test_windows_between_photos_belong_to_none():
    windows = PhotoWindows(views(*[(40, 40)] * 5), BACKGROUND, SCALE, num_pixels=16).draw_between(10)
    assert (windows.cameras.image_index == -1).all()
    assert windows.latent_rays().shape == (10, 4, 4)
    assert windows.pixel_rays().shape == (10, 16, 16)


def test_photos_with_alpha_lie_over_the_background():
    given = views((20, 20), channels=4)
    given.images[0][..., 3] = 0
    _, pictures = PhotoWindows(given, BACKGROUND, SCALE, num_pixels=8).draw(3)
    torch.testing.assert_close(pictures, BACKGROUND.expand_as(pictures))


def test_latents_are_drawn_with_the_ray_through_their_middle():
    torch.manual_seed(0)
    given = views((62, 45), (70, 50))
    photos = PhotoWindows(given, BACKGROUND, SCALE, num_pixels=24)

    def encode(picture: torch.Tensor) -> torch.Tensor:
        """The place of a latent by its first pixel, and the photo, as far as half precision tells."""
        rows, columns = -(-picture.shape[1] // SCALE), -(-picture.shape[2] // SCALE)
        return 255 * picture[:, ::SCALE, ::SCALE][:, :rows, :columns]

    targets = LatentPixels.encoded(photos, encode)
    rays, latents = targets.draw(500)
    torch.testing.assert_close(rays.pixels, latents[:, :2] + SCALE / 2, atol=0.1, rtol=0)
    torch.testing.assert_close((50 * rays.camera_index).float(), latents[:, 2], atol=0.1, rtol=0)
    mean, deviation = targets.moments()
    torch.testing.assert_close(mean, latents.mean(0), rtol=0.1, atol=0.5)
    torch.testing.assert_close(deviation, latents.std(0), rtol=0.1, atol=0.5)
