"""Autoencoders: pictures to latents on a coarser grid and back, for fields whose renders are decoded.

`r32` is ours in the role of the small network of ReLS-NeRF (Aumentado-Armstrong et al. 2023,
arXiv:2310.17880): residual blocks, trained from scratch. All of its layers but the last rearrangement work at
the resolution of the latents, since a convolution there costs 1/s² of one at that of the picture (Shi et al.
2016, arXiv:1609.05158, sub-pixel convolution). `taef2` is a pretrained one, in the role of the large network.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_unshuffle

from rayloom.cameras.latent_grid import latent_size
from rayloom.errors import InputError
from rayloom.pretrained import find_weights, missing_weights_note


@dataclass(frozen=True)
class FrameCost:
    """Seconds that a decoded picture took."""

    rays: float
    """Until the latents were rendered."""
    decoder: float


AutoencoderName = Literal["r32-small", "r32", "r32-large", "taef2"]


class Autoencoder(nn.Module):
    """An encoder and a decoder; a latent stands for `scale` x `scale` pixels.

    Latents are unbounded, and pictures may have any size: the encoder sees them continued to whole latents
    by their last row and column, and what the decoder makes of these is cut off.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, scale: int, channels: int) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.scale, self.channels = scale, channels
        # The layout in which convolutions of the CPU are fastest, and in which rendered latents lie anyway.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def encode(self, pictures: Float[Tensor, "n h w 3"]) -> Float[Tensor, "n rows columns channels"]:
        """Latents of pictures with values in [0, 1], ceil(h / scale) x ceil(w / scale)."""
        return self.encoder(self.whole_latents(pictures)).permute(0, 2, 3, 1)

    def whole_latents(self, pictures: Float[Tensor, "n h w 3"]) -> Float[Tensor, "n 3 hh ww"]:
        """Pictures continued until latents fit in."""
        height, width = pictures.shape[1:3]
        rows, columns = latent_size(height, width, self.scale)
        beyond = (0, columns * self.scale - width, 0, rows * self.scale - height)
        return pad(pictures.permute(0, 3, 1, 2), beyond, mode="replicate")

    def decode(
        self, latents: Float[Tensor, "n rows columns channels"], height: int, width: int
    ) -> Float[Tensor, "n {height} {width} 3"]:
        """Pictures of this size; values may leave [0, 1] a little."""
        assert latent_size(height, width, self.scale) == latents.shape[1:3], "latents of this size"
        return self.decoder(latents.permute(0, 3, 1, 2))[..., :height, :width].permute(0, 2, 3, 1)


@dataclass(frozen=True)
class R32Size:
    """How large an `r32` is."""

    scale: int
    channels: int
    width: int
    """Channels of all hidden layers."""
    num_blocks: int
    """Residual blocks of the decoder; the encoder has two."""


