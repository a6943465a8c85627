"""What fields whose pictures are decoded learn from: photos, their latents, and pictures between them.

The phases of ReLS-NeRF (Aumentado-Armstrong et al. 2023, arXiv:2310.17880) ask for the autoencoder's error,
for that of rendered latents, and for that of what a decoder makes of them, in this order.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from rayloom.data.views import Views
from rayloom.data.windows import LatentPixels, PhotoWindows, Windows
from rayloom.fields.autoencoders import R32, Autoencoder
from rayloom.fields.latent_field import LatentField
from rayloom.kernels.processes import average_gradients
from rayloom.kernels.threads import torch_on_all_threads
from rayloom.types import Image, Rays

WINDOW = 32
"""Latents along a window's side: fewer, and a decoder would see hardly anything but borders."""
NUM_WINDOWS = 1
"""Windows of photos that a loss looks at, or of pictures between them."""
NUM_LATENTS = 2048
RENEWED, KEPT = 4, 64
"""Every so many calls colours from between photos are rendered anew; so many renderings are kept."""

RenderLatents = Callable[[Rays], tuple[Float[Tensor, "rays c"], Tensor, Tensor]]
"""Gives latents of rays first, then their opacity and depth."""


class DecodingLosses:
    """Squared errors of an autoencoder and of latents that a field renders, on the training photos."""

    def __init__(
        self, views: Views, background: Float[Tensor, "3"], autoencoder: Autoencoder, tune_latents: bool
    ) -> None:
        self.autoencoder, self.tune_latents = autoencoder, tune_latents
        scale = autoencoder.scale
        self.photos = PhotoWindows(views, background, scale, WINDOW * scale)
        self.targets: LatentPixels | None = None
        self.num_between = 0
        self.kept: list[tuple[Windows, Tensor]] = []
        if isinstance(autoencoder, R32):
            autoencoder.start_from(self.photos.photo(i) for i in range(len(views.images)))

    def state_dict(self) -> dict[str, Any]:
        """What was made of the photos and between them so far, for a checkpoint."""
        return {
            "targets": None if self.targets is None else self.targets.latents,
            "num_between": self.num_between,
            "kept": [(windows.state_dict(), truth) for windows, truth in self.kept],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        latents, device = state_dict["targets"], self.photos.background.device
        self.targets = None if latents is None else LatentPixels(self.photos, latents.to(device))
        self.num_between = state_dict["num_between"]
        self.kept = [(self.photos.drawn_once(place), truth.to(device)) for place, truth in state_dict["kept"]]

    def reconstruction(self) -> Float[Tensor, ""]:
        """Of windows of photos that go through the autoencoder."""
        _, pictures = self.photos.draw(NUM_WINDOWS)
        latents = self.autoencoder.encode(pictures)
        return mse_loss(self.autoencoder.decode(latents, *pictures.shape[1:3]), pictures)

    def latents(self, render: RenderLatents, field: LatentField) -> Float[Tensor, ""]:
        """Of rendered latents against what the encoder, as it is on the first call, makes of whole photos.

        Squares count in the deviation of their channel, and all over the mean of these: between a say by what
        a channel adds to the picture, which few would share, and an equal one. The field is told deviations.
        """
        if self.targets is None:
            self.targets = LatentPixels.encoded(self.photos, self.autoencoder.encode)
            field.standardise(*self.targets.moments())
        rays, target = self.targets.draw(NUM_LATENTS)
        squared = (render(rays)[0] - target).square().mean(0)
        return (squared / field.deviation).mean() / field.deviation.mean()

    def decoded(self, render: RenderLatents) -> Float[Tensor, ""]:
        """Of decoded windows against photos."""
        windows, pictures = self.photos.draw(NUM_WINDOWS)
        return mse_loss(self._picture(windows, render), pictures)

    def between(self, render: RenderLatents, color_image: Callable[[Rays], Image]) -> Float[Tensor, ""]:
        """Of decoded windows against the field's own colours, from between the photos.

        The colours must not change any more: rendering them takes most of the time, so that they are kept.
        """
        if self.num_between % RENEWED == 0:
            windows = self.photos.draw_between(NUM_WINDOWS)
            truth = color_image(windows.pixel_rays().reshape(-1, windows.num_pixels)).rgb
            self.kept = [*self.kept[1 - KEPT :], (windows, truth)]
        self.num_between += 1
        windows, truth = self.kept[int(torch.randint(len(self.kept), ()))]
        return mse_loss(self._picture(windows, render).flatten(0, 1), truth)

    def _picture(self, windows: Windows, render: RenderLatents) -> Float[Tensor, "n p p 3"]:
        """What the decoder makes of windows; the latents learn too if they shall."""
        rays, size = windows.latent_rays(), windows.num_pixels
        with torch.set_grad_enabled(self.tune_latents):
            latents = render(rays.reshape(rays.shape.numel()))[0]
        return self.autoencoder.decode(latents.reshape(*rays.shape, -1), size, size)


def prior(*modules: nn.Module) -> Float[Tensor, ""]:
    """What is left to learn from where nothing speaks of some networks: that weights are small."""
    return 1e-6 * torch.stack([weight.square().sum() for m in modules for weight in m.parameters()]).sum()


class DecodingDescent:
    """Adam on what is learned from pictures, for methods whose own kernels move everything else.

    The rate of each group falls as the power `fall`, its own, of a scale.
    """

    def __init__(self, groups: Sequence[dict[str, Any]]) -> None:
        self.adam = torch.optim.Adam(groups, fused=True)
        self.first_rates = [group["lr"] for group in groups]

    def step(
        self, losses: Callable[[], Mapping[str, Tensor]], scale: float, *, all_threads: bool
    ) -> Float[Tensor, ""]:
        """Go down the sum of the losses, and give it.

        With `all_threads` torch has all cores meanwhile, also in a step that else belongs to kernels.
        """
        with torch_on_all_threads() if all_threads else nullcontext():
            loss = torch.stack(list(losses().values())).sum()
            for group, rate in zip(self.adam.param_groups, self.first_rates, strict=True):
                group["lr"] = rate * scale ** group["fall"]
            self.adam.zero_grad()
            loss.backward()
            average_gradients(weight for group in self.adam.param_groups for weight in group["params"])
            self.adam.step()
        return loss.detach()
