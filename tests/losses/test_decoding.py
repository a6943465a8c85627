import math

import numpy as np
import pytest
import torch
from torch import nn

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.fields.autoencoders import R32, R32Size, new_autoencoder
from rayloom.fields.latent_field import LatentField
from rayloom.geometry.transforms import look_at
from rayloom.kernels import HashGridLayout
from rayloom.losses.decoding import NUM_WINDOWS, RENEWED, DecodingDescent, DecodingLosses, prior
from rayloom.types import Image, Rays

BACKGROUND = torch.ones(3)
SCALE, CHANNELS = 4, 8


def views(count: int = 3, size: int = 36) -> Views:
    """Photos of noise, which no small autoencoder can keep."""
    angle = torch.arange(count) * (2 * torch.pi / count)
    eyes = torch.stack([2 * angle.cos(), 2 * angle.sin(), torch.full_like(angle, 0.5)], dim=-1)
    poses = look_at(eyes, torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]))
    lens = Intrinsics(CameraModel.PINHOLE, size, size, 40.0, 40.0, size / 2, size / 2)
    cameras = Cameras.from_intrinsics([lens] * count, poses, 1.0, 3.0, image_index=range(count))
    noise = np.random.default_rng(0)
    return Views(cameras, tuple(noise.integers(0, 256, (size, size, 3), np.uint8) for _ in range(count)))


def losses(*, tune_latents: bool = True) -> DecodingLosses:
    torch.manual_seed(0)
    autoencoder = R32(R32Size(SCALE, CHANNELS, width=8, num_blocks=1))
    return DecodingLosses(views(), BACKGROUND, autoencoder, tune_latents)


class Photographed:
    """Renders the latents of photos themselves, as far as rays tell which photo they belong to."""

    def __init__(self, decoding: DecodingLosses) -> None:
        photos, encode = decoding.photos, decoding.autoencoder.encode
        with torch.no_grad():
            self.grids = [encode(photos.photo(i))[0] for i in range(len(photos.images))]
        self.unit = nn.Parameter(torch.ones(()))

    def __call__(self, rays: Rays) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        column, row = (rays.pixels / SCALE).long().unbind(-1)
        photo = rays.camera_index.tolist()
        found = [self.grids[k][r, c] for k, r, c in zip(photo, row.tolist(), column.tolist(), strict=True)]
        return self.unit * torch.stack(found), torch.ones(len(photo)), torch.ones(len(photo))


def latent_field() -> LatentField:
    return LatentField(HashGridLayout(2, 4, 8, 4, 8), CHANNELS)


def test_a_random_autoencoder_begins_with_principal_components_and_a_pretrained_one_stays():
    decoding = losses()
    photos = torch.cat([decoding.photos.photo(i) for i in range(3)])
    latents = decoding.autoencoder.encode(photos)
    assert latents.mean((0, 1, 2)).abs().max() < 1e-3
    assert latents.square().mean().item() == pytest.approx(1, rel=1e-3)
    given = new_autoencoder("taef2")
    before = [p.detach().clone() for p in given.parameters()]
    DecodingLosses(views(), BACKGROUND, given, tune_latents=True)
    assert all(torch.equal(a, b) for a, b in zip(before, given.parameters(), strict=True))


def test_reconstruction_is_the_share_of_variance_that_few_components_miss():
    """Noise has equal variances along all axes, 48 of them, of which 8 are kept."""
    decoding = losses()
    found = [decoding.reconstruction().item() for _ in range(20)]
    variance = 255 * 257 / 12 / 255**2
    # The components are fitted to 243 squares, and so keep more than 8 / 48 of these.
    assert 0.55 * variance < np.mean(found) < (1 - CHANNELS / 48) * variance


