"""AligNeRF: mip-NeRF 360 that learns from patches of photos which are off by pixels.

Jiang et al., "AligNeRF: High-Fidelity Neural Radiance Fields via Alignment-Aware Training", 2023,
arXiv:2211.09682.

Poses off by a pixel, leaves that move and squared errors blur what high-resolution photos show. Training
begins as mip-NeRF 360's, on random rays. Then rays form patches, as many in a step as before. The features of
samples are rendered as colours are, and a shallow CNN on the patch of features adds a residual to the colours
of its rays. The patch is compared with a larger crop of the photo under all displacements of some pixels, and
learns from the one that fits best, long displacements costing more; and the two are compared by the features
of VGG-16's first block. Whole pictures pass through the CNN in overlapping patches.

From the paper: the base, these three parts, features before pooling, two stages. Recalled only, as neither
text nor code was at hand: patches of 32 pixels in crops of 48, three layers, 60 % of the run for the first
stage, the form of the cost. Unknown, hence ours: the numbers of features and channels, all weights, VGG-16
and not 19, which of the network's activations are rendered, and squared errors in the second stage.

Departs from the paper, as far as known: the CNN adds a residual that begins at zero, so that the method
begins as its base; patches learn a little from their own place too, else scenes drift; derivatives of
Gaussians stand in where VGG's weights are missing. The base is that of `mip_nerf_360.py`, with what that file
departs in. Single rays, as `render` sees them, have the base's colour.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom import sampling
from rayloom.data.views import Views
from rayloom.fields.encodings import FrequencyEncoding, OffAxisEncoding
from rayloom.fields.mlp import DensityMLP, RadianceMLP, initialize
from rayloom.fields.neighborhood import NeighborhoodCNN, idle
from rayloom.geometry.contraction import contract, contract_gaussians
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.geometry.polyhedra import solid_directions
from rayloom.losses import charbonnier, dense_distortion, interlevel
from rayloom.losses.alignment import DisplacementLog, alignment, anchor
from rayloom.losses.high_frequency import ShallowFeatures, high_frequency
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.sampling.cones import cast_cones
from rayloom.types import Batch, Gaussians, Image, Intervals, Patch, Progress, Rays, Rendering, SceneInfo

ANNEAL_SLOPE = 10.0
DILATION_MULTIPLIER, DILATION_BIAS = 0.5, 0.0025
COLOR_PADDING = 0.001
EPS, BETAS = 1e-6, (0.9, 0.99)
"""Of Adam; gradients of the CNN begin late: with 0.999 its first steps would be six times too long."""


@dataclass(frozen=True)
class AligNeRFConfig(MethodConfig):
    """mip-NeRF 360's numbers, and those of the second stage."""

    rays_per_step: int = 16384
    """Rays in one optimisation step, in either stage."""
    lr: float = 2e-3
    """Learning rate at the start."""
    lr_final: float = 2e-5
    """Learning rate at the end, to which it falls exponentially."""
    lr_warmup: float = 512 / 250_000
    """Share of the run over which the learning rate rises from a hundredth."""
    clip_norm: float = 1e-3
    """Largest norm of the gradient of each network; 0 leaves gradients as they are."""
    num_proposals: tuple[int, ...] = (64, 64)
    """Slices of each round of proposals."""
    num_samples: int = 32
    """Slices that the large network sees."""
    position_octaves: int = 12
    """Frequencies of the encoding of positions."""
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
    distortion: float = 0.01
    """Weight of the loss that gathers the light of a ray; objects do without."""
    pixel_share: float = 0.6
    """Share of the run that learns from random rays; 1 is mip-NeRF 360."""
    patch_side: int = 32
    """Pixels along the side of a patch."""
    patch_margin: int = 8
    """Largest displacement in x and in y, pixels; 0 trusts the poses."""
    displacement: float = 1e-3
    """Cost of a pixel of displacement, as a squared error."""
    anchor: float = 0.05
    """Weight of the error of patches in their own place; 0 lets the scene drift."""
    high_frequency: float = 0.05
    """Weight of the loss on shallow features; 0 does without."""
    convolution: bool = True
    """Let neighbourhoods add to colours."""
    num_features: int = 32
    """Rendered features that the CNN sees."""
    conv_width: int = 32
    """Channels of the CNN's three layers."""


