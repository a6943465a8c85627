"""Joint-TensoRF: a tensorial radiance field and the cameras that saw it, learned together.

Cheng, Chiu, Liu, "Improving Robustness for Joint Optimization of Camera Poses and Decomposed Low-Rank
Tensorial Radiance Fields", 2024, arXiv:2402.13252.

The field is TensoRF's: planes and lines, a matrix, a small network. Each camera has a twist on the world's
side, which learns through the places of samples alone; the network's view directions carry no gradient. A
camera that is off by u sees the right way only in what is wider than 2u (theorem 1), so that training goes
from blurred to sharp: the factors are filtered by a Gaussian, plane by plane and line by line (theorem 4),
and the photos are blurred. Both widths fall in straight pieces to zero. Each step scales them by random
numbers, drawn apart, that of the field for density alone. At first every other step prefers edges.

Departs from the paper: kernels sum to 1 unless told otherwise; widths are in shares of the box and of the
photo, and schedules in shares of the run; samples are equally many on each ray, spread over its way through
the box; pixels of a step are random instead of a grid that all photos share. There is no mask of empty
space, as in effect there is none in the authors' code. Space without end is contracted as in mip-NeRF 360.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.cameras.corrections import CameraCorrections
from rayloom.data.views import Views
from rayloom.fields.filtered_field import FilteredField
from rayloom.fields.tensor_field import TensorActivation, TensorField, box_around
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import squared_error
from rayloom.losses.blurred import BlurredPhotos
from rayloom.losses.edges import edge_guided
from rayloom.losses.factors import sparsity
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite, weights_from_density
from rayloom.rendering.compositing import with_world_depth
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

BETAS = (0.9, 0.99)
VISIBLE = 1e-4
"""Weight from which a sample has a colour of its own; fainter ones are black."""
FIELD_SCALES, PHOTO_SCALES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0)
"""What the widths of the filter and of the blur are multiplied by, drawn anew in each step."""


@dataclass(frozen=True)
class JointTensoRFConfig(MethodConfig):
    """The paper's numbers for rendered objects; shares of the run are steps over 40,000."""

    rays_per_step: int = 2048
    """Rays in one optimisation step."""
    lr: float = 1e-2
    """Learning rate of planes and lines at the start."""
    lr_final: float = 1e-3
    """The same at the end."""
    network_lr: float = 5e-4
    """Learning rate of matrix and network at the start; it falls by as much."""
    pose_lr: float = 1e-3
    """Learning rate of the cameras at the start."""
    pose_lr_final: float = 1e-4
    """The same at the end."""
    first_resolution: int = 64
    """Voxels along an edge at the start; a box with unequal edges has as many voxels in all."""
    resolution: int = 400
    """Voxels along an edge at the end."""
    upsample_shares: tuple[float, ...] = (0.05, 0.15, 0.1875, 0.225)
    """Shares of the run after which resolution grows, each time by the same factor."""
    num_samples: int = 512
    """Samples on each ray."""
    density_components: int = 16
    """Products of a line and a plane along each axis that density is made of."""
    appearance_components: int = 48
    """The same for appearance."""
    num_features: int = 27
    """Appearance features that the network sees."""
    width: int = 64
    """Hidden units of the network's two layers."""
    density_activation: TensorActivation = "softplus"
    """Softplus begins with empty space; the paper has ReLU for forward-facing captures."""
    octaves: int = 2
    """Frequencies of the encoding of features and of directions."""
    density_l1: float = 8e-5
    """Weight of the L1 loss on the density factors."""
    margin: float = 1.2
    """Edge of the box over that of the object's, which was found with cameras that may be wrong."""
    filter_widths: tuple[float, ...] = (0.1, 0.05, 0.0233, 0.0)
    """Deviation of the field's filter at even steps of its time, in edges of the box."""
    filter_share: float = 0.3
    """Share of the run after which the field is no longer filtered."""
    blur_widths: tuple[float, ...] = (0.025, 0.0125, 0.00625, 0.0)
    """Deviation of the photos' blur at even steps of its time, over their mean side."""
    blur_share: float = 0.3333
    """Share of the run after which photos are sharp."""
    blur_updates: int = 80
    """How often a whole run would blur the photos anew."""
    edge_share: float = 0.2
    """Share of the run in which every other step prefers edges."""
    filter_3d: bool = True
    """Filter the field; without it photos alone are blurred."""
    blur_2d: bool = True
    """Blur the photos; without it the field alone is filtered."""
    random_scales: bool = True
    """Scale filter and blur by random numbers."""
    edge_loss: bool = True
    """Let steps prefer edges."""
    normalized_kernel: bool = True
    """Let the filter's kernel sum to 1; the paper's may reach 1.09."""
    learn_cameras: bool = True
    """Learn the cameras; without it given ones are trusted."""


