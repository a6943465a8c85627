"""TensoRF: grids of density and appearance as sums of products of planes and lines.

Chen et al., "TensoRF: Tensorial Radiance Fields", 2022, arXiv:2203.09517.

A grid of features is never built. VM makes each component of a vector along one axis and a matrix across it
(eq. 3), CP of three vectors (eq. 1). The sum of the density components, through a softplus, is the density; a
matrix makes 27 features of the appearance components, and a small network colour of these and the direction.
Factors begin coarse and are upsampled five times. Twice all of space is looked at: from then on rays step
over what is empty, at first the box shrinks to what is left, and at last rays that meet nothing are left out.
An L1 loss on the density factors empties space, or total variation of the planes smooths photographs.
Samples are half a voxel apart and have a colour where they weigh enough.

Departs from the paper: distances are in thirds of the edge of the box, because boxes of the paper are about 3
wide and ours lie in the unit ball, so that the same features absorb as much light. Space without end is not
boxed but contracted, as in mip-NeRF 360, and steps grow with distance. Faint samples, black in the authors'
code, are white before dark backgrounds, where black would never be noticed. The mask has a resolution of its
own. Upsampling, masks and rates follow shares of the run.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.fields.tensor_field import Decomposition, TensorActivation, TensorField, box_around
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.kernels import StepRule, packed_weights
from rayloom.losses import squared_error
from rayloom.losses.factors import roughness, sparsity
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed, select, with_world_depth_packed
from rayloom.sampling.alpha_mask import mask_empty_space
from rayloom.sampling.half_voxels import half_voxel_steps, march_voxels
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Batch, PackedSamples, Progress, Rays, Rendering, SceneInfo

BETAS = (0.9, 0.99)


@dataclass(frozen=True)
class TensoRFConfig(MethodConfig):
    """The paper's numbers for rendered objects, VM-192; shares are steps over 30,000."""

    rays_per_step: int = 4096
    """Rays in one optimisation step; after the second mask, of those that meet anything."""
    lr: float = 2e-2
    """Learning rate of planes and lines at the start, and again after each upsampling."""
    lr_final: float = 2e-3
    """Learning rate at the end, were it not for upsampling."""
    network_lr: float = 1e-3
    """Learning rate of matrix and network, which falls and starts again like the other."""
    decomposition: Decomposition = "vm"
    """Planes and lines, or lines alone."""
    density_components: tuple[int, int, int] = (16, 16, 16)
    """Products of the line along x, y and z with its plane; CP has as many as these together."""
    appearance_components: tuple[int, int, int] = (48, 48, 48)
    """The same for appearance."""
    num_features: int = 27
    """Appearance features that the network sees."""
    width: int = 128
    """Hidden units of the network's two layers."""
    octaves: int = 2
    """Frequencies of the encoding of features and of directions."""
    density_activation: TensorActivation = "softplus"
    """Softplus begins with empty space; the paper has ReLU for forward-facing captures."""
    first_resolution: int = 128
    """Voxels along an edge at the start; a box with unequal edges has as many voxels in all."""
    resolution: int = 300
    """Voxels along an edge at the end."""
    upsample_shares: tuple[float, ...] = (0.0667, 0.1, 0.1333, 0.1833, 0.2333)
    """Shares of the run after which resolution grows, each time by the same factor."""
    mask_shares: tuple[float, ...] = (0.0667, 0.1333)
    """Shares of the run after which space is looked at; the box shrinks after the first one."""
    mask_resolution: int = 128
    """Cells of the mask along an edge; a multiple of 32."""
    mask_threshold: float = 1e-4
    """Share of light that a step must absorb for its place to be kept."""
    num_cascades: int = 5
    """Nested boxes of the mask where there is no end, each twice as large as the one before."""
    color_threshold: float = 1e-4
    """Weight from which a sample has a colour of its own."""
    density_l1: float = 8e-5
    """Weight of the L1 loss on the density factors until the first mask."""
    density_l1_later: float = 4e-5
    """The same from then on."""
    density_tv: float = 0.0
    """Weight of the total variation of the density planes; the paper's 1.0 is 0.02 here."""
    appearance_tv: float = 0.0
    """The same for the appearance planes."""


