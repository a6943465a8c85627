"""LPIPS, the distance between pictures in the features of a network trained to name what they show.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018,
arXiv:1801.03924; version 0.1 of the linear heads. The backbones are those of torchvision, run here
with a few plain convolutions so that torchvision need not be installed.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d

from rayloom.errors import InputError
from rayloom.pretrained import find_weights, missing_weights_note

LPIPSBackbone = Literal["alex", "vgg"]


@dataclass(frozen=True)
class _Backbone:
    """A stack of convolutions, each followed by a ReLU."""

    version: str
    """What a score says about its origin."""
    files: tuple[str, ...]
    stages: tuple[tuple[int, ...], ...]
    """Numbers of the convolutions, in torchvision's counting; the features after each stage are compared."""
    pooled_stages: tuple[int, ...]
    """Stages that begin with a maximum over windows of `pool_size`, moved by 2."""
    pool_size: int
    smallest_side: int
    """Pixels that the image needs in each direction so that something is left of it in the last stage."""


_BACKBONES: dict[LPIPSBackbone, _Backbone] = {
    "alex": _Backbone(
        version="v0.1 heads on AlexNet",
        files=("lpips_alex",),
        stages=((0,), (3,), (6,), (8,), (10,)),
        pooled_stages=(1, 2),
        pool_size=3,
        smallest_side=31,
    ),
    "vgg": _Backbone(
        version="v0.1 heads on VGG-16 kept in half precision",
        files=("lpips_vgg16_fp16-1-of-2", "lpips_vgg16_fp16-2-of-2"),
        stages=((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
        pooled_stages=(1, 2, 3, 4),
        pool_size=2,
        smallest_side=16,
    ),
}


class LPIPS(nn.Module):
    """The metric with one backbone; raises InputError if its weights are not on this machine."""

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: LPIPSBackbone) -> None:
        super().__init__()
        self.net = _BACKBONES[backbone]
        weights: dict[str, Tensor] = {}
        for name in self.net.files:
            path = find_weights(name)
            if path is None:
                raise InputError(f"lpips_{backbone}", missing_weights_note(name))
            weights |= load_file(path)
        for name, tensor in weights.items():
            self.register_buffer(_buffer_name(name), tensor.float())
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).reshape(3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).reshape(3, 1, 1))

    @property
    def version(self) -> str:
        """Heads and backbone, for the protocol of an evaluation."""
        return self.net.version

    @property
    def smallest_side(self) -> int:
        """Side of the smallest image that has a distance, in pixels."""
        return self.net.smallest_side

    @torch.no_grad()
    def forward(self, rendered: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"]) -> float:
        """Distance of two images with values in [0, 1]; 0 for equal ones (Zhang et al. 2018, eq. 1).

        ValueError if the images are smaller than `smallest_side`.
        """
        height, width, _ = rendered.shape
        if min(height, width) < self.smallest_side:
            raise ValueError(f"LPIPS needs {self.smallest_side} pixels a side; found {width} x {height}")
        x, y = self._normalised(rendered), self._normalised(truth)
        distance = 0.0
        # Both images advance together, so that only one stage of features is in memory.
        for stage in range(len(self.net.stages)):
            x, y = self._features(x, stage), self._features(y, stage)
            difference = _unit_length(x).sub_(_unit_length(y)).square_()
            distance += conv2d(difference, self.get_buffer(f"lin{stage}_weight")).mean().item()
        return distance

    def _normalised(self, image: Float[Tensor, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
        """The image as the backbone knows images: [-1, 1] first, then shifted and scaled by channel."""
        return ((2 * image.permute(2, 0, 1) - 1 - self.shift) / self.scale)[None]

    def _features(self, x: Float[Tensor, "1 c_in h_in w_in"], stage: int) -> Float[Tensor, "1 c h w"]:
        """What the convolutions of one stage make of the features of the stage before."""
        if stage in self.net.pooled_stages:
            x = max_pool2d(x, self.net.pool_size, stride=2)
        for index in self.net.stages[stage]:
            weight, bias = (self.get_buffer(f"features_{index}_{part}") for part in ("weight", "bias"))
            kernel_size = weight.shape[-1]
            # AlexNet's first convolution is the only one that moves by more than a pixel or drops a border.
            stride, padding = (4, 2) if kernel_size == 11 else (1, kernel_size // 2)
            x = conv2d(x, weight, bias, stride=stride, padding=padding).relu_()
        return x


def load_lpips(backbone: LPIPSBackbone) -> LPIPS | None:
    """The metric, or None if its weights are not on this machine."""
    if all(find_weights(name) for name in _BACKBONES[backbone].files):
        return LPIPS(backbone)
    return None


def _buffer_name(name: str) -> str:
    """A tensor's name without dots, which buffers must not have."""
    return name.replace(".", "_")


def _unit_length(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c h w"]:
    """The features with the length of each pixel's vector divided out; zero stays zero."""
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + 1e-10)
