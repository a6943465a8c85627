"""NeRF: a scene as one network from position and direction to density and colour.

Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", 2020,
arXiv:2003.08934.

Positions and directions are encoded by sines and cosines of doubling frequency. A coarse network sees
64 stratified points on each ray; its weights say where to put 128 more, and a fine network sees all 192.
Both are trained on the squared error of their own colour. A forward-facing capture is first warped into
normalised device coordinates; an unbounded one is sampled evenly in disparity.

Departs from the paper: pixel centres lie at +0.5 (the authors' code puts them at 0); rays of a step come
from all images, also for rendered objects; the world is scaled so that the scene fills the unit ball.
Follows the authors' code where it differs from the text: the encoding has no factor pi and keeps its
input, and there is one colour layer.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.mlp import DensityActivation, RadianceMLP
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class NeRFConfig(MethodConfig):
    """The paper's numbers for rendered objects; the other kinds of capture share them."""

    num_coarse: int = 64
    """Points of the first pass, stratified over the ray."""
    num_fine: int = 128
    """Points added for the second pass, where the first pass found matter; 0 leaves the second pass out."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions; 0 feeds plain coordinates."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 256
    """Hidden units in each layer of the trunk."""
    depth: int = 8
    """Layers of the trunk."""
    density_activation: DensityActivation = "relu"
    """What keeps density positive; softplus cannot get stuck in an empty scene."""
    density_noise: float = 1.0
    """Deviation of the noise on raw density while training on photographs; rendered objects get none."""


class NeRF(Method[NeRFConfig]):
    """Two networks, coarse and fine, of 595,844 parameters each at the paper's size."""

    paper = Paper(
        "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis",
        year=2020,
        arxiv="2003.08934",
        tags=("foundation", "static"),
    )
    presets = {
        "default": NeRFConfig(),
        "small": NeRFConfig(num_coarse=32, num_fine=32, width=128, lr=1e-3, lr_final=1e-4),
        "tiny": NeRFConfig(
            num_coarse=16, num_fine=16, width=32, depth=4, position_octaves=6, lr=5e-3, lr_final=1e-3
        ),
    }

    def __init__(self, config: NeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.coarse = self.network()
        self.fine = self.network() if config.num_fine else None

    def network(self) -> RadianceMLP:
        """A fresh network of the configured size."""
        return RadianceMLP(
            FrequencyEncoding(self.config.position_octaves),
            FrequencyEncoding(self.config.direction_octaves),
            self.config.width,
            self.config.depth,
            self.config.density_activation,
        )

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end, but NDC is already even in disparity."""
        return "disparity" if self.scene.kind == "unbounded" else "distance"

    def render(self, rays: Rays) -> Rendering:
        """Coarse colours, then fine ones."""
        world = rays
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        t = sampling.stratified(rays, self.config.num_coarse, jitter=self.training, spacing=self.spacing)
        rendering = self.march(self.coarse, rays, t)
        if self.fine is not None:
            t = sampling.refine_points(t, rendering.weights, self.config.num_fine, jitter=self.training)
            rendering = self.march(self.fine, rays, t, coarser=(rendering,))
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    def march(
        self,
        network: RadianceMLP,
        rays: Rays,
        t: Float[Tensor, "*batch n"],
        coarser: tuple[Rendering, ...] = (),
    ) -> Rendering:
        """Query at the points t; each stands for the interval up to the next, the last for all behind it."""
        noise = self.config.density_noise if self.training and self.scene.kind != "object" else 0.0
        density, rgb = network(rays.at(t), rays.view_directions, noise)
        intervals = Intervals(torch.cat([t, torch.maximum(rays.far[..., None], t[..., -1:])], dim=-1))
        # Softplus is never quite zero, so that an endless last interval would hide the background.
        endless = self.config.density_activation == "relu"
        return composite(density, rgb, intervals, self.background, coarser, endless=endless)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error of both levels (eq. 6), every pixel alike whatever it covers."""
        return {"photometric": photometric(rendering, replace(batch, area=None))}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density of the finer network at world points."""
        network = self.fine or self.coarse
        if self.scene.ndc is not None:
            points = ndc_from_world(points, self.scene.ndc)
        return network.density(points)
