import pytest
import torch

from rayloom.errors import InputError
from rayloom.fields.autoencoders import R32, R32_SIZES, Autoencoder, load_pretrained, new_autoencoder
from rayloom.metrics.images import psnr
from rayloom.pretrained import find_weights

NAMES = [*R32_SIZES, "taef2"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("height", "width"), [(32, 40), (33, 47), (5, 9)])
def test_pictures_of_any_size_keep_it(name, height, width):
    network = new_autoencoder(name)
    with torch.no_grad():
        latents = network.encode(torch.rand(2, height, width, 3))
        assert latents.shape == (2, -(-height // network.scale), -(-width // network.scale), network.channels)
        assert network.decode(latents, height, width).shape == (2, height, width, 3)


@pytest.mark.parametrize("name", R32_SIZES)
def test_a_picture_is_continued_by_its_last_row_and_column(name):
    network, picture = new_autoencoder(name), torch.rand(1, 19, 21, 3)
    rows, columns = (-(-side // network.scale) * network.scale for side in (19, 21))
    y, x = torch.arange(rows).clamp(max=18), torch.arange(columns).clamp(max=20)
    with torch.no_grad():
        latents, continued = network.encode(picture), network.encode(picture[:, y][:, :, x])
        torch.testing.assert_close(latents, continued)
        whole = network.decode(latents, rows, columns)
        torch.testing.assert_close(network.decode(latents, 19, 21), whole[:, :19, :21])


def test_latents_of_another_size_are_refused():
    network = new_autoencoder("r32-small")
    with pytest.raises(AssertionError, match="latents"):
        network.decode(torch.zeros(1, 2, 2, network.channels), 17, 16)


def test_latents_have_no_bounds():
    network = new_autoencoder("r32")
    assert isinstance(network, R32)
    with torch.no_grad():
        network.maps[0].weight.mul_(1e3)
        assert network.encode(torch.rand(1, 16, 16, 3)).abs().max() > 3


def learned(network: Autoencoder, pictures: torch.Tensor, steps: int) -> float:
    """PSNR of pictures that come back after some steps of training on them."""
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(steps):
        error = (network.decode(network.encode(pictures), *pictures.shape[1:3]) - pictures).square().mean()
        adam.zero_grad()
        error.backward()
        adam.step()
    return psnr(network.decode(network.encode(pictures), *pictures.shape[1:3]).detach(), pictures)


@pytest.mark.parametrize("name", R32_SIZES)
def test_networks_learn_what_linear_maps_cannot(name):
    torch.manual_seed(0)
    network = new_autoencoder(name)
    assert isinstance(network, R32)
    smooth = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 98, 90), 3, 1).permute(0, 2, 3, 1)
    network.start_from([smooth])
    start = learned(network, smooth, steps=0)
    assert learned(network, smooth, steps=100) > start + 2


@pytest.mark.parametrize("name", R32_SIZES)
def test_it_starts_with_the_best_linear_maps(name):
    torch.manual_seed(0)
    network = new_autoencoder(name)
    assert isinstance(network, R32)
    network.double()
    side = network.scale * 12
    # Smooth noise, of which some components hold more than others.
    pictures = (
        torch.nn.functional.avg_pool2d(torch.rand(3, 3, side + 4, side + 4), 5, 1)
        .permute(0, 2, 3, 1)
        .double()
    )
    network.start_from(pictures.split(1))
    with torch.no_grad():
        latents = network.encode(pictures)
        found = (network.decode(latents, side, side) - pictures).square().mean()
    squares = torch.nn.functional.pixel_unshuffle(pictures.permute(0, 3, 1, 2), network.scale)
    rows = squares.permute(0, 2, 3, 1).reshape(-1, squares.shape[1])
    left_out = torch.linalg.svdvals(rows - rows.mean(0))[network.channels :]
    # The rank-c map that loses least loses the other singular values (Eckart and Young 1936).
    torch.testing.assert_close(found, left_out.square().sum() / rows.numel())
    torch.testing.assert_close(latents.mean((0, 1, 2)), torch.zeros(network.channels).double())
    torch.testing.assert_close(latents.square().mean(), torch.ones(()).double())


def test_pictures_smaller_than_a_latent_are_a_start_too():
    network = new_autoencoder("r32-small")
    assert isinstance(network, R32)
    network.start_from([torch.rand(1, 3, 5, 3), torch.rand(1, 20, 9, 3)])
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_sizes_cost_more_one_after_another():
    def operations(name) -> float:
        """Products in the decoder for each pixel of a picture."""
        network = new_autoencoder(name)
        weights = sum(p.numel() for p in network.decoder.parameters() if p.dim() == 4)
        return weights / network.scale**2

    costs = [operations(name) for name in ("r32-small", "r32", "r32-large")]
    assert costs[0] < 0.4 * costs[1] < 0.4**2 * costs[2]


@pytest.mark.skipif(find_weights("taef2_decoder") is None, reason="the weights of TAEF2 are not here")
def test_taef2_is_the_published_network():
    """Mean, deviation and PSNR were measured when the weights were put into their files."""
    network = new_autoencoder("taef2")
    load_pretrained(network)
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(128.0), indexing="ij")
    picture = torch.stack([0.5 + 0.5 * (x / 7 + c).sin() * (y / 9 - c).cos() for c in range(3)], dim=-1)[None]
    with torch.no_grad():
        latents = network.encode(picture)
        assert latents.shape == (1, 12, 16, 32)
        assert latents.mean().item() == pytest.approx(-0.1981, abs=1e-4)
        assert latents.std().item() == pytest.approx(0.9180, abs=1e-4)
        found = network.decode(latents, 96, 128).clamp(0, 1)
    assert psnr(found, picture) == pytest.approx(28.68, abs=0.02)


def test_without_its_weights_a_pretrained_network_says_so(monkeypatch):
    monkeypatch.setattr("rayloom.fields.autoencoders.find_weights", lambda name: None)
    with pytest.raises(InputError, match=r"taef2_encoder\.safetensors"):
        load_pretrained(new_autoencoder("taef2"))
