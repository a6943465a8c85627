"""mip-NeRF: a pixel is a cone, and a network that knows how wide it is does not alias.

Barron et al., "Mip-NeRF: A Multiscale Representation for Anti-Aliasing Neural Radiance Fields", 2021,
arXiv:2103.13415.

The cone of a pixel is cut into 128 slices by edges stratified over the ray, and each slice becomes the
normal distribution with its mean and variances (eq. 7, 8, 16). Positions are encoded by the expected sines
and cosines of that distribution (eq. 14), so that frequencies fade where the slice is wider than their
waves. One network sees these slices and then 128 new ones, drawn from the weights of the first after a blur
and a constant (eq. 18); the first are not seen again. Both levels are trained on the squared error of
their colour, the coarse one at a tenth of the weight (eq. 17), and a pixel of a reduced photo counts as
much as all the pixels that it covers. A forward-facing capture is warped into normalised device
coordinates, where cones are cylinders; an unbounded one is sampled evenly in disparity.

Departs from the paper: rays of a step come from all images, also for rendered objects; the radius of a
pixel comes from both of its sides; the world is scaled so that the scene fills the unit ball. Warm-up is a
share of the run, the paper's 2500 of a million steps. Follows the authors' code, where the text is silent,
in the noise on the density of photographs.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.fields.encodings import FrequencyEncoding, IntegratedEncoding
from rayloom.fields.mlp import RadianceMLP, initialize
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.sampling.cones import RayShape, cast_cones_diagonal
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

COARSE_WEIGHT = 0.1
"""λ of eq. 17."""
WEIGHT_PADDING = 0.01
"""α of eq. 18: what every interval weighs at least when new ones are drawn."""
COLOR_PADDING = 0.001
"""By how much colours may leave [0, 1], so that black and white can be reached."""

Network = RadianceMLP[tuple[Tensor, Tensor]]
"""Asked with the mean and the variance of each coordinate of a slice."""


@dataclass(frozen=True)
class MipNeRFConfig(MethodConfig):
    """The paper's numbers, for every kind of capture."""

    rays_per_step: int = 4096
    """Rays in one optimisation step."""
    lr_final: float = 5e-6
    """Learning rate at the end, to which it falls exponentially."""
    lr_warmup: float = 0.0025
    """Share of the run over which the learning rate rises from a hundredth."""
    num_samples: int = 128
    """Intervals of each of the two levels."""
    position_octaves: int = 16
    """Frequencies of the encoding of positions; more than the photos can show do no harm."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 256
    """Hidden units in each layer of the trunk."""
    depth: int = 8
    """Layers of the trunk."""
    density_noise: float = 1.0
    """Deviation of the noise on raw density while training on photographs; rendered objects get none."""
    integrated: bool = True
    """Encode slices of the cone; without it their means alone, as points without width."""
    shared_network: bool = True
    """One network for both levels; without it the coarse level has its own."""


class MipNeRF(Method[MipNeRFConfig]):
    """One network of 612,740 parameters at the paper's size."""

    paper = Paper(
        "Mip-NeRF: A Multiscale Representation for Anti-Aliasing Neural Radiance Fields",
        year=2021,
        arxiv="2103.13415",
        tags=("foundation", "anti-aliasing", "static"),
    )
    presets = {
        "default": MipNeRFConfig(),
        "small": MipNeRFConfig(num_samples=48, width=128, rays_per_step=1024, lr=1e-3, lr_final=1e-4),
        "tiny": MipNeRFConfig(
            num_samples=16, width=32, depth=4, position_octaves=8, rays_per_step=1024, lr=5e-3, lr_final=1e-3
        ),
    }

    def __init__(self, config: MipNeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.network = self.new_network()
        self.coarse_network = None if config.shared_network else self.new_network()

    def new_network(self) -> Network:
        """A fresh network of the configured size, initialised after Glorot and Bengio."""
        network = RadianceMLP(
            IntegratedEncoding(self.config.position_octaves),
            FrequencyEncoding(self.config.direction_octaves),
            self.config.width,
            self.config.depth,
            color_padding=COLOR_PADDING,
        )
        initialize(network, "glorot")
        return network

    @property
    def ray_shape(self) -> RayShape:
        """In the cube of normalised device coordinates the sides of a pixel's cone are parallel."""
        return "cone" if self.scene.ndc is None else "cylinder"

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end, but NDC is already even in disparity."""
        return "disparity" if self.scene.kind == "unbounded" else "distance"

    def render(self, rays: Rays) -> Rendering:
        """Coarse colours, then fine ones."""
        world, num = rays, self.config.num_samples
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        intervals = sampling.uniform(rays, num, jitter=self.training, spacing=self.spacing)
        coarse = self.march(self.coarse_network or self.network, rays, intervals)
        edges = sampling.resample_blurred(
            intervals.edges, coarse.weights, num, padding=WEIGHT_PADDING, jitter=self.training
        )
        rendering = self.march(self.network, rays, Intervals(edges), coarser=(coarse,))
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    def march(
        self, network: Network, rays: Rays, intervals: Intervals, coarser: tuple[Rendering, ...] = ()
    ) -> Rendering:
        """Cut the cones into slices, query and composite."""
        means, variances = cast_cones_diagonal(rays, intervals, self.ray_shape)
        if not self.config.integrated:
            variances = torch.zeros_like(variances)
        noise = self.config.density_noise if self.training and self.scene.kind != "object" else 0.0
        density, rgb = network((means, variances), rays.view_directions, noise)
        return composite(density, rgb, intervals, self.background, coarser)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error of both levels, weighted by the area of the pixels (eq. 17)."""
        return {"photometric": photometric(rendering, batch, COARSE_WEIGHT)}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, as of slices without width."""
        if self.scene.ndc is not None:
            points = ndc_from_world(points, self.scene.ndc)
        return self.network.density((points, torch.zeros_like(points)))
