"""loom: rayloom's own default, a hash grid with small networks that learns any capture in minutes.

Müller et al., "Instant Neural Graphics Primitives with a Multiresolution Hash Encoding", 2022,
arXiv:2201.05989; the contraction of space is that of Barron et al., "Mip-NeRF 360", 2022,
arXiv:2111.12077, with the L-infinity ball.

Features are looked up in a multiresolution hash grid; one small network turns them into density and 16
features, a second one turns these and the direction into colour. Nested occupancy grids say where nothing
is; rays step over it, and stop where hardly any light is left. The capture decides the rest: an object
lies in its box and is trained before random backgrounds where its photos have alpha; every other capture
lives in contracted space, in nested boxes with steps that grow with distance, and must be opaque.

Departs from the paper: 8 levels of 4 features instead of 16 of 2, and smaller tables, both for the caches
of a CPU; no bias-free output padding; the number of rays follows a budget of samples.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.fields.encodings import DirectionEncoding
from rayloom.geometry.contraction import contract
from rayloom.kernels import HashGridLayout, StepRule, hash_grid, march, tiny_mlp
from rayloom.kernels.fused import AdamRule, Space, fused_field
from rayloom.losses import squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed, select, visible
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Batch, Image, PackedSamples, Progress, Rays, Rendering, SceneInfo, StepReport

if TYPE_CHECKING:
    from rayloom.kernels.numba.fused import FusedField


@dataclass(frozen=True)
class LoomConfig(MethodConfig):
    """Settings that suit two cores and a minute or two; larger tables pay on longer runs."""

    rays_per_step: int = 1024
    """Rays in the first step; later ones follow `samples_per_step`."""
    rays_per_chunk: int = 4096
    """Rays rendered at once outside of training; changes memory, not the result."""
    lr: float = 1e-2
    """Learning rate at the start."""
    lr_final: float = 3e-4
    """Learning rate at the end; between the two it falls exponentially."""
    samples_per_step: int = 1 << 16
    """Visible samples that a step should see."""
    num_levels: int = 8
    """Levels of the hash grid, of 4 features each."""
    log2_rows: int = 15
    """Rows of one level's table, as a power of two."""
    coarsest: int = 16
    """Cells per axis of the coarsest level."""
    finest: int = 1024
    """Cells per axis of the finest level."""
    grid_resolution: int = 128
    """Cells per axis of each occupancy box."""
    num_cascades: int = 6
    """Nested occupancy boxes of captures without a box, each twice as large as the one before."""
    steps_per_side: int = 256
    """Steps from one side of an object's box to the other; elsewhere, steps per distance."""
    appearance: bool = False
    """Learn a code for each training image, for exposure and weather that change between photos."""
    survey_steps: tuple[int, ...] = (16, 32, 64, 96, 128, 192, 256)
    """Steps after which all of the occupancy grids is looked at; before the first all counts as occupied."""
    grid_update_steps: int = 16
    """Steps between later looks at a part of the grids."""
    cells_per_update: int = 1 << 16
    """Cells looked at in an update."""


