"""NeRF++: one network inside a sphere around the cameras, and another for all that is outside.

Zhang et al., "NeRF++: Analyzing and Improving Neural Radiance Fields", 2020, arXiv:2010.07492.

The cameras lie in the unit sphere. A ray is cut where it leaves it. Inside, points are taken evenly in
distance and seen by a network as in NeRF. Outside, they are taken evenly in 1/r, from 1 down to 0, and a
second network sees each as (x/r, y/r, z/r, 1/r), so that detail is resolved as finely as the photos show it.
The colour is that of the inside and, as far as light comes through, that of the outside. Both levels, coarse
and fine, have a pair of networks of their own; each part's weights say where its fine points lie.

What is not unbounded has no outside: an object is seen inside alone, before the background, and a
forward-facing capture is warped into normalised device coordinates.

Departs from the paper: density is softplus(x - 1) instead of the absolute value. A ray that begins outside of
the sphere is cut where it leaves it, or where it turns away from the centre if it misses it; the authors'
code cannot see such rays. Exposures are not learnt.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom import sampling
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.mlp import RadianceMLP
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.geometry.spheres import distance_at_radius, outward_distance, points_beyond
from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

SMALLEST = 1e-6
"""Of 1/r where a distance is told: at infinity there is none."""


@dataclass(frozen=True)
class NeRFPlusPlusConfig(MethodConfig):
    """The paper's numbers."""

    num_coarse: int = 64
    """Points of the first pass inside the sphere, and as many outside."""
    num_fine: int = 128
    """Points added for the second pass to each part, where the first pass found matter."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions, inside and outside."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 256
    """Hidden units in each layer of the trunks."""
    depth: int = 8
    """Layers of the trunks."""


class Level(nn.Module):
    """The networks of one level, the second for what is outside where there is such a thing."""

    def __init__(self, config: NeRFPlusPlusConfig, *, outside: bool) -> None:
        super().__init__()

        def network(num_inputs: int) -> RadianceMLP:
            position = FrequencyEncoding(config.position_octaves, num_inputs)
            direction = FrequencyEncoding(config.direction_octaves)
            return RadianceMLP(position, direction, config.width, config.depth)

        self.inside = network(3)
        self.outside = network(4) if outside else None


class NeRFPlusPlus(Method[NeRFPlusPlusConfig]):
    """Two levels of two networks."""

    paper = Paper(
        "NeRF++: Analyzing and Improving Neural Radiance Fields",
        year=2020,
        arxiv="2010.07492",
        tags=("unbounded", "static"),
    )
    presets = {
        "default": NeRFPlusPlusConfig(),
        "small": NeRFPlusPlusConfig(
            rays_per_step=512, num_coarse=24, num_fine=24, width=64, depth=4, lr=3e-3, lr_final=3e-4
        ),
        "tiny": NeRFPlusPlusConfig(
            num_coarse=12, num_fine=12, width=32, depth=4, position_octaves=6, lr=5e-3, lr_final=1e-3
        ),
    }

    def __init__(self, config: NeRFPlusPlusConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.goes_on = scene.kind != "object" and scene.ndc is None
        self.coarse = Level(config, outside=self.goes_on)
        self.fine = Level(config, outside=self.goes_on)

    def render(self, rays: Rays) -> Rendering:
        """Coarse colours, then fine ones."""
        c, world = self.config, rays
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        if self.goes_on:
            rays = replace(rays, far=outward_distance(rays.origins, rays.directions, rays.near))
        t = sampling.stratified(rays, c.num_coarse, jitter=self.training)
        # Outside, points are told by s, as which 1/r falls from where the ray goes out to 0 at infinity.
        unit = replace(rays, near=torch.zeros_like(rays.near), far=torch.ones_like(rays.far))
        s = sampling.stratified(unit, c.num_coarse, jitter=self.training)
        coarse = self.march(self.coarse, rays, t, s)
        weights = coarse.weights.split(c.num_coarse, dim=-1)
        t = sampling.refine_points(t, weights[0], c.num_fine, jitter=self.training)
        if self.goes_on:
            s = sampling.refine_points(s, weights[1], c.num_fine, jitter=self.training)
        fine = replace(self.march(self.fine, rays, t, s), coarser=(coarse,))
        return fine if self.scene.ndc is None else with_world_depth(fine, world, self.scene.ndc)

    def march(
        self, level: Level, rays: Rays, t: Float[Tensor, "*batch n"], s: Float[Tensor, "*batch m"]
    ) -> Rendering:
        """What is inside, then what is outside, if there is such a thing, before the background."""
        density, rgb = level.inside(rays.at(t), rays.view_directions)
        end = torch.maximum(rays.far[..., None], t[..., -1:])
        if level.outside is None:
            return composite(density, rgb, Intervals(torch.cat([t, end], dim=-1)), self.background)
        inverse_radius = (1 - s) / torch.linalg.vector_norm(rays.at(end), dim=-1)
        places = points_beyond(rays.origins, rays.directions, inverse_radius)
        density_outside, rgb_outside = level.outside(places, rays.view_directions)
        # Inside, density is per world unit, outside per unit of 1/r; what is last stands for all behind it.
        outside = torch.nn.functional.pad(-inverse_radius.diff(dim=-1), (0, 1))
        widths = torch.cat([torch.cat([t, end], dim=-1).diff(dim=-1), outside], dim=-1)
        distances = distance_at_radius(rays.origins, rays.directions, inverse_radius.clamp_min(SMALLEST))
        farthest = end.clamp_min(self.scene.far)
        edges = torch.cat([t, distances.maximum(end).minimum(farthest), farthest], dim=-1)
        return composite(
            torch.cat([density, density_outside], dim=-1),
            torch.cat([rgb, rgb_outside], dim=-2),
            Intervals(edges),
            self.background,
            endless=True,
            widths=widths,
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error of both levels, every pixel alike whatever it covers."""
        return {"photometric": photometric(rendering, replace(batch, area=None))}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density of the finer networks at world points, per world unit also outside."""
        if self.scene.ndc is not None:
            return self.fine.inside.density(ndc_from_world(points, self.scene.ndc))
        if self.fine.outside is None:
            return self.fine.inside.density(points)
        radius = torch.linalg.vector_norm(points, dim=-1, keepdim=True)
        beyond = radius.clamp_min(1)
        places = torch.cat([points / beyond, 1 / beyond], dim=-1)
        # Along the radius d(1/r) = dr / r².
        outside = self.fine.outside.density(places) / beyond[..., 0].square()
        return torch.where(radius[..., 0] < 1, self.fine.inside.density(points), outside)
