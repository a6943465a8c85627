"""Anti-aliased lookups on loom's hash grid, as in Zip-NeRF.

Barron et al., "Zip-NeRF: Anti-Aliased Grid-Based Neural Radiance Fields", 2023, arXiv:2304.06706.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.loom_variants.composed import Composed
from rayloom.data.views import Views
from rayloom.fields.hash_field import MAX_LOG_DENSITY, HashField
from rayloom.kernels import hash_grid, march, tiny_mlp
from rayloom.rendering.packed import render_packed, select, visible
from rayloom.types import PackedSamples, Rays, Rendering

DEVIATION = 0.5 / math.sqrt(2)
"""Of the normal distribution around a point, in radii of the cone there (Barron et al. 2023, section 3)."""
PATTERN = 6
"""Points of a multisample."""


class DownWeighted(Composed):
    """The point in the middle of an interval; a level counts by how much of the cone fits into its cells."""

    def observe(self, views: Views) -> None:
        """Remember from where, and how sharply, points are seen."""
        cameras = views.cameras
        central = cameras.rays(torch.arange(len(cameras.focal)), cameras.center)
        self.eyes, self.radii = central.origins, central.radii

    def render(self, rays: Rays) -> Rendering:
        """As `Loom.render`, but for cones; what is hidden is decided by one point of each interval."""
        space = self.space
        lines = (rays.origins, rays.directions, rays.near, rays.far)
        marched = march(*lines, space.occupancy, space.step, self.jitter(rays), limit=space.limit)
        with torch.no_grad():
            before, _ = self.matter_in_the_middle(rays, marched)
        samples = select(marched, visible(before, marched, space.stop))
        density, features = self.matter(rays, samples)
        view = self.field.view(rays.view_directions, rays.camera_index)
        rgb = self.field.color(features, view[samples.ray_index])
        return render_packed(density, rgb, samples, self.background_of(rays))

    def matter(self, rays: Rays, samples: PackedSamples) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density and features of intervals, as they are rendered."""
        return self.matter_in_the_middle(rays, samples)

    def matter_in_the_middle(
        self, rays: Rays, samples: PackedSamples
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density and features of the midpoints."""
        deviations = DEVIATION * rays.radii[samples.ray_index] * samples.midpoints
        return ask(self.field, rays.at_samples(samples)[:, None], deviations[:, None])

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, as the photo sees them that sees them best."""
        flat = points.reshape(-1, 3)
        deviations = DEVIATION * (torch.cdist(flat, self.eyes) * self.radii).amin(-1)
        return ask(self.field, flat[:, None], deviations[:, None])[0].reshape(points.shape[:-1])


class Multisampled(DownWeighted):
    """Six points in each slice of the cone, with its mean and, over all turns, its covariance."""

    def matter(self, rays: Rays, samples: PackedSamples) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density and features of the patterns, turned and mirrored by chance in training."""
        count, device = len(samples.starts), samples.starts.device
        if self.training:
            turns, mirrors = (
                2 * math.pi * torch.rand(count, device=device),
                torch.rand(count, device=device) < 0.5,
            )
        else:
            mirrors = torch.arange(count, device=device) % 2 == 0
            turns = mirrors * (math.pi / 6)
        return ask(self.field, *hexagons(rays, samples, turns, torch.where(mirrors, -1.0, 1.0)))


def hexagons(
    rays: Rays, samples: PackedSamples, turns: Float[Tensor, " n"], mirrors: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "n 6 3"], Float[Tensor, "n 6"]]:
    """Six points in each slice of the cones, and the deviation around each (Barron et al. 2023, eq. 1 and 2).

    t_j = t_0 + δ (t_1² + 2 μ² + 3/√7 (2j/5 - 1) √((δ² - μ²)² + 4 μ⁴)) / (δ² + 3 μ²) with midpoint μ and half
    width δ, at r t_j / √2 from the axis. Angles are those of a hexagon, one triangle of it before the other;
    they turn by `turns` and run backwards where `mirrors` is -1.
    """
    middle, half = samples.midpoints[:, None], 0.5 * samples.widths[:, None]
    index = torch.arange(PATTERN, dtype=middle.dtype, device=middle.device)
    spread = 3 / math.sqrt(7) * (2 * index / 5 - 1) * ((half**2 - middle**2) ** 2 + 4 * middle**4).sqrt()
    share = (samples.ends[:, None] ** 2 + 2 * middle**2 + spread) / (half**2 + 3 * middle**2)
    t = samples.starts[:, None] + half * share
    sixths = torch.tensor([0, 2, 4, 3, 5, 1], dtype=t.dtype, device=t.device)
    angles = turns[:, None] + mirrors[:, None] * (math.pi / 3) * sixths
    radii = rays.radii[samples.ray_index][:, None] * t
    ahead = rays.directions
    axis = nn.functional.one_hot(ahead.abs().argmin(-1), 3).to(ahead)
    right = nn.functional.normalize(torch.linalg.cross(ahead, axis), dim=-1)
    up = torch.linalg.cross(ahead, right)
    around = [vector[samples.ray_index][:, None] for vector in (rays.origins, ahead, right, up)]
    x, y = (radii * turned / math.sqrt(2) for turned in (angles.cos(), angles.sin()))
    points = around[0] + t[..., None] * around[1] + x[..., None] * around[2] + y[..., None] * around[3]
    return points, DEVIATION * radii


def ask(
    field: HashField, points: Float[Tensor, "n k 3"], deviations: Float[Tensor, "n k"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
    """Density and features of n places, each k normal distributions, as `HashField.geometry` of points.

    The mean over them of features of the grid, each level of n cells weighted by erf(1 / √(8 σ² n²)), the
    share of a deviation σ that lies within half a cell on an axis (Barron et al. 2023, section 3). Under the
    contraction σ shrinks like the third root of volume: by 1/|x|² along the radius, (2 - 1/|x|) / |x| across.
    """
    unit = field.unit(points.reshape(-1, 3))
    nearness = field.thinning(unit)
    shrink = (nearness**4 * (2 - nearness) ** 2) ** (1 / 3)
    size = float((field.box.high - field.box.low).prod()) ** (1 / 3) * (2 if field.contracted else 1)
    cells = torch.tensor([level.resolution for level in field.layout.levels], device=unit.device)
    widths = (deviations.reshape(-1) * shrink / size)[:, None] * cells
    weights = torch.erf(1 / (math.sqrt(8) * widths))
    encoded = hash_grid(unit, field.table, field.layout).unflatten(-1, (len(cells), -1))
    mean = (encoded * weights[..., None]).unflatten(0, deviations.shape).mean(1).flatten(1)
    features = tiny_mlp(mean, list(field.density_mlp))
    density = field.initial_density * features[:, 0].clamp(max=MAX_LOG_DENSITY).exp()
    return density * nearness.unflatten(0, deviations.shape).mean(1), features
