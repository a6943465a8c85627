"""Plenoxels: a scene as a sparse grid of density and spherical harmonics, without any network.

Fridovich-Keil et al., "Plenoxels: Radiance Fields without Neural Networks", 2022, arXiv:2112.05131.

Each node of a grid holds a density and harmonics of degree 2 for each colour; between nodes all is
trilinear. Rays take steps of half a voxel. Density goes through a ReLU and colour is cut off at 0, so that
gradients reach the values themselves. RMSProp moves them, density at rates of tens, slowly at first. What
keeps the grid whole where few rays pass is total variation (eq. 3), of a random part of the nodes in each
step. When the grid becomes finer, nodes at which no ray has found weight are dropped, with a margin; rays
step over what is missing.

Departs from the paper: there is a coarser stage of 128 nodes before its 256. The weights that decide what is
dropped are those of the training rays in the second half of a stage, not of all photos anew. RMSProp is Adam
without momentum, so that nodes that no ray meets forget old gradients, and harmonics learn slowly at first
too. Total variation leaves out the borders of what was dropped. Space without end is contracted into the
grid, not surrounded by spheres. Samples that hardly count have no colour of their own.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.fields.tensor_field import box_around
from rayloom.fields.voxel_grid import VoxelGrid, sampled_variation
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.kernels import StepRule, packed_weights
from rayloom.losses import squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed, select, with_world_depth_packed
from rayloom.sampling.alpha_mask import mask_empty_space
from rayloom.sampling.half_voxels import half_voxel_steps, march_voxels
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Batch, PackedSamples, Progress, Rays, Rendering, SceneInfo

RMSPROP = (0.0, 0.95)
"""Adam's betas without momentum."""
VISIBLE = 1e-5
"""Weight below which a sample needs no colour."""


@dataclass(frozen=True)
class PlenoxelsConfig(MethodConfig):
    """The paper's numbers for rendered objects; shares are steps over 128,000."""

    rays_per_step: int = 5000
    """Rays in one optimisation step."""
    lr: float = 30.0
    """Learning rate of density at the start."""
    lr_final: float = 1.1
    """The same at the end: the paper's 0.05 would be reached after 250,000 steps."""
    lr_warmup: float = 0.117
    """Share of the run over which rates rise from a hundredth."""
    color_lr: float = 1e-2
    """Learning rate of harmonics at the start."""
    color_lr_final: float = 2e-4
    """The same at the end: the paper's 5e-6 would be reached after 250,000 steps."""
    degree: int = 2
    """Of the harmonics, at most 3."""
    resolutions: tuple[int, ...] = (128, 256, 512)
    """Nodes along an edge, stage after stage; a box with unequal edges has as many in all."""
    stage_shares: tuple[float, ...] = (0.1, 0.3)
    """Shares of the run after which the next stage begins."""
    first_density: float = 0.1
    """Of all nodes, before the ReLU."""
    prune_threshold: float = 0.256
    """Nodes are dropped where no sample weighed more than this over the number of nodes along an edge."""
    prune_margin: int = 2
    """Nodes that are kept around those with weight."""
    density_tv: float = 1e-5
    """Weight of the total variation of density."""
    color_tv: float = 1e-3
    """The same of harmonics."""
    tv_share: float = 0.01
    """Share of the nodes at which a step measures it."""
    mask_resolution: int = 256
    """Cells along an edge of the mask by which rays step over what was dropped; a multiple of 32."""
    num_cascades: int = 5
    """Nested boxes of the mask where there is no end, each twice as large as the one before."""