R32_SIZES: dict[AutoencoderName, R32Size] = {
    "r32-small": R32Size(scale=8, channels=32, width=32, num_blocks=2),
    "r32": R32Size(scale=4, channels=16, width=32, num_blocks=3),
    "r32-large": R32Size(scale=4, channels=16, width=64, num_blocks=6),
}


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3 x 3, beginning as the identity (He et al. 2016, pre-activation)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv3(width, width), _conv3(width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The features, refined."""
        return x + self.second(self.first(x.relu()).relu_())


class R32(Autoencoder):
    """Residual networks beside a linear map each way; at first the maps are all there is.

    In some minutes from random weights networks would not even find what the maps do: see `start_from`.
    """

    def __init__(self, size: R32Size) -> None:
        pixels, channels, width = 3 * size.scale**2, size.channels, size.width
        inward = [_conv3(pixels, width), ResidualBlock(width), ResidualBlock(width)]
        outward = [_conv3(channels, width), *(ResidualBlock(width) for _ in range(size.num_blocks))]
        encoder = _Beside(nn.Conv2d(pixels, channels, 1), inward, nn.Conv2d(width, channels, 1, bias=False))
        # The widest layer looks at each latent alone: with those around, it would cost as much as all others.
        decoder = _Beside(nn.Conv2d(channels, pixels, 1), outward, nn.Conv2d(width, pixels, 1, bias=False))
        super().__init__(
            nn.Sequential(_Centred(), nn.PixelUnshuffle(size.scale), encoder),
            nn.Sequential(decoder, nn.PixelShuffle(size.scale)), size.scale, channels,
        )  # fmt: skip
        self.maps = (encoder.linear, decoder.linear)

    @torch.no_grad()
    def start_from(self, pictures: Iterable[Float[Tensor, "1 _ _ 3"]]) -> None:
        """Let the linear maps be the best ones for squares of these pictures: their principal components.

        Latents get a mean of 0 and, over all channels, a mean square of 1.
        """
        count, total, products = 0, torch.zeros(()), torch.zeros(())
        for picture in pictures:
            squares = (
                pixel_unshuffle(2 * self.whole_latents(picture) - 1, self.scale)[0].flatten(1).T.double()
            )
            count += len(squares)
            total, products = total + squares.sum(0), products + squares.T @ squares
        mean = total / count
        variances, axes = torch.linalg.eigh(products / count - mean[:, None] * mean)
        axes, unit = axes[:, -self.channels :], variances[-self.channels :].mean().clamp(min=1e-12).sqrt()
        # Back from [-1, 1] to [0, 1].
        into, back = (axes.T / unit, -(axes.T @ mean) / unit), (axes * unit / 2, (mean + 1) / 2)
        for layer, values in zip(self.maps, (into, back), strict=True):
            for parameter, value in zip(layer.parameters(), values, strict=True):
                parameter.copy_(value.reshape(parameter.shape))


class _Beside(nn.Module):
    """A linear map of each place, plus a network whose last weights begin at zero."""

    def __init__(self, linear: nn.Conv2d, hidden: Sequence[nn.Module], last: nn.Conv2d) -> None:
        super().__init__()
        self.linear, self.network = linear, nn.Sequential(*hidden, nn.ReLU(), last)
        nn.init.zeros_(last.weight)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        return self.linear(x) + self.network(x)


def new_autoencoder(name: AutoencoderName) -> Autoencoder:
    """An autoencoder with random weights; see `load_pretrained`."""
    if name == "taef2":
        return Autoencoder(_taef2_encoder(), _taef2_decoder(), scale=8, channels=32)
    return R32(R32_SIZES[name])


def load_pretrained(autoencoder: Autoencoder, name: Literal["taef2"] = "taef2") -> None:
    """Fill in the weights of TAEF2, the tiny distilled autoencoder of FLUX.2 by Ollin Boer Bohan (MIT).

    Raises InputError if they are not on this machine.
    """
    for part in ("encoder", "decoder"):
        file = f"{name}_{part}"
        path = find_weights(file)
        if path is None:
            raise InputError(file, missing_weights_note(file))
        weights = {key: tensor.float() for key, tensor in load_file(path).items()}
        getattr(autoencoder, part).load_state_dict(weights)


class _Centred(nn.Module):
    """From [0, 1] to [-1, 1]."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return 2 * x - 1


class _Bounded(nn.Module):
    """3 tanh(x / 3): what comes in may be anything."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return 3 * torch.tanh(x / 3)


class _Block(nn.Module):
    """relu(x + three convolutions of x); with pooling, x first takes in what is normalised over the image."""

    def __init__(self, width: int, *, pooling: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv3(width, width), nn.ReLU(), _conv3(width, width), nn.ReLU(), _conv3(width, width)
        )
        wide = 4 * width
        self.pool = nn.Sequential(
            nn.Conv2d(width, wide, 1, bias=False), nn.GroupNorm(4, wide), nn.ReLU(),
            nn.Conv2d(wide, width, 1, bias=False),
        ) if pooling else None  # fmt: skip

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        if self.pool is not None:
            x = x + self.pool(x)
        return (x + self.conv(x)).relu_()


def _taef2_encoder() -> nn.Sequential:
    """Layers in the order in which the file numbers them."""
    layers: list[nn.Module] = [_conv3(3, 64), _Block(64, pooling=False)]
    for level in range(3):
        layers.append(_conv3(64, 64, stride=2, bias=False))
        layers += [_Block(64, pooling=level == 2) for _ in range(3)]
    return nn.Sequential(*layers, _conv3(64, 32))


def _taef2_decoder() -> nn.Sequential:
    """Layers in the order in which the file numbers them."""
    layers: list[nn.Module] = [_Bounded(), _conv3(32, 64), nn.ReLU()]
    for level in range(3):
        layers += [_Block(64, pooling=level == 0) for _ in range(3)]
        layers += [nn.Upsample(scale_factor=2), _conv3(64, 64, bias=False)]
    return nn.Sequential(*layers, _Block(64, pooling=False), _conv3(64, 3))


def _conv3(inputs: int, outputs: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size but for its stride."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=bias)
