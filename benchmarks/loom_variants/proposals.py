"""Proposal sampling for loom's hash grid, in rounds as in mip-NeRF 360, instead of occupancy grids."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.loom_variants.composed import Composed
from rayloom import sampling
from rayloom.fields.hash_field import MAX_LOG_DENSITY
from rayloom.kernels import HashGridLayout, hash_grid, tiny_mlp
from rayloom.losses import dense_distortion, interlevel, squared_error, squeezed
from rayloom.methods.loom import LoomConfig
from rayloom.methods.mip_nerf_360 import ANNEAL_SLOPE, DILATION_BIAS, DILATION_MULTIPLIER
from rayloom.rendering import composite
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

NUM_PROPOSALS, NUM_SAMPLES = (64, 32), 32
"""Slices of each round of proposals, and those that the field sees."""
PROPOSAL_LAYOUT = HashGridLayout(num_levels=6, features_per_level=2, log2_rows=15, coarsest=16, finest=256)
"""A quarter as fine as the field's grid."""


class ProposalGrid(nn.Module):
    """A small hash grid and network: what the field's density may be, over what it is at first."""

    def __init__(self) -> None:
        super().__init__()
        layout = PROPOSAL_LAYOUT
        self.table = nn.Parameter(
            torch.empty(layout.num_rows, layout.features_per_level).uniform_(-1e-4, 1e-4)
        )
        self.mlp = nn.ParameterList([torch.empty(16, layout.num_channels), torch.empty(1, 16)])
        for matrix in self.mlp:
            nn.init.kaiming_uniform_(matrix, nonlinearity="relu")

    def forward(self, unit: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """A factor on density at places in the unit cube of the field."""
        encoded = hash_grid(unit, self.table, PROPOSAL_LAYOUT)
        return tiny_mlp(encoded, list(self.mlp))[:, 0].clamp(max=MAX_LOG_DENSITY).exp()


class Proposed(Composed):
    """Proposals say where to look, in rounds as in mip-NeRF 360, instead of occupancy grids."""

    def __init__(self, config: LoomConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        assert not self.bounded, "the captures go on in all directions"
        self.proposal = ProposalGrid()
        self.annealing = 1.0

    def before_step(self, progress: Progress) -> None:
        """Choose how far proposals are trusted."""
        self.annealing = sampling.anneal_exponent(progress.fraction, ANNEAL_SLOPE)

    def after_step(self, progress: Progress) -> bool:
        """There are no grids to look after."""
        return False

    def render(self, rays: Rays) -> Rendering:
        """Proposals, each made from the one before, then colours."""
        s = torch.stack([torch.zeros_like(rays.near), torch.ones_like(rays.near)], dim=-1)
        weights, proposals = torch.ones_like(s[..., 1:]), list[Rendering]()
        for num in NUM_PROPOSALS:
            s = self.resample(s, weights, num, len(proposals))
            proposals.append(self.slices(rays, s, shaded=False))
            weights = proposals[-1].weights
        s = self.resample(s, weights, NUM_SAMPLES, len(proposals))
        return self.slices(rays, s, tuple(proposals), shaded=True)

    def resample(
        self, s: Float[Tensor, "rays n_edges"], weights: Float[Tensor, "rays n"], num: int, rounds: int
    ) -> Float[Tensor, "rays m_edges"]:
        """The edges of new slices, from the histogram that is there after some rounds of proposals."""
        before = NUM_PROPOSALS[:rounds]
        width = sampling.dilation_width(before, multiplier=DILATION_MULTIPLIER, bias=DILATION_BIAS)
        annealing = self.annealing if self.training else 1.0
        dilation = width if before else 0.0
        return sampling.resample(
            s, weights, num, dilation=dilation, annealing=annealing, jitter=self.training
        )

    def slices(
        self,
        rays: Rays,
        s: Float[Tensor, "rays n_edges"],
        coarser: tuple[Rendering, ...] = (),
        *,
        shaded: bool,
    ) -> Rendering:
        """Slices between edges in s, asked in their middle: by the field if shaded, else by the proposals."""
        intervals = Intervals(sampling.t_from_s(s, rays.near, rays.far, "piecewise"))
        points = rays.at(intervals.midpoints).reshape(-1, 3)
        if shaded:
            density, features = self.field.geometry(points)
            view = self.field.view(rays.view_directions, rays.camera_index)
            rgb = self.field.color(features, view.repeat_interleave(NUM_SAMPLES, 0))
        else:
            unit = self.field.unit(points)
            density = self.field.initial_density * self.proposal(unit) * self.field.thinning(unit)
            rgb = torch.zeros_like(points)
        shape, background = intervals.widths.shape, self.background_of(rays)
        parts = density.reshape(shape), rgb.reshape(*shape, 3), intervals, background, coarser
        return replace(composite(*parts), extras={"s": s})

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """As `Loom.losses`, and what teaches the proposals."""
        self.budget.follow(NUM_SAMPLES)
        assert isinstance(rendering.intervals, Intervals), "as `render` makes them"
        s, weights, edges = rendering.extras["s"], rendering.weights, squeezed(rendering.intervals.edges)
        truth = batch.over(self.background, rendering.background)
        bounds = [interlevel(s, weights, level.extras["s"], level.weights) for level in rendering.coarser]
        return {
            "photometric": squared_error(rendering.rgb, truth),
            "distortion": self.config.distortion * dense_distortion(weights, edges),
            "interlevel": torch.stack(bounds).sum(),
        }