def test_latents_are_compared_in_the_unit_of_their_deviation():
    decoding, field = losses(), latent_field()
    render = Photographed(decoding)
    exact = decoding.latents(render, field)
    assert exact.item() < 1e-6  # Kept in half precision.
    stacked = torch.stack(render.grids).reshape(-1, CHANNELS)
    torch.testing.assert_close(field.deviation, stacked.std(0), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(field.mean, stacked.mean(0), atol=1e-3, rtol=1e-3)
    with torch.no_grad():
        render.unit.zero_()
    # Nothing instead of latents with mean 0 is wrong by their variance, the unit.
    assert decoding.latents(render, field).item() == pytest.approx(1, rel=0.1)


def test_targets_stay_those_of_the_encoder_of_the_first_call():
    decoding, field = losses(), latent_field()
    render = Photographed(decoding)
    decoding.latents(render, field)
    with torch.no_grad():
        for parameter in decoding.autoencoder.encoder.parameters():
            parameter.add_(1.0)
    assert decoding.latents(render, field).item() < 1e-6


def test_latents_of_photos_decode_to_what_the_autoencoder_makes_of_them():
    """So that rays of windows, the order of latents and the pixels of pictures fit together."""
    decoding = losses()
    torch.manual_seed(1)
    decoded = decoding.decoded(Photographed(decoding))
    torch.manual_seed(1)
    torch.testing.assert_close(decoded, decoding.reconstruction(), atol=1e-6, rtol=1e-5)


def test_between_photos_colours_are_the_truth():
    decoding = losses()
    asked: list[torch.Size] = []

    def nothing(rays: Rays) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        zero = torch.zeros(len(rays.near))
        return torch.zeros(len(zero), CHANNELS), zero, zero

    def color_image(rays: Rays) -> Image:
        asked.append(rays.shape)
        assert (rays.camera_index == -1).all()
        flat = torch.zeros(rays.shape)
        return Image(shown.expand(*rays.shape, 3), flat, flat)

    # Zero latents decode to the mean square; it is the same in every window.
    side = decoding.photos.side * SCALE
    shown = decoding.autoencoder.decode(torch.zeros(1, side // SCALE, side // SCALE, CHANNELS), side, side)
    shown = shown.detach()[0].repeat(NUM_WINDOWS, 1, 1)
    for _ in range(RENEWED):
        assert decoding.between(nothing, color_image).item() < 1e-12
    # Once in so many calls there are new ones; both are seen from then on.
    shown = shown + 0.1
    found = {round(decoding.between(nothing, color_image).item(), 4) for _ in range(RENEWED)}
    assert 0.01 in found
    assert found <= {0.0, 0.01}
    assert asked == [torch.Size([NUM_WINDOWS * side, side])] * 2


@pytest.mark.parametrize("tune_latents", [True, False])
def test_rendered_latents_learn_from_pictures_only_if_they_shall(tune_latents):
    decoding = losses(tune_latents=tune_latents)
    render = Photographed(decoding)
    decoding.decoded(render).backward()
    assert (render.unit.grad is not None) == tune_latents
    gradients = [weight.grad for weight in decoding.autoencoder.decoder.parameters()]
    assert any(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)


def test_the_prior_pulls_every_weight_to_zero():
    layers = nn.Linear(3, 2), nn.Linear(2, 1, bias=False)
    found = prior(*layers)
    squares = sum(float(p.detach().square().sum()) for layer in layers for p in layer.parameters())
    assert found.item() == pytest.approx(1e-6 * squares)
    found.backward()
    for layer in layers:
        torch.testing.assert_close(layer.weight.grad, 2e-6 * layer.weight.detach())


def test_rates_fall_as_their_own_powers_of_the_scale():
    """The first step of Adam is as long as its rate, whatever the slope."""
    weights = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    falls = (1.0, 0.5, 0.0)
    rates = zip(weights, falls, strict=True)
    descent = DecodingDescent([{"params": [w], "lr": 0.1, "fall": fall} for w, fall in rates])
    slopes = (3.0, -2.0, 5.0)
    terms = {"a": slopes[0] * weights[0].sum(), "b": (slopes[1] * weights[1] + slopes[2] * weights[2]).sum()}
    loss = descent.step(lambda: terms, 0.25, all_threads=True)
    assert loss.item() == 0
    for weight, slope, fall in zip(weights, slopes, falls, strict=True):
        assert weight.item() == pytest.approx(-math.copysign(0.1 * 0.25**fall, slope), rel=1e-4)


def test_learning_with_all_threads_leaves_the_number_of_threads():
    before = torch.get_num_threads()
    weight, loss = nn.Parameter(torch.ones(1)), torch.ones(())
    descent = DecodingDescent([{"params": [weight], "lr": 0.1, "fall": 1.0}])
    torch.set_num_threads(1)
    try:
        for _ in range(60):
            loss = descent.step(lambda: {"square": weight.square().sum()}, 1.0, all_threads=True)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert loss.item() < 1e-2