class AligNeRF(Method[AligNeRFConfig]):
    """The networks of mip-NeRF 360 and a CNN of a few ten thousand parameters."""

    paper = Paper(
        "AligNeRF: High-Fidelity Neural Radiance Fields via Alignment-Aware Training",
        year=2023, arxiv="2211.09682", tags=("high-resolution", "misalignment", "unbounded", "static"),
    )  # fmt: skip
    presets = {
        "default": AligNeRFConfig(),
        "small": AligNeRFConfig(
            rays_per_step=1024, num_proposals=(32, 32), num_samples=24, position_octaves=10,
            proposal_width=64, proposal_depth=2, width=128, depth=4, bottleneck=64, color_width=64,
            lr=5e-3, lr_final=1e-4, lr_warmup=0.01, clip_norm=0.1, patch_side=16, patch_margin=6,
            num_features=16, conv_width=16,
        ),
        "tiny": AligNeRFConfig(
            rays_per_step=512, num_proposals=(16, 16), num_samples=16, position_octaves=6, proposal_width=32,
            proposal_depth=2, width=32, depth=4, bottleneck=32, color_width=16, lr=5e-3, lr_final=1e-3,
            lr_warmup=0.01, clip_norm=0.1, patch_side=8, patch_margin=4, num_features=8, conv_width=8,
        ),
    }  # fmt: skip

    def __init__(self, config: AligNeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c, self.ends = config, scene.kind == "object"
        self.goes_on = not self.ends and scene.ndc is None
        self.annealing, self.fraction = 1.0, 0.0
        encoding = OffAxisEncoding(c.position_octaves, solid_directions("icosahedron", 2))
        self.proposal = DensityMLP[Gaussians](encoding, c.proposal_width, c.proposal_depth)
        self.network = RadianceMLP[Gaussians](
            encoding, FrequencyEncoding(c.direction_octaves), c.width, c.depth,
            bottleneck=c.bottleneck, color_width=c.color_width, color_padding=COLOR_PADDING,
        )  # fmt: skip
        initialize(self, "he")
        self.feature_head = nn.Linear(c.color_width, c.num_features, bias=False)
        self.neighborhood = NeighborhoodCNN(c.num_features, c.conv_width).requires_grad_(c.convolution)
        self.shallow: ShallowFeatures | None = None
        self.displacements = DisplacementLog(scene.num_images)

    def observe(self, views: Views) -> None:
        """Find the shallow features, which only training needs."""
        if self.config.high_frequency > 0 and self.config.pixel_share < 1:
            self.shallow = ShallowFeatures().to(self.background.device)

    def before_step(self, progress: Progress) -> None:
        """Choose how far proposals are trusted, and the stage."""
        self.annealing = sampling.anneal_exponent(progress.fraction, ANNEAL_SLOPE)
        self.fraction = progress.fraction

    def patch(self) -> Patch | None:
        """Random rays in the first stage, patches with their surroundings in the second."""
        second = self.fraction >= self.config.pixel_share
        return Patch(self.config.patch_side, self.config.patch_margin) if second else None

    def render(self, rays: Rays) -> Rendering:
        """Proposals, each made from the one before, then colours and features of rays by themselves."""
        world, c = rays, self.config
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        s = torch.stack([torch.zeros_like(rays.near), torch.ones_like(rays.near)], dim=-1)
        weights, levels = torch.ones_like(s[..., 1:]), list[Rendering]()
        for i, num in enumerate((*c.num_proposals, c.num_samples)):
            before = c.num_proposals[:i]
            dilation = sampling.dilation_width(before, multiplier=DILATION_MULTIPLIER, bias=DILATION_BIAS)
            s = sampling.resample(
                s, weights, num, dilation=dilation if before else 0.0, jitter=self.training,
                annealing=self.annealing if self.training else 1.0,
            )  # fmt: skip
            edges = sampling.t_from_s(s, rays.near, rays.far, "disparity" if self.goes_on else "distance")
            level = (self.propose if i < len(c.num_proposals) else self.march)(rays, Intervals(edges))
            levels.append(replace(level, extras={**level.extras, "s": s}))
            weights = level.weights
        rendering = replace(levels[-1], coarser=tuple(levels[:-1]))
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    def places(self, rays: Rays, intervals: Intervals) -> Gaussians:
        """Slices as the networks see them: in contracted space, or in the box or cube of the capture."""
        gaussians = cast_cones(rays, intervals, "cone" if self.scene.ndc is None else "cylinder")
        return contract_gaussians(gaussians, "l2") if self.goes_on else gaussians

    def propose(self, rays: Rays, intervals: Intervals) -> Rendering:
        """A histogram of where matter may be, in black."""
        density = self.proposal(self.places(rays, intervals))
        black = density.new_zeros(3).expand(*density.shape, 3)
        return composite(density, black, intervals, self.background, endless=not self.ends)

    def march(self, rays: Rays, intervals: Intervals) -> Rendering:
        """Density, colour and features of the large network, composited."""
        places = self.places(rays, intervals)
        density, activations, rgb = self.network.with_activations(places, rays.view_directions)
        rendering = composite(density, rgb, intervals, self.background, endless=not self.ends)
        # Linear and without bias, the head may as well follow the sum over samples.
        features = self.feature_head((rendering.weights[..., None, :] @ activations)[..., 0, :])
        return replace(rendering, extras={"features": features})

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Charbonnier at first, later the least cost of each patch and its features; always 360's others."""
        c, s, weights, terms = self.config, rendering.extras["s"], rendering.weights, dict[str, Tensor]()
        if batch.crops is None:
            error = charbonnier(rendering.rgb, batch.rgb, batch.area)
            terms["photometric"] = error + idle(self.feature_head, self.neighborhood)
        else:
            side = c.patch_side
            features = rendering.extras["features"].reshape(-1, side, side, c.num_features)
            patches = rendering.rgb.reshape(-1, side, side, 3) + self.neighborhood(features)
            found = alignment(patches, batch.crops, c.displacement)
            self.displacements.add(found.displacements, batch.rays.camera_index[:: side**2])
            terms |= {"align": found.loss, "anchor": c.anchor * anchor(patches, batch.crops)}
            if c.high_frequency > 0:
                assert self.shallow is not None, "after `observe`"
                difference = high_frequency(patches, found.matched, self.shallow)
                terms["high_frequency"] = c.high_frequency * difference
        for i, proposal in enumerate(rendering.coarser):
            terms[f"interlevel_{i}"] = interlevel(s, weights, proposal.extras["s"], proposal.weights)
        if not self.ends:
            terms["distortion"] = c.distortion * dense_distortion(weights, s)
        return terms

    @torch.no_grad()
    def render_image(self, rays: Rays) -> Image:
        """The picture seen along `h w` rays: chunks of rays, then the CNN over all of it in patches."""
        shape, chunks = rays.shape, rays.reshape(rays.shape.numel()).chunks(self.config.rays_per_chunk)
        parts = [(r.rgb, r.opacity, r.depth, r.extras["features"]) for r in map(self.render, chunks)]
        columns = (torch.cat(column) for column in zip(*parts, strict=True))
        rgb, opacity, depth, features = (column.reshape(*shape, *column.shape[1:]) for column in columns)
        return Image(rgb + self.neighborhood.in_patches(features), opacity, depth)

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, as of slices without width."""
        if self.scene.ndc is not None:
            points = ndc_from_world(points, self.scene.ndc)
        elif self.goes_on:
            points = contract(points, "l2")
        return self.network.density(Gaussians(points, points.new_zeros(*points.shape, 3)))

    def param_groups(self) -> list[dict[str, Any]]:
        """Proposal network, large network and CNN apart, so that none is clipped for another."""
        networks = (self.proposal, self.network, nn.ModuleList([self.feature_head, self.neighborhood]))
        groups = [{"params": list(net.parameters()), "lr": self.config.lr, "eps": EPS} for net in networks]
        return [*groups[:2], {**groups[2], "betas": BETAS}]
