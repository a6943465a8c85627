from dataclasses import replace

import numpy as np
import torch

from rayloom.cameras.camera import Cameras
from rayloom.data.views import Views
from rayloom.fields.filtering import gaussian_filter
from rayloom.losses.blurred import BlurredPhotos
from rayloom.losses.edges import edge_mask
from rayloom.types import Batch
from tests.sampling.test_intervals import rays

close = torch.testing.assert_close
SIZES = ((5, 8), (9, 4))
BACKGROUND = torch.tensor([1.0, 0.5, 0.0])
ROUNDING = 0.5 / 255 + 1e-6


def photos(channels: int) -> tuple[list[np.ndarray], BlurredPhotos]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, channels), dtype=np.uint8) for size in SIZES]
    cameras = Cameras.from_intrinsics([], np.zeros((0, 3, 4)), 0.0, 1.0)
    return images, BlurredPhotos(Views(cameras, tuple(images)), BACKGROUND)


def every_pixel(image: int) -> Batch:
    height, width = SIZES[image]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5
    some = rays(len(pixels))
    index = torch.full((len(pixels),), image)
    seen = replace(some, pixels=pixels.to(some.near), camera_index=index)
    return Batch(seen, rgb=torch.rand(len(pixels), 3), alpha=torch.ones(len(pixels)))


def test_pixels_are_those_of_photos_over_the_background_blurred_in_shares_of_their_size():
    for channels in (3, 4):
        images, blurred = photos(channels)
        blurred.blur(0.2, (0.0, 0.5, 1.0), version=3)
        assert blurred.version == 3
        for i, image in enumerate(images):
            levels = torch.from_numpy(image) / 255
            alpha = levels[..., 3:] if channels == 4 else torch.ones_like(levels[..., :1])
            photo = levels[..., :3] * alpha + (1 - alpha) * BACKGROUND
            for scale in (0.0, 0.5, 1.0):
                expected = gaussian_filter(photo, scale * 0.2 * sum(SIZES[i]) / 2, (0, 1)).reshape(-1, 3)
                close(blurred.rgb(every_pixel(i), scale), expected, atol=ROUNDING, rtol=0)


def test_edges_are_those_of_the_whole_blur_whichever_scales_there_are():
    images, blurred = photos(3)
    blurred.blur(0.1, (0.5,), version=0)
    for i, image in enumerate(images):
        photo = gaussian_filter(torch.from_numpy(image) / 255, 0.1 * sum(SIZES[i]) / 2, (0, 1))
        assert torch.equal(blurred.on_edges(every_pixel(i)), edge_mask(photo).flatten())


def test_a_pixel_of_a_reduced_copy_has_the_colour_at_its_middle():
    _, blurred = photos(3)
    blurred.blur(0.0, (1.0,), version=0)
    batch = every_pixel(0)
    reduced = replace(batch.rays[:1], pixels=torch.tensor([[1.5, 0.5]]))
    small = Batch(reduced, torch.rand(1, 3), torch.ones(1), area=torch.tensor([4.0]))
    # The second pixel of the copy stands for those at x 2 and 3, y 0 and 1; its middle begins the last one.
    close(blurred.rgb(small, 1.0)[0], blurred.rgb(batch, 1.0)[1 * SIZES[0][1] + 3])
