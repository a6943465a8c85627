"""mip-NeRF 360: all of space in a ball, and a small network that says where the large one should look.

Barron et al., "Mip-NeRF 360: Unbounded Anti-Aliased Neural Radiance Fields", 2022, arXiv:2111.12077.

The cone of a pixel is cut in normalised distance s, which is even in disparity (eq. 11), and each slice
becomes a normal distribution. What lies beyond the unit ball is contracted into a ball of radius 2
(eq. 9, 10), and encoded along 21 directions. A proposal network gives 64 slices a density alone; their
histogram, dilated and annealed, says where 64 new ones lie, and theirs where the 32 lie that the large
network sees. The colours teach the large network alone: a Charbonnier loss, and the distortion loss (eq. 15),
which gathers the light of a ray. The proposal network learns only to bound the weights of the large one
from above (eq. 13). The last slice of a ray is opaque.

A rendered object, which ends, is sampled evenly in distance, without contraction, distortion loss and an
opaque end; a forward-facing capture is warped into normalised device coordinates and sampled evenly there.
Follows the authors' code in this, as in dilating only what came from a proposal.

Departs from the paper: rays end at the capture's far bound, 1000 where none is stated, instead of 10^6; what
lies behind belongs to the last slice. The cameras fill the unit ball and not the cube around it. The radius
of a pixel comes from both of its sides. Warm-up is a share of the run, the paper's 512 of 250,000 steps.
Objects share the loss, encoding and samples of other captures.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.fields.encodings import FrequencyEncoding, OffAxisEncoding
from rayloom.fields.mlp import DensityMLP, RadianceMLP, initialize
from rayloom.geometry.contraction import contract, contract_gaussians
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.geometry.polyhedra import solid_directions
from rayloom.losses import charbonnier, dense_distortion, interlevel
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.sampling.cones import cast_cones
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Gaussians, Intervals, Progress, Rays, Rendering, SceneInfo

ANNEAL_SLOPE = 10.0
"""How quickly proposals gain trust as training begins (supplement)."""
DILATION_MULTIPLIER, DILATION_BIAS = 0.5, 0.0025
"""Half width of dilation: a share of the bin that even splitting would give, and a constant of s."""
COLOR_PADDING = 0.001
"""By how much colours may leave [0, 1], so that black and white can be reached."""
EPS = 1e-6
"""Of Adam."""


@dataclass(frozen=True)
class MipNeRF360Config(MethodConfig):
    """The paper's numbers, for every kind of capture."""

    rays_per_step: int = 16384
    """Rays in one optimisation step."""
    lr: float = 2e-3
    """Learning rate at the start."""
    lr_final: float = 2e-5
    """Learning rate at the end, to which it falls exponentially."""
    lr_warmup: float = 512 / 250_000
    """Share of the run over which the learning rate rises from a hundredth."""
    clip_norm: float = 1e-3
    """Largest norm of the gradient of each of the two networks; 0 leaves gradients as they are."""
    num_proposals: tuple[int, ...] = (64, 64)
    """Slices of each round of proposals."""
    num_samples: int = 32
    """Slices that the large network sees."""
    position_octaves: int = 12
    """Frequencies of the encoding of positions; more than the photos can show do no harm."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    proposal_width: int = 256
    """Hidden units in each layer of the proposal network."""
    proposal_depth: int = 4
    """Layers of the proposal network."""
    width: int = 1024
    """Hidden units in each layer of the large network's trunk."""
    depth: int = 8
    """Layers of that trunk."""
    bottleneck: int = 256
    """Features that pass from the trunk to the colour."""
    color_width: int = 128
    """Hidden units of the colour layer."""
    spacing: Spacing = "disparity"
    """What grows evenly with s where there is no end."""
    contracted: bool = True
    """Contract space where there is no end."""
    interlevel: float = 1.0
    """Weight of the loss from which proposals learn; without it they stay as they begin."""
    distortion: float = 0.01
    """Weight of the loss that gathers the light of a ray; objects do without."""


