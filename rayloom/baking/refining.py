"""Voxels that make the pictures of their field: what sampling at corners has blurred is won back.

The bytes are moved by gradient descent on the colours of rays of the training cameras, as PlenOctrees are
(Yu et al. 2021, section 4.3), with two differences: the truth is the field, which knows more views than the
photos; and rays see the bytes as they will be written, while the gradient takes them for real numbers.
"""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from rayloom.baking.bake import Voxels, step_rule
from rayloom.baking.baked import STOP
from rayloom.baking.blocks import atlas_of, rows_of
from rayloom.baking.light import drawn_rays, num_pixels
from rayloom.baking.shading import Shading
from rayloom.baking.survey import Tell
from rayloom.cameras.camera import Cameras
from rayloom.kernels import StepRule
from rayloom.kernels.adam import sparse_adam_step
from rayloom.kernels.voxels import CHANNELS, MAX_LEVEL, Sums, VoxelAtlas, trace_voxels, voxel_gradients
from rayloom.method import Method
from rayloom.types import Rays

STEPS = 60
PASSES = 8
"""Rays at most for each pixel of the photos."""
DRAWN = 1 << 17
"""Rays that are drawn for a step."""
MET = 1 << 15
"""Rays of them that meet matter and count, at most."""
BETAS = 0.9, 0.99
EPS = 1e-5
"""Gradients far below this belong to corners that hardly show; they should stay where they are."""
RATE = 1.5
"""Bytes by which a corner moves in a step at first, about."""
RATE_END = 0.1
"""The same at the end, as a share."""


def refined(
    method: Method[Any], cameras: Cameras, voxels: Voxels, tell: Tell
) -> UInt8[Tensor, "blocks 8 8 8 12"]:
    """The bytes of voxels, moved until rays of the cameras see what they see in the method's field."""
    corners, generator = _Corners(voxels), torch.Generator().manual_seed(0)
    background, pixels = torch.tensor(method.scene.background), num_pixels(cameras)
    drawn = min(DRAWN, pixels)
    steps = min(STEPS, PASSES * pixels // drawn)
    for done in range(steps):
        atlas = corners.atlas()
        rays, sums = _met(drawn_rays(cameras, drawn, generator), atlas, corners.step)
        if len(rays.near):
            grads = _gradients(voxels.shading, rays, sums, _seen(method, rays), background)
            corners.move(rays, atlas, grads, RATE * RATE_END ** (done / steps))
        tell((done + 1) / steps)
    out = torch.zeros_like(voxels.values)
    out[voxels.values[..., 0] > 0] = corners.in_bytes()[1:]
    return out


class _Corners:
    """The bytes of all corners with density as real numbers, and Adam's memory of their gradients."""

    def __init__(self, voxels: Voxels) -> None:
        values, scale, cut = voxels.values, voxels.scale, voxels.scale.cut_level
        self.first_atlas = atlas_of(voxels.blocks, values, voxels.space, scale)
        self.rows = rows_of(voxels.blocks, values[..., 0], scale)
        self.step, self.steps = step_rule(voxels.space), 0
        # Row 0 stands for corners without a byte.
        self.values = torch.cat([torch.zeros(1, CHANNELS), values[values[..., 0] > 0].float()])
        self.first, self.second = torch.zeros_like(self.values), torch.zeros_like(self.values)
        # Where nothing was seen, nothing may come to be: it would lie among corners without colour.
        self.highest = torch.where(self.values[:, 0] < cut, cut - 1, MAX_LEVEL)

    def in_bytes(self) -> UInt8[Tensor, "rows 12"]:
        """The bytes as they are written."""
        return self.values.round().to(torch.uint8)

    def atlas(self) -> VoxelAtlas:
        """What rays see."""
        found = self.in_bytes().index_select(0, self.rows.flatten())
        return replace(self.first_atlas, voxels=found.view(*self.rows.shape, CHANNELS))

    def move(self, rays: Rays, atlas: VoxelAtlas, grads: tuple[Tensor, Tensor], rate: float) -> None:
        """One step down the gradient."""
        self.steps += 1
        places = (rays.origins, rays.directions, rays.near, rays.far)
        found = voxel_gradients(*places, *grads, atlas, self.rows, len(self.values), self.step, STOP)
        found[0] = 0
        sparse_adam_step(self.values, found, self.first, self.second, self.steps, rate, BETAS, EPS)
        self.values.clamp_(0, MAX_LEVEL)
        self.values[1:, 0] = self.values[1:, 0].clamp(min=1).minimum(self.highest[1:])


def _met(rays: Rays, atlas: VoxelAtlas, step: StepRule) -> tuple[Rays, Sums]:
    """Those of some rays that meet matter, not too many, and what they gather."""
    sums = trace_voxels(rays.origins, rays.directions, rays.near, rays.far, atlas, step, STOP)
    chosen = sums.opacity.nonzero()[:MET, 0]
    return rays[chosen], Sums(*(part[chosen] for part in sums))


def _seen(method: Method[Any], rays: Rays) -> Float[Tensor, "rays 3"]:
    """The colours that the field shows to rays, as a screen would."""
    placed = rays.reshape(1, len(rays.near)).to(next(method.parameters()).device)
    return method.render_image(placed).rgb[0].cpu().clamp(0, 1)


def _gradients(
    shading: Shading,
    rays: Rays,
    sums: Sums,
    truth: Float[Tensor, "rays 3"],
    background: Float[Tensor, "3"],
) -> tuple[Float[Tensor, "rays 11"], Float[Tensor, "rays"]]:
    """How the squared error of the colours changes with what the rays gather."""
    with torch.enable_grad():
        values, opacity = sums.values.clone().requires_grad_(), sums.opacity.clone().requires_grad_()
        color = shading.color(values, opacity, rays.view_directions)
        rgb = color + (1 - opacity)[:, None] * background
        grads = torch.autograd.grad((rgb - truth).square().sum(), (values, opacity))
    return grads[0], grads[1]
