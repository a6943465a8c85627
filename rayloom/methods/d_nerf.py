"""D-NeRF: a moving scene as one that stands still, and a field that leads every place and time into it.

Pumarola et al., "D-NeRF: Neural Radiance Fields for Dynamic Scenes", 2020, arXiv:2011.13961.

A deformation network sees an encoded position and an encoded time, and says how far away the matter that is
there then was at time 0. NeRF's network sees the displaced position alone, so that all photos, each taken at
another time, teach one canonical scene. At time 0 nothing is displaced, nor before the first training photo,
without which nothing would say where the scene of time 0 is. One network serves both passes: its
densities at stratified points, without a gradient, say where the fine points lie. Training begins with the
early photos and lets later ones in one by one. Without `canonical` time is an input of NeRF's network
instead: T-NeRF, the paper's baseline.

Departs from the paper: the deformation begins at almost no motion; the skip of its network repeats the time
too; density is softplus(x - 1), against scenes that stay empty; rays of a step come from all photos that are
let in, and so have many times; the world is scaled so that the scene fills the unit ball. A forward-facing
capture is warped into normalised device coordinates, an unbounded one is sampled evenly in disparity, as in
NeRF. Density at points, for meshes, is that of time 0.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.data.views import Views
from rayloom.fields.deformation import DeformationField
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.mlp import RadianceMLP
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import weights_from_density, with_world_depth
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class DNeRFConfig(MethodConfig):
    """The paper's numbers."""

    rays_per_step: int = 500
    """Rays in one optimisation step."""
    num_coarse: int = 64
    """Points of the first pass, stratified over the ray."""
    num_fine: int = 128
    """Points added for the second pass, where the first pass found matter."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    time_octaves: int = 10
    """Frequencies of the encoding of time."""
    width: int = 256
    """Hidden units in each layer of both networks."""
    depth: int = 8
    """Layers of both networks' trunks."""
    canonical: bool = True
    """Displace positions into the scene at time 0; without it NeRF's network sees positions and time."""
    curriculum: float = 0.0125
    """Share of the run over which the photos are let in, in the order of their times."""


class DNeRF(Method[DNeRFConfig]):
    """A deformation network and one NeRF."""

    paper = Paper(
        "D-NeRF: Neural Radiance Fields for Dynamic Scenes",
        year=2020,
        arxiv="2011.13961",
        tags=("dynamic", "deformation"),
    )
    presets = {
        "default": DNeRFConfig(),
        "small": DNeRFConfig(
            rays_per_step=1024, num_coarse=32, num_fine=32, position_octaves=8, time_octaves=6, width=128,
            depth=6, lr=1e-3, lr_final=1e-4,
        ),
        "tiny": DNeRFConfig(
            rays_per_step=256, num_coarse=16, num_fine=8, position_octaves=6, time_octaves=4, width=32,
            depth=4, lr=5e-3, lr_final=5e-4,
        ),
    }  # fmt: skip

    def __init__(self, config: DNeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c = config
        self.time = FrequencyEncoding(c.time_octaves, num_inputs=1)
        self.deformation = None
        if c.canonical:
            position = FrequencyEncoding(c.position_octaves)
            self.deformation = DeformationField(
                position, self.time.num_outputs, c.width, c.depth, "translation"
            )
        position = FrequencyEncoding(c.position_octaves, num_inputs=3 if c.canonical else 4)
        self.first: Tensor
        self.register_buffer("first", torch.zeros(()))
        self.network = RadianceMLP(position, FrequencyEncoding(c.direction_octaves), c.width, c.depth)

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end, but NDC is already even in disparity."""
        return "disparity" if self.scene.kind == "unbounded" else "distance"

    def observe(self, views: Views) -> None:
        """When the first photo was taken."""
        self.first.copy_(views.cameras.time.min())

    def places(
        self, points: Float[Tensor, "*batch n 3"], time: Float[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch n k"]:
        """What NeRF's network is asked for: where n points a ray were at first, or (x, y, z, t)."""
        if self.deformation is None:
            return torch.cat([points, time[..., None, None].expand(*points.shape[:-1], 1)], dim=-1)
        displaced = self.deformation(points, self.time(time[..., None]))
        return torch.where((time <= self.first)[..., None, None], points, displaced)

    def render(self, rays: Rays) -> Rendering:
        """Fine colours, at points that the densities of coarse ones ask for."""
        world = rays
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        t = sampling.stratified(rays, self.config.num_coarse, jitter=self.training, spacing=self.spacing)
        with torch.no_grad():
            density = self.network.density(self.places(rays.at(t), rays.time))
            weights = weights_from_density(density, self.intervals(rays, t).widths)
        t = sampling.refine_points(t, weights, self.config.num_fine, jitter=self.training)
        density, rgb = self.network(self.places(rays.at(t), rays.time), rays.view_directions)
        rendering = composite(density, rgb, self.intervals(rays, t), self.background)
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    def intervals(self, rays: Rays, t: Float[Tensor, "*batch n"]) -> Intervals:
        """Each point stands for the interval up to the next, the last for all behind it."""
        return Intervals(torch.cat([t, torch.maximum(rays.far[..., None], t[..., -1:])], dim=-1))

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error of the rays of photos that are let in, every pixel alike whatever it covers."""
        time, until = batch.rays.time, progress.fraction / max(self.config.curriculum, 1e-9)
        # The earliest rays of a step are always in: the photo of time 0 may be held out.
        let_in = time <= time.min().clamp_min(until)
        return {"photometric": photometric(rendering, replace(batch, area=let_in.float()))}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points at time 0."""
        if self.scene.ndc is not None:
            points = ndc_from_world(points, self.scene.ndc)
        return self.network.density(self.places(points[..., None, :], torch.zeros_like(points[..., 0])))[
            ..., 0
        ]
