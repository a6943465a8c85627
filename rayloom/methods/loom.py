"""loom: rayloom's own default, a hash grid with small networks that learns any capture in minutes.

Müller et al., "Instant Neural Graphics Primitives with a Multiresolution Hash Encoding", 2022,
arXiv:2201.05989; space is contracted as in mip-NeRF 360 (arXiv:2111.12077), with the L-infinity ball.

Features are looked up in a multiresolution hash grid; one small network makes density and 16 features of
them, a second one turns these and the direction into colour. Nested occupancy grids say where nothing is;
rays step over it, and stop where hardly any light is left. The capture decides the rest: an object lies in
its box and is trained before random backgrounds if photos have alpha; all else lives in contracted space, in
nested boxes with steps that grow with distance, and must be opaque. It begins with long steps, for many rays
while all is fog, which the distortion loss of mip-NeRF 360 gathers to surfaces. Cameras that are not trusted
learn by the places of samples, coarse levels first, as in Joint-TensoRF (arXiv:2402.13252) and BARF.
`loom@sharp` ends with patches, as in AligNeRF (arXiv:2211.09682): they may lie beside their places in photos
and are compared in features too, and a small network learns from neighbours.

Departs from the paper: 8 levels of 4 features, not 16 of 2, smaller tables, one hidden layer for colour, not
two, for the speed of a CPU; the number of rays follows a budget of samples.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras.corrections import CameraCorrections, CameraDescent
from rayloom.data.views import Views
from rayloom.fields.codes import CodeTable
from rayloom.fields.hash_field import HashField
from rayloom.geometry.boxes import Box
from rayloom.geometry.transforms import mean_pose
from rayloom.kernels import HashGridLayout
from rayloom.kernels.fused import AdamRule, Space
from rayloom.losses import squared_error, squeezed_distortion
from rayloom.losses.patches import PatchLosses, PatchPhase
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed, visible_samples
from rayloom.sampling.budget import RayBudget
from rayloom.sampling.growing_steps import growing_steps
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Batch, Image, Patch, Progress, Rays, Rendering, SceneInfo, StepReport

BETAS, EPS, PATCH_SIDE = (0.9, 0.99), 1e-15, 16


@dataclass(frozen=True)
class LoomConfig(MethodConfig):
    """Settings that suit two cores and a minute or two; larger tables pay on longer runs."""

    rays_per_step: int = 1024
    """Rays in the first step; later ones follow `samples_per_step`."""
    lr: float = 2e-2
    """Learning rate at the start."""
    lr_final: float = 1e-3
    """Learning rate at the end, to which it falls exponentially."""
    lr_hold: float = 0.8
    """Share of the run before the learning rate begins to fall."""
    samples_per_step: int = 1 << 15
    """Visible samples that an optimisation step should see; twice as many where there is no end."""
    num_levels: int = 8
    """Levels of the hash grid, of 4 features each."""
    log2_rows: int = 16
    """Rows of one level's table, as a power of two; twice as many where it holds all of space."""
    coarsest: int = 16
    """Cells per axis of the coarsest level."""
    finest: int = 512
    """Cells of the finest level from one side of the box to the other."""
    initial_density: float = 1.0
    """Density everywhere before training, per world unit; thick fog would hide what is behind it."""
    grid_resolution: int = 128
    """Cells per axis of each occupancy box."""
    num_cascades: int = 5
    """Nested occupancy boxes where there is no end, each twice as large as the one before."""
    steps_per_side: int = 192
    """Steps from one side of an object's box to the other."""
    steps_per_fold: int = 192
    """Steps in which the distance grows e-fold where there is no end; also from side to side of the box."""
    first_steps_per_fold: int = 12
    """The same when training begins."""
    coarse_share: float = 0.6
    """Share of the run over which steps grow finer from the one to the other."""
    distortion: float = 0.03
    """Weight of the loss that gathers the light of a ray: it clears fog, which no ray can step over."""
    occupied_depth: float = 0.05
    """Optical depth of one step from which a cell counts as occupied."""
    poses: Literal["given", "refine", "none"] = "given"
    """Trust the given ones, improve them, or find them from one place, if all look one way."""
    pose_lr: float = 6e-3
    """Learning rate of the cameras at first, fourfold where all begin at one place, far from theirs."""
    fine_from: float = 0.4
    """Share of the run after which every level takes part, where cameras learn; half of them do at first."""
    appearance: bool = False
    """Learn a code for each training image, for exposure and weather that change between photos."""
    patch_share: float = 0.0
    """Share of the run, at its end, in which one step in four sees patches."""
    patch_reach: int = 3
    """Pixels by which a patch may lie beside its place in the photo, along each axis."""
    high_frequency: float = 0.002
    """Weight of the difference in shallow features."""