class TensoRF(Method[TensoRFConfig]):
    """Two factorised grids, a matrix and a network."""

    paper = Paper(
        "TensoRF: Tensorial Radiance Fields", year=2022, arxiv="2203.09517", tags=("fast", "grid", "static")
    )
    presets = {
        "default": TensoRFConfig(),
        "cp": TensoRFConfig(decomposition="cp", density_components=(32, 32, 32), resolution=500,
                            appearance_components=(96, 96, 96), density_l1=1e-5, density_l1_later=1e-5),
        "forward-facing": TensoRFConfig(density_components=(4, 4, 16), appearance_components=(12, 12, 48),
                                        resolution=640, octaves=0, density_activation="relu",
                                        density_l1=0.0, density_l1_later=0.0, density_tv=0.02,
                                        appearance_tv=0.02, mask_shares=(0.1,),
                                        upsample_shares=(0.08, 0.12, 0.16, 0.22)),
        "small": TensoRFConfig(rays_per_step=1024, density_components=(8, 8, 8), first_resolution=48,
                               appearance_components=(16, 16, 16), resolution=128, width=64,
                               mask_resolution=96, mask_threshold=1e-3, upsample_shares=(0.2, 0.3, 0.4),
                               mask_shares=(0.15, 0.4)),
        "tiny": TensoRFConfig(rays_per_step=256, density_components=(4, 4, 4), first_resolution=16,
                              appearance_components=(8, 8, 8), resolution=24, width=32, num_cascades=4,
                              mask_resolution=32, mask_threshold=1e-3, color_threshold=1e-3,
                              upsample_shares=(0.3, 0.5), mask_shares=(0.3, 0.6)),
    }  # fmt: skip

    def __init__(self, config: TensoRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        contracted = scene.kind != "object" and scene.ndc is None
        box = box_around(scene)
        self.field = TensorField(
            box, config.first_resolution, config.density_components, config.appearance_components,
            contracted=contracted, decomposition=config.decomposition, octaves=config.octaves,
            activation=config.density_activation, num_features=config.num_features, width=config.width,
        )  # fmt: skip
        self.mask = OccupancyGrid(box, config.num_cascades if contracted else 1, config.mask_resolution)
        self.num_masks: Tensor
        self.register_buffer("num_masks", torch.tensor(0))
        self.num_upsamplings: Tensor
        self.register_buffer("num_upsamplings", torch.tensor(0))
        self.hit_share = 1.0

    @property
    def steps(self) -> StepRule:
        """Steps of half a voxel, which grow with the distance where there is no end."""
        return half_voxel_steps(self.field.voxel_width, contracted=self.field.contracted)

    def march(self, rays: Rays) -> PackedSamples:
        """Steps through what the mask says may hold matter."""
        box = None if self.field.contracted else self.field.box
        return march_voxels(rays, self.mask, self.steps, box, jitter=self.training)

    def render(self, rays: Rays) -> Rendering:
        """Shade, in the cube where rays are warped into it; depth is the world's."""
        frame = self.scene.ndc
        if frame is None:
            return self.shade(rays)
        return with_world_depth_packed(self.shade(ndc_rays(rays, frame)), rays, frame)

    def shade(self, rays: Rays) -> Rendering:
        """March; look up densities, and colours where they weigh enough; composite.

        Fainter samples are black before a bright background, and white before a dark one.
        """
        samples, background = self.march(rays), self.random_background()
        density = self.field.density(rays.at_samples(samples))
        with torch.no_grad():
            weights = packed_weights(density * samples.widths, samples.ray_index, samples.num_rays)
        clear = weights > self.config.color_threshold
        shaded = select(samples, clear)
        rgb = (background < 0.5).to(density.dtype).repeat(len(density), 1)
        rgb[clear] = self.field.color(rays.at_samples(shaded), rays.view_directions[shaded.ray_index])
        return render_packed(density, rgb, samples, background)

    def random_background(self) -> Float[Tensor, "3"]:
        """The scene's colour; black or white in training where photographs should become opaque."""
        if self.training and self.scene.kind != "object":
            return torch.randint(2, (1,), device=self.num_masks.device).float().expand(3)
        return self.background

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error, L1 of the density factors, and total variation, which fades like the rates."""
        c, density, appearance = self.config, self.field.density_factors, self.field.appearance_factors
        truth = batch.over(self.background, rendering.background)
        terms = {"photometric": squared_error(rendering.rgb, truth, self.counting(rendering))}
        if (weight := c.density_l1_later if int(self.num_masks) > 0 else c.density_l1) > 0:
            terms["sparsity"] = weight * sparsity(list(density.parameters()))
        fading = (c.lr_final / c.lr) ** progress.fraction
        for name, weight, grid in (
            ("density_tv", c.density_tv, density), ("appearance_tv", c.appearance_tv, appearance),
        ):  # fmt: skip
            if weight > 0:
                terms[name] = fading * weight * roughness(list(grid.planes or grid.lines))
        return terms

    def counting(self, rendering: Rendering) -> Float[Tensor, " rays"] | None:
        """1 for rays that count: after the second mask those that meet anything; None where all do."""
        if int(self.num_masks) < 2:
            return None
        assert isinstance(rendering.intervals, PackedSamples), "as `render` makes them"
        hit = torch.zeros_like(rendering.opacity).index_fill(0, rendering.intervals.ray_index, 1.0)
        self.hit_share = max(float(hit.mean()), 1 / 16)
        return hit if bool(hit.any()) else None

    def rays_per_step(self) -> int:
        """So many rays that the configured number of them counts."""
        return round(self.config.rays_per_step / self.hit_share)

    def after_step(self, progress: Progress) -> bool:
        """Look for empty space, then upsample, where either is due; True where factors were replaced."""
        c, step = self.config, self.steps.smallest
        masks = sum(share <= progress.fraction for share in c.mask_shares)
        upsamplings = sum(share <= progress.fraction for share in c.upsample_shares)
        replaced = upsamplings > int(self.num_upsamplings)
        if masks > int(self.num_masks):
            kept = mask_empty_space(self.mask, self.field.density, step, threshold=c.mask_threshold)
            # Only once, and only a box that has an end.
            if kept is not None and int(self.num_masks) == 0 and not self.field.contracted:
                self.field.shrink(kept)
                replaced = True
            self.num_masks.fill_(masks)
        if upsamplings > int(self.num_upsamplings):
            # Numbers of voxels are even in their logarithm.
            growth = (c.resolution / c.first_resolution) ** (upsamplings / len(c.upsample_shares))
            self.field.upsample(c.first_resolution * growth)
            self.num_upsamplings.fill_(upsamplings)
        return replaced

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points; per unit of the cube where rays are warped into it."""
        flat = points.reshape(-1, 3)
        flat = flat if self.scene.ndc is None else ndc_from_world(flat, self.scene.ndc)
        return self.field.density(flat).reshape(points.shape[:-1])

    def param_groups(self) -> list[dict[str, Any]]:
        """Factors, and matrix and network; at the last upsampling both had their rates of the start."""
        c, done = self.config, int(self.num_upsamplings)
        scale = (c.lr / c.lr_final) ** (c.upsample_shares[done - 1] if done else 0.0)
        return [
            {"params": self.field.factors(), "lr": c.lr * scale, "betas": BETAS},
            {"params": self.field.networks(), "lr": c.network_lr * scale, "betas": BETAS},
        ]
