"""Rays through a baked scene, voxels in a sparse atlas of blocks: the reference in torch.

What a ray sees is a sum over steps that do not depend on where voxels are, so that leaving out empty space
changes nothing but time. The shader of the web page does the same arithmetic.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster
from rayloom.kernels.marching import StepRule
from rayloom.types import Record

BLOCK = 8
"""Cells along one edge of a block; its corners are one more."""

CHANNELS = 12
"""Bytes of a voxel: density, three of colour, eight features."""

MAX_LEVEL = 255.0
RAYS_AT_ONCE = 1024
"""Rays of which the reference holds all looks in memory."""


@dataclass(frozen=True)
class VoxelSpace:
    """Where voxels are: corners of cubic cells, `width` apart, in blocks of 8^3 cells.

    Unbounded space is contracted to [-2, 2]^3 by the piecewise projective map of Reiser et al. 2023
    (MERF, eq. 3), under which lines stay straight wherever one coordinate stays the largest.
    """

    low: tuple[float, float, float]
    """The first corner of the first block, in world or contracted space."""
    width: float
    """Of a voxel, in world or contracted space."""
    blocks: tuple[int, int, int]
    """Number of blocks in x, y and z."""
    contracted: bool

    def grid_from_world(
        self, points: Float[Tensor, "*batch 3"]
    ) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch"]]:
        """Places in voxels from the first corner, and how wide voxels are there in world units."""
        stretch = torch.ones_like(points[..., 0])
        if self.contracted:
            points, stretch = contract(points)
        return (points - points.new_tensor(self.low)) / self.width, self.width * stretch

    def world_from_grid(self, places: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """The inverse; what lies beyond all of contracted space goes far away."""
        points = places * self.width + places.new_tensor(self.low)
        return uncontract(points) if self.contracted else points


@dataclass(frozen=True)
class DensityScale:
    """What a byte of density means: the logarithm of the optical depth of a voxel's width.

    It is interpolated before the exponential, which keeps surfaces sharp between voxels ("post-activation",
    Sun et al. 2022).
    """

    log_thinnest: float = -7.0
    """At byte 0."""
    log_densest: float = 4.0
    """At byte 255; denser matter is opaque at any step."""
    cut: float = 0.02
    """Optical depth of a voxel below which there is nothing."""

    @property
    def log_per_level(self) -> float:
        """Between a byte and the next."""
        return (self.log_densest - self.log_thinnest) / MAX_LEVEL

    @property
    def cut_level(self) -> float:
        """The byte at which matter begins; a whole number, so that shaders can be as exact."""
        return float(math.ceil((math.log(self.cut) - self.log_thinnest) / self.log_per_level))

    def depth(self, levels: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Optical depth of a voxel's width."""
        return (self.log_thinnest + self.log_per_level * levels).exp()

    def levels(self, depth: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """The inverse, rounded to whole bytes."""
        return ((depth.log() - self.log_thinnest) / self.log_per_level).round().clamp(0, MAX_LEVEL)


@dataclass(frozen=True)
class VoxelAtlas(Record):
    """Values at the corners of cells, kept for the blocks of cells in which there is matter.

    A block holds its 9^3 corners, so that interpolation never leaves it.
    """

    slots: Int[Tensor, "x y z"]
    """Which block of `voxels` fills a place, or -d where no block lies fewer than d blocks away."""
    voxels: Num[Tensor, "blocks 9 9 9 12"]
    """By block and corner in x, y, z: density, red, green, blue and eight features. Bytes, and real
    numbers in the reference of gradients."""
    filled: Bool[Tensor, "blocks 8 8 8"]
    """Cells that have a corner with matter; in the others there is none."""
    space: VoxelSpace
    scale: DensityScale

    def at(
        self, points: Float[Tensor, "*batch 3"]
    ) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch 11"]]:
        """Density at world points, per world unit, and colour and features in [0, 1]; 0 where nothing is."""
        places, widths = self.space.grid_from_world(points)
        size = torch.tensor(self.slots.shape, device=points.device)
        block = (places / BLOCK).floor().nan_to_num(-1).clamp(-1, 1 << 20).long()
        inside = ((block >= 0) & (block < size)).all(-1)
        block = block.minimum(size - 1).clamp(min=0)
        slot = torch.where(inside, self.slots[tuple(block.unbind(-1))].long(), -1)
        values = self._interpolated(slot.clamp(min=0), (places - BLOCK * block).clamp(0, BLOCK))
        level, values = values[..., 0], values[..., 1:] / MAX_LEVEL
        filled = (slot >= 0) & (level >= self.scale.cut_level)
        return torch.where(filled, self.scale.depth(level) / widths, 0), torch.where(
            filled[..., None], values, 0
        )

    def _interpolated(self, slot: Tensor, places: Tensor) -> Tensor:
        """The bytes at places in [0, 8]^3 of blocks, trilinear between corners."""
        if len(self.voxels) == 0:
            return places.new_zeros(*slot.shape, CHANNELS)
        corner = places.floor().clamp(max=BLOCK - 1)
        share, corner = places - corner, corner.long()
        total = places.new_zeros(*slot.shape, CHANNELS)
        for number in range(8):
            step = torch.tensor([number >> 2, number >> 1 & 1, number & 1], device=places.device)
            weight = torch.where(step == 1, share, 1 - share).prod(-1)
            x, y, z = (corner + step).unbind(-1)
            total = total + weight[..., None] * self.voxels[slot, x, y, z].to(places)
        return total


class Sums(NamedTuple):
    """What a ray gathers in an atlas."""

    values: Float[Tensor, "rays 11"]
    """Sums of weight times colour and features; over no background."""
    opacity: Float[Tensor, " rays"]
    depth: Float[Tensor, " rays"]
    """Expected distance, 0 where nothing was met."""
    reach: Float[Tensor, " rays"]
    """Distance at which less light is left than `stop`, infinite where more gets through."""


def contract(points: Float[Tensor, "*batch 3"]) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch"]]:
    """Points of space in [-2, 2]^3, and n = max(1, |x|): the largest coordinate x becomes ±(2 - 1/n).

    The others are divided by n. Reiser et al. 2023, eq. 3; of equal coordinates the first is the largest.
    """
    norm = points.abs().amax(-1, keepdim=True).clamp_min(1)
    largest = torch.nn.functional.one_hot(points.abs().argmax(-1), 3) == 1
    outer = torch.where(largest & (norm > 1), points.sign() * (2 - 1 / norm), points / norm)
    return outer, norm[..., 0]


def uncontract(points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """The inverse of `contract`; where it has none, in the corners and beyond the faces, far away."""
    radius = points.abs().amax(-1, keepdim=True).clamp_min(1)
    norm = 1 / (2 - radius).clamp_min(1e-6)
    largest = torch.nn.functional.one_hot(points.abs().argmax(-1), 3) == 1
    return torch.where(largest & (norm > 1), points.sign() * norm, points * norm)


@torch.no_grad()
def trace_voxels(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    atlas: VoxelAtlas,
    step: StepRule,
    stop: float,
    *,
    implementation: Implementation = "auto",
) -> Sums:
    """What rays gather between near and far in steps whose edges lie at the integers of `step`'s lattice.

    A step counts with the values at its midpoint, which lies between near and far, and as long as more
    than `stop` of the light gets to it.
    """
    if fast := faster(trace_voxels, implementation, origins, directions, near, far):
        return fast(origins, directions, near, far, atlas, step, stop)
    rays = zip(*(part.split(RAYS_AT_ONCE) for part in (origins, directions, near, far)), strict=True)
    parts = [_sums(*some, atlas=atlas, step=step, stop=stop) for some in rays]
    return Sums(*(torch.cat(column) for column in zip(*parts, strict=True)))


def voxel_gradients(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    grad_values: Float[Tensor, "rays 11"],
    grad_opacity: Float[Tensor, " rays"],
    atlas: VoxelAtlas,
    rows: Int[Tensor, "blocks 9 9 9"],
    num_rows: int,
    step: StepRule,
    stop: float,
    *,
    implementation: Implementation = "auto",
) -> Float[Tensor, "num_rows 12"]:
    """How what rays gather changes with the bytes of the corners, as if these were real numbers.

    `grad_values` and `grad_opacity` are the gradients of a loss with respect to the sums of `trace_voxels`.
    Corners of several blocks that are one have the same row in `rows`.
    """
    grads = (grad_values, grad_opacity)
    if fast := faster(voxel_gradients, implementation, origins, directions, near, far, *grads):
        return fast(origins, directions, near, far, *grads, atlas, rows, num_rows, step, stop)
    corners, out = atlas.voxels.to(near).requires_grad_(), near.new_zeros(num_rows, CHANNELS)
    inputs = (origins, directions, near, far, *grads)
    for *rays, values, opacity in zip(*(part.split(RAYS_AT_ONCE) for part in inputs), strict=True):
        with torch.enable_grad():
            sums = _sums(*rays, atlas=replace(atlas, voxels=corners), step=step, stop=stop)
            loss = (sums.values * values).sum() + (sums.opacity * opacity).sum()
            # Where nothing is met, no corner has a part in the loss.
            (found,) = torch.autograd.grad(loss + 0 * corners.sum(), corners)
        out.index_add_(0, rows.flatten().long(), found.view(-1, CHANNELS))
    return out


def _sums(
    origins: Tensor,
    directions: Tensor,
    near: Tensor,
    far: Tensor,
    atlas: VoxelAtlas,
    step: StepRule,
    stop: float,
) -> Sums:
    """The reference of `trace_voxels`, through which gradients flow."""
    first, last = step.u_from_t(near).floor(), step.u_from_t(far).ceil()
    begin, end = (int(first.min()), int(last.max())) if len(near) else (0, 0)
    u = torch.arange(begin, end, device=near.device).to(near)
    starts, ends = step.t_from_u(u), step.t_from_u(u + 1)
    middle, widths = 0.5 * (starts + ends), ends - starts
    density, values = atlas.at(origins[:, None] + middle[:, None] * directions[:, None])
    density = torch.where(_between(middle, near, far), density, 0)
    absorbed = (density * widths).cumsum(-1)
    left = (-torch.cat([torch.zeros_like(absorbed[:, :1]), absorbed], dim=-1)).exp()
    weights = torch.where(left[:, :-1] > stop, left[:, :-1] - left[:, 1:], 0)
    opacity = weights.sum(-1)
    depth = (weights * middle).sum(-1) / opacity.clamp(min=torch.finfo(opacity.dtype).tiny)
    ended = torch.where(left[:, 1:] <= stop, middle, torch.inf)
    reach = torch.cat([ended, torch.full_like(near[:, None], torch.inf)], dim=-1).amin(-1)
    return Sums((weights[..., None] * values).sum(-2), opacity, depth, reach)


def _between(middle: Tensor, near: Tensor, far: Tensor) -> Bool[Tensor, "rays steps"]:
    return (middle >= near[:, None]) & (middle < far[:, None])