class Loom(Method[LoomConfig]):
    """Hash grid, two networks without biases, occupancy grids."""

    paper = Paper(
        "Instant Neural Graphics Primitives with a Multiresolution Hash Encoding",
        year=2022,
        arxiv="2201.05989",
        tags=("fast", "grid", "static"),
    )
    presets = {
        "default": LoomConfig(),
        "quality": LoomConfig(log2_rows=18, finest=2048, steps_per_side=512),
        "tiny": LoomConfig(
            log2_rows=12,
            finest=128,
            grid_resolution=64,
            num_cascades=4,
            steps_per_side=96,
            samples_per_step=1 << 13,
        ),
    }

    def __init__(self, config: LoomConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.bounded = scene.kind == "object"
        self.layout = HashGridLayout(config.num_levels, 4, config.log2_rows, config.coarsest, config.finest)
        self.table = nn.Parameter(torch.empty(self.layout.num_rows, 4).uniform_(-1e-4, 1e-4))
        code_size = 16 if config.appearance else 0
        self.density_mlp = weights(self.layout.num_channels, 64, 16)
        self.color_mlp = weights(16 + DirectionEncoding.num_outputs + code_size, 64, 64, 3)
        self.codes = nn.Embedding(scene.num_images, 16) if config.appearance else None
        if self.codes is not None:
            nn.init.zeros_(self.codes.weight)
        self.directions = DirectionEncoding()
        center, half_size = self.box()
        self.grid = OccupancyGrid(
            center, half_size, 1 if self.bounded else config.num_cascades, config.grid_resolution
        )
        self.steps = self.step_rule(min(half_size))
        self.num_rays = config.rays_per_step
        self.fused: "FusedField | None" = None

    def box(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Centre and half size of the innermost occupancy box: the object's, or the unit cube."""
        if not self.bounded:
            return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        pairs = list(zip(self.scene.box_low, self.scene.box_high, strict=True))
        x, y, z = ((low + high) / 2 for low, high in pairs)
        a, b, c = ((high - low) / 2 for low, high in pairs)
        return (x, y, z), (a, b, c)

    def step_rule(self, half_size: float) -> StepRule:
        """Even steps inside an object's box; elsewhere steps that grow with distance."""
        smallest = 2 * half_size / self.config.steps_per_side
        if self.bounded:
            return StepRule(smallest)
        return StepRule(smallest, growth=1 / self.config.steps_per_side)

    def unit(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """World points in the unit cube of the hash grid."""
        if not self.bounded:
            return (contract(points, "linf") + 2) / 4
        low, high = points.new_tensor(self.scene.box_low), points.new_tensor(self.scene.box_high)
        return (points - low) / (high - low)

    def geometry(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density, and features of which the first is its logarithm."""
        features = tiny_mlp(hash_grid(self.unit(points), self.table, self.layout), list(self.density_mlp))
        return features[:, 0].clamp(max=12).exp(), features

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, per world unit."""
        density, _ = self.geometry(points.reshape(-1, 3))
        return density.reshape(points.shape[:-1])

    def render(self, rays: Rays) -> Rendering:
        """March, drop what is hidden, shade, composite."""
        samples = self.sample(rays)
        index = samples.ray_index
        points = rays.origins[index] + samples.midpoints[:, None] * rays.directions[index]
        density, features = self.geometry(points)
        view = self.view_features(rays)[index]
        rgb = tiny_mlp(torch.cat([features, view], dim=-1), list(self.color_mlp)).sigmoid()
        return render_packed(density, rgb, samples, self.background_of(rays))

    @torch.no_grad()
    def sample(self, rays: Rays) -> PackedSamples:
        """Steps in occupied cells that at least a thousandth of the light reaches."""
        jitter = torch.rand_like(rays.near) if self.training else torch.full_like(rays.near, 0.5)
        samples = march(
            rays.origins, rays.directions, rays.near, rays.far, self.grid.occupancy, self.steps, jitter
        )
        points = (
            rays.origins[samples.ray_index] + samples.midpoints[:, None] * rays.directions[samples.ray_index]
        )
        density, _ = self.geometry(points)
        return select(samples, visible(density, samples, 1e-3))

    def view_features(self, rays: Rays) -> Float[Tensor, "rays features"]:
        """What colour depends on besides the place: direction and, if learnt, the image's code."""
        view = self.directions(rays.view_directions)
        if self.codes is None:
            return view
        known = (rays.camera_index >= 0)[:, None]
        codes = self.codes(rays.camera_index.clamp(min=0))
        return torch.cat([view, torch.where(known, codes, self.codes.weight.mean(0))], dim=-1)

    def background_of(self, rays: Rays) -> Float[Tensor, "rays 3"]:
        """The scene's colour; random in training wherever the photos do not fix it.

        Before a changing colour only matter can stand still, so that empty space stays empty in front
        of alpha, and captures that fill the view become opaque.
        """
        fixed = self.bounded and not self.scene.has_alpha
        if self.training and not fixed:
            return torch.rand_like(rays.origins)
        return self.background.expand_as(rays.origins)

    def fused_field(self) -> "FusedField | None":
        """This field in one kernel, made when first wanted; None where the device has no such kernel."""
        if self.fused is None:
            codes = None if self.codes is None else self.codes.weight
            parts = (self.layout, self.table, list(self.density_mlp), list(self.color_mlp), codes)
            self.fused = fused_field(*parts, contracted=not self.bounded)
        return self.fused

    def space(self) -> Space:
        """Where rays may meet matter."""
        return Space(self.grid.occupancy, self.steps)

    def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
        """March, shade, composite, compare and all the way back, keeping nothing between."""
        field = self.fused_field()
        if field is None:
            return None
        background = self.background_of(batch.rays)
        truth = batch.over(self.background, background)
        report = field.accumulate(
            batch.rays, truth, background, self.space(), torch.rand_like(batch.rays.near)
        )
        field.adam_step(progress.step + 1, AdamRule(self.config.lr * lr_scale))
        self.follow_budget(report.num_samples / len(truth))
        return StepReport(report.loss, report.loss, report.num_samples)

    def render_image(self, rays: Rays) -> Image:
        """The picture seen along `h w` rays, by the fused kernel where there is one."""
        field = self.fused_field()
        if field is None:
            return super().render_image(rays)
        height, width = rays.shape
        flat = rays.reshape(height * width)
        jitter = torch.full_like(flat.near, 0.5)
        rgb, opacity, depth = field.render(
            flat, self.background.expand_as(flat.origins), self.space(), jitter
        )
        return Image(
            rgb.reshape(height, width, 3), opacity.reshape(height, width), depth.reshape(height, width)
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error, over the background that was rendered."""
        truth = batch.over(self.background, rendering.background)
        self.follow_budget(len(rendering.weights) / len(truth))
        return {"photometric": squared_error(rendering.rgb, truth)}

    def follow_budget(self, samples_per_ray: float) -> None:
        """Choose the next step's rays so that they see `samples_per_step` samples; at most twice as many."""
        wanted = self.config.samples_per_step / max(samples_per_ray, 1.0)
        self.num_rays = int(min(max(wanted, 256), 2 * self.num_rays, 1 << 15))

    def rays_per_step(self) -> int:
        """As many rays as the budget of samples allows."""
        return self.num_rays

    def after_step(self, progress: Progress) -> bool:
        """Look again at what is empty: everywhere in the first steps, later at a part."""
        done = progress.step + 1
        width, threshold = self.steps.smallest, 0.01
        if done in self.config.survey_steps:
            self.grid.survey(self.density_for_grid, width, decay=0.6, threshold=threshold)
        elif done > self.config.survey_steps[-1] and done % self.config.grid_update_steps == 0:
            cells = self.config.cells_per_update
            self.grid.update(self.density_for_grid, width, num_cells=cells, decay=0.95, threshold=threshold)
        return False

    def density_for_grid(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density at world points without a gradient, by the fastest way there is."""
        field = self.fused_field()
        return self.density(points) if field is None else field.density_at(points, self.space())

    def param_groups(self) -> list[dict[str, Any]]:
        """One rate for all; the tiny epsilon lets rarely touched rows learn as fast as others."""
        settings = {"lr": self.config.lr, "betas": (0.9, 0.99), "eps": 1e-15}
        return [{"params": list(self.parameters()), **settings}]


def weights(*sizes: int) -> nn.ParameterList:
    """Matrices of a network without biases, outputs by inputs, He-uniform."""
    matrices = [torch.empty(out, size) for size, out in pairwise(sizes)]
    for matrix in matrices:
        nn.init.kaiming_uniform_(matrix, nonlinearity="relu")
    return nn.ParameterList(nn.Parameter(matrix) for matrix in matrices)