class Plenoxels(Method[PlenoxelsConfig]):
    """A grid of 28 numbers a node."""

    paper = Paper(
        "Plenoxels: Radiance Fields without Neural Networks",
        year=2022,
        arxiv="2112.05131",
        tags=("fast", "grid", "static"),
    )
    # Runs of hundreds of steps have no time to rise slowly, and fewer rays for each node.
    presets = {
        "default": PlenoxelsConfig(),
        "forward-facing": PlenoxelsConfig(density_tv=5e-4, color_tv=5e-3),
        "small": PlenoxelsConfig(
            rays_per_step=1024, lr=10.0, lr_final=0.5, lr_warmup=0.02, color_lr=3e-2, color_lr_final=3e-3,
            resolutions=(32, 64, 128), stage_shares=(0.15, 0.4), density_tv=1e-3, color_tv=1e-2,
            tv_share=0.1, mask_resolution=64,
        ),
        "tiny": PlenoxelsConfig(
            rays_per_step=256, lr=5.0, lr_final=0.5, lr_warmup=0.02, color_lr=5e-2, color_lr_final=1e-2,
            resolutions=(16, 24), stage_shares=(0.4,), density_tv=1e-3, color_tv=1e-2,
            tv_share=0.1, mask_resolution=32, num_cascades=4,
        ),
    }  # fmt: skip

    def __init__(self, config: PlenoxelsConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        contracted, box = scene.kind != "object" and scene.ndc is None, box_around(scene)
        self.grid = VoxelGrid(
            box, config.resolutions[0], degree=config.degree, contracted=contracted,
            first_density=config.first_density,
        )  # fmt: skip
        self.mask = OccupancyGrid(box, config.num_cascades if contracted else 1, config.mask_resolution)
        self.stage: Tensor
        self.register_buffer("stage", torch.tensor(0))
        self.found: Tensor
        self.register_buffer("found", torch.zeros(len(self.grid.raw_density)), persistent=False)
        self.watching = False

    @property
    def steps(self) -> StepRule:
        """Steps of half a voxel, which grow with the distance where there is no end."""
        return half_voxel_steps(self.grid.voxel_width, contracted=self.grid.contracted)

    def march(self, rays: Rays) -> PackedSamples:
        """Steps through what has values."""
        box = None if self.grid.contracted else self.grid.box
        return march_voxels(rays, self.mask, self.steps, box, jitter=self.training)

    def render(self, rays: Rays) -> Rendering:
        """Shade, in the cube where rays are warped into it; depth is the world's."""
        frame = self.scene.ndc
        if frame is None:
            return self.shade(rays)
        return with_world_depth_packed(self.shade(ndc_rays(rays, frame)), rays, frame)

    def shade(self, rays: Rays) -> Rendering:
        """March; look up densities, and colours of what can be seen; composite."""
        samples = self.march(rays)
        points = rays.at_samples(samples)
        density = self.grid.density(points)
        with torch.no_grad():
            weights = packed_weights(density * samples.widths, samples.ray_index, samples.num_rays)
            if self.watching:
                self.found.scatter_reduce_(0, self.grid.nearest(points), weights, "amax")
        clear = weights > VISIBLE
        shaded = select(samples, clear)
        rgb = torch.zeros_like(points)
        rgb[clear] = self.grid.color(points[clear], rays.view_directions[shaded.ray_index])
        return render_packed(density, rgb, samples, self.background)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error, and total variation of density and harmonics at some nodes (eq. 2, 3)."""
        c, grid = self.config, self.grid
        terms = {"photometric": squared_error(rendering.rgb, batch.rgb)}
        count = max(round(c.tv_share * len(grid.raw_density)), 1)
        rows = torch.randint(len(grid.raw_density), (count,), device=grid.rows.device)
        neighbours, shape = grid.neighbours(rows), grid.rows.shape
        values = (
            ("density_tv", c.density_tv, grid.raw_density[:, None]),
            ("color_tv", c.color_tv, grid.harmonics),
        )
        for name, weight, table in values:
            if weight > 0:
                terms[name] = weight * sampled_variation(table, rows, neighbours, shape)
        return terms

    def before_step(self, progress: Progress) -> None:
        """Watch weights in the second half of a stage that another one follows."""
        ends, stage = (0.0, *self.config.stage_shares), int(self.stage)
        following = stage + 1 < len(ends)
        self.watching = following and progress.fraction >= 0.5 * (ends[stage] + ends[stage + 1])

    def after_step(self, progress: Progress) -> bool:
        """Drop what has no weight and make the grid finer, where that is due; True where it was."""
        c, stage = self.config, int(self.stage)
        if sum(share <= progress.fraction for share in c.stage_shares) <= stage:
            return False
        if self.watching:
            self.grid.prune(self.found > c.prune_threshold / max(self.grid.rows.shape), c.prune_margin)
        self.grid.upsample(c.resolutions[stage + 1])
        mask_empty_space(self.mask, self.grid.presence, self.steps.smallest, threshold=0.0)
        self.found = torch.zeros_like(self.grid.raw_density)
        self.stage.add_(1)
        self.watching = False
        return True

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points; per unit of the cube where rays are warped into it."""
        flat = points.reshape(-1, 3)
        flat = flat if self.scene.ndc is None else ndc_from_world(flat, self.scene.ndc)
        return self.grid.density(flat).reshape(points.shape[:-1])

    def param_groups(self) -> list[dict[str, Any]]:
        """Density and harmonics, by RMSProp."""
        c = self.config
        return [
            {"params": [self.grid.raw_density], "lr": c.lr, "betas": RMSPROP},
            {
                "params": [self.grid.harmonics],
                "lr": c.color_lr,
                "lr_final": c.color_lr_final,
                "betas": RMSPROP,
            },
        ]