class MipNeRF360(Method[MipNeRF360Config]):
    """Networks of 326,913 and 8,680,580 parameters at the paper's size."""

    paper = Paper(
        "Mip-NeRF 360: Unbounded Anti-Aliased Neural Radiance Fields",
        year=2022,
        arxiv="2111.12077",
        tags=("foundation", "anti-aliasing", "unbounded", "static"),
    )
    # Small networks that are trained for minutes want higher rates, and gradients that are clipped less.
    presets = {
        "default": MipNeRF360Config(),
        "small": MipNeRF360Config(
            rays_per_step=512, num_proposals=(32, 32), num_samples=24, position_octaves=10,
            proposal_width=64, proposal_depth=2, width=128, depth=4, bottleneck=64, color_width=64,
            lr=5e-3, lr_final=1e-4, lr_warmup=0.01, clip_norm=0.1,
        ),
        "tiny": MipNeRF360Config(
            rays_per_step=512, num_proposals=(16, 16), num_samples=16, position_octaves=6,
            proposal_width=32, proposal_depth=2, width=32, depth=4, bottleneck=32, color_width=16,
            lr=5e-3, lr_final=1e-3, lr_warmup=0.01, clip_norm=0.1,
        ),
    }  # fmt: skip

    def __init__(self, config: MipNeRF360Config, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.ends = scene.kind == "object"
        self.goes_on = not self.ends and scene.ndc is None
        self.annealing = 1.0
        encoding = OffAxisEncoding(config.position_octaves, solid_directions("icosahedron", 2))
        self.proposal = DensityMLP[Gaussians](encoding, config.proposal_width, config.proposal_depth)
        self.network = RadianceMLP[Gaussians](
            encoding,
            FrequencyEncoding(config.direction_octaves),
            config.width,
            config.depth,
            bottleneck=config.bottleneck,
            color_width=config.color_width,
            color_padding=COLOR_PADDING,
        )
        initialize(self, "he")

    @property
    def spacing(self) -> Spacing:
        """As configured where there is no end; NDC is already even in disparity."""
        return self.config.spacing if self.goes_on else "distance"

    def before_step(self, progress: Progress) -> None:
        """Choose how far proposals are trusted: all bins alike at first, by their weights at last."""
        self.annealing = sampling.anneal_exponent(progress.fraction, ANNEAL_SLOPE)

    def render(self, rays: Rays) -> Rendering:
        """Proposals, each made from the one before, then colours."""
        world = rays
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        s = torch.stack([torch.zeros_like(rays.near), torch.ones_like(rays.near)], dim=-1)
        weights, proposals = torch.ones_like(s[..., 1:]), list[Rendering]()
        for num in self.config.num_proposals:
            s = self.resample(s, weights, num, len(proposals))
            proposals.append(self.propose(rays, s))
            weights = proposals[-1].weights
        s = self.resample(s, weights, self.config.num_samples, len(proposals))
        rendering = self.march(rays, s, tuple(proposals))
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    def resample(
        self, s: Float[Tensor, "*batch n_edges"], weights: Float[Tensor, "*batch n"], num: int, rounds: int
    ) -> Float[Tensor, "*batch m_edges"]:
        """The edges of new slices, from the histogram that is there after some rounds of proposals."""
        before = self.config.num_proposals[:rounds]
        dilation = sampling.dilation_width(before, multiplier=DILATION_MULTIPLIER, bias=DILATION_BIAS)
        return sampling.resample(
            s,
            weights,
            num,
            dilation=dilation if before else 0.0,
            annealing=self.annealing if self.training else 1.0,
            jitter=self.training,
        )

    def intervals(self, rays: Rays, s: Float[Tensor, "*batch n_edges"]) -> Intervals:
        """Slices along the rays from their edges in s."""
        return Intervals(sampling.t_from_s(s, rays.near, rays.far, self.spacing))

    def places(self, rays: Rays, intervals: Intervals) -> Gaussians:
        """Slices as the networks see them: in contracted space, or in the box or cube of the capture."""
        gaussians = cast_cones(rays, intervals, "cone" if self.scene.ndc is None else "cylinder")
        if self.goes_on and self.config.contracted:
            return contract_gaussians(gaussians, "l2")
        return gaussians

    def propose(self, rays: Rays, s: Float[Tensor, "*batch n_edges"]) -> Rendering:
        """A histogram of where matter may be; its matter is black, as it has no colour of its own."""
        intervals = self.intervals(rays, s)
        density = self.proposal(self.places(rays, intervals))
        black = density.new_zeros(3).expand(*density.shape, 3)
        proposal = composite(density, black, intervals, self.background, endless=not self.ends)
        return replace(proposal, extras={"s": s})

    def march(
        self, rays: Rays, s: Float[Tensor, "*batch n_edges"], proposals: tuple[Rendering, ...]
    ) -> Rendering:
        """Density and colour of the large network, composited."""
        intervals = self.intervals(rays, s)
        density, rgb = self.network(self.places(rays, intervals), rays.view_directions)
        rendering = composite(density, rgb, intervals, self.background, proposals, endless=not self.ends)
        return replace(rendering, extras={"s": s})

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Charbonnier, interlevel (eq. 13) of every proposal, and distortion (eq. 15), both over s."""
        s, weights = rendering.extras["s"], rendering.weights
        terms = {"photometric": charbonnier(rendering.rgb, batch.rgb, batch.area)}
        for i, proposal in enumerate(rendering.coarser):
            bound = interlevel(s, weights, proposal.extras["s"], proposal.weights)
            terms[f"interlevel_{i}"] = self.config.interlevel * bound
        if not self.ends:
            terms["distortion"] = self.config.distortion * dense_distortion(weights, s)
        return terms

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, as of slices without width."""
        if self.scene.ndc is not None:
            points = ndc_from_world(points, self.scene.ndc)
        elif self.goes_on and self.config.contracted:
            points = contract(points, "l2")
        return self.network.density(Gaussians(points, points.new_zeros(*points.shape, 3)))

    def param_groups(self) -> list[dict[str, Any]]:
        """The two networks apart, so that neither's gradient is clipped for the other's."""
        networks = (self.proposal, self.network)
        return [{"params": list(net.parameters()), "lr": self.config.lr, "eps": EPS} for net in networks]