class JointTensoRF(Method[JointTensoRFConfig]):
    """A twist for each photo, two factorised grids, a matrix and a network."""

    paper = Paper(
        "Improving Robustness for Joint Optimization of Camera Poses and Decomposed Low-Rank Tensorial "
        "Radiance Fields", year=2024, arxiv="2402.13252", tags=("poses", "grid", "static"),
    )  # fmt: skip
    presets = {
        "default": JointTensoRFConfig(),
        "small": JointTensoRFConfig(
            rays_per_step=1024, lr=2e-2, lr_final=2e-3, network_lr=1e-3, first_resolution=32, resolution=96,
            pose_lr=8e-3, pose_lr_final=1e-3, num_samples=96, density_components=8, appearance_components=16,
        ),
        "forward-facing": JointTensoRFConfig(
            rays_per_step=4096, lr=3e-2, lr_final=3e-3, network_lr=3e-3, pose_lr_final=5e-4, width=32,
            first_resolution=50, resolution=800, upsample_shares=(0.12, 0.16, 0.34, 0.4), num_samples=1024,
            appearance_components=20, density_activation="relu", density_l1=1e-4, filter_share=0.2727,
            blur_widths=(0.07, 0.035, 0.015, 0.0), blur_share=0.214, edge_share=0.16,
        ),
        "tiny": JointTensoRFConfig(
            rays_per_step=384, lr=4e-2, lr_final=4e-3, network_lr=5e-3, first_resolution=24, resolution=40,
            pose_lr=8e-3, pose_lr_final=1e-3, num_samples=32, density_components=4, appearance_components=6,
            num_features=9, width=24, octaves=0,
        ),
    }  # fmt: skip

    def __init__(self, config: JointTensoRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c, self.contracted = config, scene.kind == "unbounded"
        self.cameras = CameraCorrections(scene.num_images, side="world") if c.learn_cameras else None
        field = TensorField(
            box_around(scene, c.margin), c.first_resolution, [c.density_components] * 3,
            [c.appearance_components] * 3, contracted=self.contracted, decomposition="vm",
            activation=c.density_activation, num_features=c.num_features, width=c.width, octaves=c.octaves,
        )  # fmt: skip
        self.filtered = FilteredField(field, normalized=c.normalized_kernel)
        self.photos: BlurredPhotos | None = None

    def observe(self, views: Views) -> None:
        """Take the given cameras for a start, and keep the photos to blur them."""
        self.photos = BlurredPhotos(views, self.background)
        if self.cameras is not None:
            self.cameras.start_from(views.cameras.world_from_camera.to(self.background.device))

    def learned_cameras(self) -> CameraCorrections | None:
        """The twists."""
        return self.cameras

    def before_step(self, progress: Progress) -> None:
        """Choose the widths of filter and blur; forget the photos when they are needed no more."""
        c, now = self.config, progress.fraction
        self.filtered.width.fill_(annealed(c.filter_widths, c.filter_share, now) if c.filter_3d else 0.0)
        if self.photos is not None and now >= max(c.blur_share, c.edge_share):
            self.photos = None
        if self.photos is not None and int(now * c.blur_updates) != self.photos.version:
            width = annealed(c.blur_widths, c.blur_share, now) if c.blur_2d else 0.0
            scales = PHOTO_SCALES if c.random_scales else (1.0,)
            self.photos.blur(width, scales, version=int(now * c.blur_updates))

    def after_step(self, progress: Progress) -> bool:
        """Upsample the factors when it is time; True where they were replaced."""
        c, shares, field = self.config, self.config.upsample_shares, self.filtered.field
        done = bisect_right(shares, progress.fraction) / max(len(shares), 1)
        resolution = c.first_resolution * (c.resolution / c.first_resolution) ** done
        due = field.nodes(resolution) != list(field.density_factors.resolution)
        if due:
            field.upsample(resolution)
        return due

    def render(self, rays: Rays) -> Rendering:
        """Correct the cameras, sample evenly, look up density, shade what counts, composite."""
        world = rays if self.cameras is None else self.cameras.corrected(rays)
        rays = world if self.scene.ndc is None else ndc_rays(world, self.scene.ndc)
        intervals = self.intervals(rays)
        points = rays.at(intervals.midpoints)
        scale = drawn(FIELD_SCALES) if self.training and self.config.random_scales else 1.0
        density = self.filtered.density(points.reshape(-1, 3), scale).reshape(points.shape[:-1])
        with torch.no_grad():
            seen = weights_from_density(density, intervals.widths) > VISIBLE
        # Poses learn through places alone.
        view = rays.view_directions.detach()[:, None].expand_as(points)
        rgb = torch.zeros_like(points)
        rgb[seen] = self.filtered.color(points[seen], view[seen])
        rendering = composite(density, rgb, intervals, self.background)
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    @torch.no_grad()
    def intervals(self, rays: Rays) -> Intervals:
        """Even pieces of each ray's way through the box, in disparity where there is no end."""
        if not self.contracted:
            enter, leave = self.filtered.field.box.intersect(rays.origins, rays.directions)
            near = torch.maximum(enter, rays.near)
            rays = replace(rays, near=near, far=torch.maximum(torch.minimum(leave, rays.far), near))
        spacing = "disparity" if self.contracted else "distance"
        return sampling.uniform(rays, self.config.num_samples, jitter=self.training, spacing=spacing)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error against photos as blurred as a number says, on edges above all, and L1 of density."""
        c, rgb, truth, edges = self.config, rendering.rgb, batch.rgb, None
        if self.photos is not None:
            truth = self.photos.rgb(batch, drawn(PHOTO_SCALES) if c.random_scales else 1.0)
            if c.edge_loss and progress.fraction < c.edge_share and progress.step % 2 == 1:
                edges = self.photos.on_edges(batch)
        error = squared_error(rgb, truth) if edges is None else edge_guided(rgb, truth, edges)
        thinning = sparsity(list(self.filtered.field.density_factors.parameters()))
        return {"photometric": error, "sparsity": c.density_l1 * thinning}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points of the field as it was last filtered; per unit of the cube in NDC."""
        seen = points if self.scene.ndc is None else ndc_from_world(points, self.scene.ndc)
        return self.filtered.density(seen.reshape(-1, 3)).reshape(points.shape[:-1])

    def param_groups(self) -> list[dict[str, Any]]:
        """Factors, then matrix and network, then cameras."""
        c, field = self.config, self.filtered.field
        cameras = [] if self.cameras is None else list(self.cameras.parameters())
        return [
            {"params": field.factors(), "lr": c.lr, "betas": BETAS},
            {"params": field.networks(), "lr": c.network_lr, "betas": BETAS},
            {"params": cameras, "lr": c.pose_lr, "lr_final": c.pose_lr_final},
        ]


def annealed(widths: Sequence[float], share: float, fraction: float) -> float:
    """A width that goes through some in straight pieces of equal time, and has the last one after `share`."""
    return float(np.interp(fraction, np.linspace(0, share, len(widths)), widths))


def drawn(scales: Sequence[float]) -> float:
    """One of some scales, each as likely as any other."""
    return scales[int(torch.randint(len(scales), ()))]
