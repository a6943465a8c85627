"""Comparing patches by what the first layers of a recognition network see: edges, lines and texture.

Jiang et al., "AligNeRF", 2023, arXiv:2211.09682. A squared error of colours is content with a blur where it
is unsure. The features of VGG-16's first block, before they are pooled, tell fine patterns apart.
"""

import math
import warnings
from typing import Literal

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d

from rayloom.errors import InputError
from rayloom.pretrained import find_weights, missing_weights_note
from rayloom.types import Crops

Filters = Literal["vgg16", "derivatives"]

MARGIN = 2
"""Pixels that a feature sees on every side of its own."""
NOISE_GAIN = 13.0
"""How much noise changes VGG-16's features of pictures over how strong it is, both as root mean squares."""
IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ShallowFeatures(nn.Module):
    """Features of windows of 5 x 5 pixels; fixed, and no part of the weights of a run.

    "vgg16" are the two convolutions of VGG-16's first block, each with its ReLU, 64 features. "derivatives"
    are the first and second derivatives of a Gaussian, 5 features of each colour, as sensitive to noise. None
    takes VGG-16 where its weights are on this machine, else warns and takes the derivatives. Raises
    InputError where these weights are damaged, and for "vgg16" where they are missing.
    """

    def __init__(self, filters: Filters | None = None) -> None:
        super().__init__()
        path = find_weights("vgg16_block1") if filters != "derivatives" else None
        note = missing_weights_note("vgg16_block1")
        if path is None and filters == "vgg16":
            raise InputError("vgg16_block1", note)
        if path is None and filters is None:
            warnings.warn(f"{note} Derivatives of a Gaussian are compared instead.", stacklevel=2)
        self.filters: Filters = "derivatives" if path is None else "vgg16"
        weights = {"bank": NOISE_GAIN * derivatives_of_gaussian()} if path is None else load_file(path)
        for name, tensor in weights.items():
            self.register_buffer(name.replace(".", "_"), tensor.float(), persistent=False)

    @property
    def description(self) -> str:
        """In words, what is compared."""
        if self.filters == "vgg16":
            return "features of VGG-16, block 1 before pooling"
        return "first and second derivatives of a Gaussian"

    def forward(self, images: Float[Tensor, "n h w 3"]) -> Float[Tensor, "n c h_in w_in"]:
        """Features of the pixels whose window lies in the image, `MARGIN` fewer on every side."""
        x = images.permute(0, 3, 1, 2)
        if self.filters == "derivatives":
            # Each colour by itself.
            planes = conv2d(x.flatten(0, 1)[:, None], self.get_buffer("bank").to(x))
            return planes.unflatten(0, x.shape[:2]).flatten(1, 2)
        mean, sd = (x.new_tensor(values).reshape(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_SD))
        x = (x - mean) / sd
        for layer in ("features_0", "features_2"):
            weight, bias = (self.get_buffer(f"{layer}_{part}").to(x) for part in ("weight", "bias"))
            x = conv2d(x, weight, bias).relu()
        return x


def high_frequency(
    rendered: Float[Tensor, "patches side side 3"], matched: Crops, features: ShallowFeatures
) -> Float[Tensor, ""]:
    """Mean squared difference between the features of patches and of what their photos show.

    Pixels that must not be used look as they were rendered. The gradient reaches `rendered` alone.
    """
    with torch.no_grad():
        truth = features(torch.where(matched.valid[..., None], matched.rgb, rendered))
    return (features(rendered) - truth).square().mean()


def derivatives_of_gaussian(sigma: float = 1.0) -> Float[Tensor, "5 1 5 5"]:
    """Its derivatives x, y, xx, xy and yy on 5 x 5 pixels, each without mean and of unit length."""
    along = torch.arange(-MARGIN, MARGIN + 1, dtype=torch.float64) / sigma
    y, x = torch.meshgrid(along, along, indexing="ij")
    bump = torch.exp(-0.5 * (x.square() + y.square())) / math.sqrt(2 * math.pi)
    bank = torch.stack([-x, -y, x.square() - 1, x * y, y.square() - 1]) * bump
    bank = bank - bank.mean((1, 2), keepdim=True)
    return (bank / bank.norm(dim=(1, 2), keepdim=True))[:, None].float()