class Loom(Method[LoomConfig]):
    """Hash grid, two networks without biases, occupancy grids."""

    paper = Paper("Instant Neural Graphics Primitives with a Multiresolution Hash Encoding", year=2022,
                  arxiv="2201.05989", tags=("fast", "grid", "static"))  # fmt: skip
    presets = {
        "default": LoomConfig(), "sharp": LoomConfig(patch_share=0.2),
        "quality": LoomConfig(log2_rows=19, finest=2048, steps_per_side=512, steps_per_fold=512),
        "tiny": LoomConfig(log2_rows=12, finest=128, grid_resolution=64, num_cascades=4, steps_per_side=96,
                           steps_per_fold=32, samples_per_step=1 << 13),
    }  # fmt: skip

    def __init__(self, config: LoomConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c, self.bounded = config, scene.kind == "object"
        corners = (scene.box_low, scene.box_high) if self.bounded else ((-1.0,) * 3, (1.0,) * 3)
        box = Box(*map(torch.tensor, corners))
        # Levels as fine in the box whether the grid covers the box alone or, contracted, twice its width.
        wider, num_codes = int(not self.bounded), scene.num_images if c.appearance else 0
        layout = HashGridLayout(c.num_levels, 4, c.log2_rows + wider, c.coarsest, c.finest << wider)
        self.field = HashField(layout, box, contracted=not self.bounded, num_codes=num_codes,
                               initial_density=c.initial_density)  # fmt: skip
        self.grid = OccupancyGrid(box, 1 if self.bounded else c.num_cascades, c.grid_resolution)
        self.step_rule = partial(
            growing_steps, box, c.steps_per_side if self.bounded else c.steps_per_fold, bounded=self.bounded,
            first=c.first_steps_per_fold, coarse_share=c.coarse_share)  # fmt: skip
        self.steps = self.finest_steps = self.step_rule(1.0)
        self.budget = RayBudget(c.samples_per_step << (not self.bounded), c.rays_per_step)
        self.learns_cameras = c.poses != "given"
        self.cameras = CameraCorrections(scene.num_images if self.learns_cameras else 0)
        self.descent = CameraDescent(self.cameras, c, c.pose_lr * (4 if c.poses == "none" else 1))
        losses = PatchLosses(Patch(PATCH_SIDE, c.patch_reach), c.high_frequency)
        self.patches = PatchPhase(c.patch_share, losses)

    def before_step(self, progress: Progress) -> None:
        """Choose the steps, whether cameras learn, and whether rays form patches."""
        self.steps = self.step_rule(progress.fraction)
        self.descent.follow(progress.fraction)
        self.patches.follow(progress)

    def patch(self) -> Patch | None:
        """Patches, when it is time."""
        return self.patches.patch

    def observe(self, views: Views) -> None:
        """Begin with the given cameras, or with one place for all."""
        given, one_place = views.cameras.world_from_camera, self.config.poses == "none"
        if self.learns_cameras:
            self.cameras.start_from(mean_pose(given).expand_as(given) if one_place else given)

    def learned_cameras(self) -> CameraCorrections | None:
        """The cameras, unless they are trusted."""
        return self.cameras if self.learns_cameras else None

    def photo_codes(self) -> CodeTable | None:
        """The codes of the photos' light, where they are learned."""
        return self.field.codes

    @property
    def space(self) -> Space:
        """Where rays may meet matter, and how they step."""
        return Space(self.grid.occupancy, self.steps)

    def prepare(self) -> None:
        """Compile the fused kernels, and read the filters of features."""
        self.patches.prepare()
        if field := self.field.fused():
            field.compile(self.space)

    def render(self, rays: Rays) -> Rendering:
        """March, drop what is hidden, shade, composite; cameras learn from places alone, as when fused."""
        rays = self.cameras.corrected(rays)
        samples = visible_samples(rays, self.space, self.jitter(rays), self.field.density)
        density, features = self.field.geometry(rays.at_samples(samples))
        view = self.field.view(rays.view_directions.detach(), rays.camera_index)
        rgb = self.field.color(features, view[samples.ray_index])
        rendering = render_packed(density, rgb, samples, self.background_of(rays))
        return replace(rendering, rgb=self.patches.refined(rendering.rgb))

    def jitter(self, rays: Rays) -> Float[Tensor, " rays"]:
        """Where the first step of each ray begins, in steps."""
        return torch.rand_like(rays.near) if self.training else torch.full_like(rays.near, 0.5)

    def background_of(self, rays: Rays) -> Float[Tensor, "rays 3"]:
        """The scene's colour; random in training wherever the photos do not fix it, so that matter must."""
        if self.training and (self.scene.has_alpha or not self.bounded):
            return self.patches.alike(torch.rand_like(rays.origins))
        return self.background.expand_as(rays.origins)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error or the losses of patches, over the background that was rendered."""
        truth = batch.over(self.background, rendering.background)
        self.budget.follow(len(rendering.weights) / len(truth))
        terms = {"distortion": self.config.distortion * squeezed_distortion(rendering)}
        if batch.crops is None:
            return terms | {"photometric": squared_error(rendering.rgb, truth)}
        return terms | self.patches.losses(rendering.rgb, batch.crops, rendering.background - self.background)

    def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
        """The same step without keeping anything between march and gradient."""
        if (field := self.field.fused()) is None:
            return None
        background, jitter = self.background_of(batch.rays), self.jitter(batch.rays)
        rays, parts = self.cameras.corrected(batch.rays), (background, self.space, jitter)
        render = partial(field.render, rays, *parts)
        aim = self.patches.aim(batch, self.background, background, render, lr_scale)
        options = {"distortion": self.config.distortion, "ray_gradients": self.descent.learns}
        report = field.accumulate(rays, aim.truth, *parts, **options)
        field.adam_step(progress.step + 1, AdamRule(self.config.lr * lr_scale, BETAS, EPS))
        self.descent.step(rays, report.ray_gradients, progress.fraction, lr_scale)
        self.budget.follow(report.num_samples / len(jitter))
        return aim.told(report)

    def rays_per_step(self) -> int:
        """As many rays as the budget of samples allows."""
        return self.budget.num_rays

    def after_step(self, progress: Progress) -> bool:
        """Let finer levels wait while cameras learn, and look again at what is empty."""
        if self.learns_cameras and progress.fraction < self.config.fine_from:
            self.field.hold_back(progress.fraction / self.config.fine_from)
        density, width = partial(self.field.quick_density, space=self.space), self.finest_steps.smallest
        self.grid.learn(density, width, steps_done=progress.step + 1, threshold=self.config.occupied_depth)
        return False

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, per world unit, 0 where rays step over what may be there."""
        flat = points.reshape(-1, 3)
        return (self.grid.contains(flat) * self.field.density(flat)).reshape(points.shape[:-1])

    def color(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n m 3"]
    ) -> Float[Tensor, "n m 3"]:
        """Colour at world points, without what neighbours add."""
        return self.field.seen(points, directions)

    def render_image(self, rays: Rays) -> Image:
        """The picture seen along `h w` rays, by the fused kernel where there is one."""
        flat = self.cameras.corrected(rays.reshape(rays.shape.numel()))
        image = self.field.fused_image(flat.reshape(*rays.shape), self.background, self.space)
        return self.patches.picture(image or super().render_image(rays))

    def param_groups(self) -> list[dict[str, Any]]:
        """One rate for the field; the tiny epsilon lets rarely touched rows learn as fast as others."""
        field = {"params": list(self.field.parameters()), "lr": self.config.lr, "betas": BETAS, "eps": EPS}
        patches = {"params": list(self.patches.parameters()), "lr": self.patches.settings.lr}
        return [field, self.descent.group(), patches]
