"""Pictures that grow finer show what is known so far, and cost no more than the picture."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.rendering.progressive import progressively
from rayloom.types import Image, Rays


def grid_of_rays(height: int, width: int) -> Rays:
    """Rays whose `near` is their number."""
    zeros, places = torch.zeros(height, width), torch.zeros(height, width, 3)
    number = torch.arange(height * width).reshape(height, width)
    pixels = torch.zeros(height, width, 2)
    return Rays(places, places, places, number.float(), zeros, zeros, number, pixels, zeros)


def numbered(rays: Rays) -> Image:
    """A picture that shows the number of each ray in every channel."""
    return Image(rays.near[..., None].expand(*rays.shape, 3), rays.near, 2 * rays.near)


@given(height=st.integers(1, 19), width=st.integers(1, 19), power=st.integers(0, 4))
def test_each_picture_shows_the_known_pixel_above_and_to_the_left(height, width, power):
    stride = 2**power
    rays = grid_of_rays(height, width)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pictures = list(progressively(numbered, rays, stride))
    assert len(pictures) == power + 1
    for picture in pictures:
        expected = ((y - y % stride) * width + x - x % stride).float()
        assert torch.equal(picture.rgb, expected[..., None].expand(height, width, 3))
        assert torch.equal(picture.opacity, expected)
        assert torch.equal(picture.depth, 2 * expected)
        stride //= 2


def test_each_ray_is_rendered_once_and_no_sooner_than_it_is_due():
    seen: list[int] = []

    def render(rays: Rays) -> Image:
        seen.extend(rays.camera_index.flatten().tolist())
        return numbered(rays)

    pictures = progressively(render, grid_of_rays(9, 17))
    next(pictures)
    assert len(seen) == 2 * 3
    list(pictures)
    assert sorted(seen) == list(range(9 * 17))


def test_a_stride_that_cannot_be_halved_to_one_is_refused():
    with pytest.raises(AssertionError):
        next(progressively(numbered, grid_of_rays(4, 4), 6))
