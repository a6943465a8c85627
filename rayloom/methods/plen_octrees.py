"""PlenOctrees: a NeRF of spherical harmonics, tabulated in an octree that then learns the photos itself.

Yu et al., "PlenOctrees for Real-time Rendering of Neural Radiance Fields", 2021, arXiv:2103.14024.

NeRF-SH is a network of position alone: density, and for each colour harmonics of degree 3, of whose sum the
sigmoid is the colour in a direction. While it learns the photos, a prior on the opacity of random places
empties space that nobody sees. Then it is asked at random places in all leaves that there may be, leaves have
their means, and those that weigh little in every pixel of the training photos are dropped. What is left is an
octree; rays go from leaf to leaf. For the rest of the run its leaves learn the photos. A plain NeRF can be
tabulated too: harmonics are fitted to the colours that it has from random directions.

Departs from the paper: the network steps through an occupancy grid instead of having a coarse one; leaves
learn by Adam, not by SGD with a rate of 1e7, and hold logarithms of optical depth, so that one rate suits all
sizes and none is lost for good; the number of the network's rays follows a budget of samples. Around a scene
without end leaves grow with distance from the middle, and the network's space is contracted. The prior's
length is a share of the box, as ours is not 3 wide. The paper's speed needs its kernels for GPUs.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from rayloom.cameras.camera import Cameras
from rayloom.data.views import Views
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.framed import FramedField, PointwiseMLP
from rayloom.fields.harmonics import HarmonicMLP, fitted_harmonics, harmonic_color
from rayloom.fields.octree import LeafGrid, Octree, in_parts
from rayloom.geometry.boxes import Box
from rayloom.kernels.fused import Space
from rayloom.losses import squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed, select, visible, visible_samples
from rayloom.sampling.budget import RayBudget
from rayloom.sampling.growing_steps import growing_steps
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Batch, Progress, Rays, Rendering, SceneInfo

OCCUPIED_DEPTH = 0.05
"""Optical depth of a step from which a cell counts as occupied while the network learns."""
PLACES_AT_ONCE, STOP = 1 << 16, 1e-3
SPARSITY_PLACES, SURVEY_RAYS = 1024, 1 << 20
"""Where a step measures opacity, a tenth of the paper's; and rays that look for what is seen."""
VIEWS = 8
"""Directions from which a plain NeRF is asked at each place."""
FALL = 10.0
"""By which the rates of leaves fall while they learn."""


@dataclass(frozen=True)
class PlenOctreesConfig(MethodConfig):
    """The paper's numbers for rendered objects."""

    samples_per_step: int = 1 << 16
    """Visible samples that a step of the network should see."""
    lr_final: float = 5e-6
    """Learning rate of the network at the end, to which it falls exponentially."""
    network_share: float = 0.9
    """Share of the run for the network; the leaves learn in the rest."""
    colors: Literal["harmonics", "directions"] = "harmonics"
    """NeRF-SH, or a plain NeRF that is fitted by harmonics only when the tree is made."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions."""
    direction_octaves: int = 4
    """The same of directions, for a plain NeRF."""
    width: int = 256
    """Hidden units in each layer of the network's trunk."""
    depth: int = 8
    """Layers of that trunk."""
    sparsity: float = 1e-3
    """Weight of the mean opacity of random places."""
    sparsity_length: float = 0.017
    """Length over which it is measured, as a share of the box's longest edge."""
    steps_per_side: int = 256
    """Steps of the network from one side of the box to the other, or as distance grows e-fold."""
    grid_resolution: int = 128
    """Cells of the network's occupancy grid along an edge."""
    num_cubes: int = 5
    """Nested cubes where there is no end, each twice as large as the one before, as are their leaves."""
    leaves: int = 512
    """Leaves along the edge of the innermost cube; a power of two."""
    samples_per_leaf: int = 256
    """Places at which the network is asked in each leaf."""
    min_weight: float = 1e-3
    """Largest weight in any pixel below which a leaf is dropped."""
    leaf_rays: int = 4096
    """Rays in a step of the leaves."""
    depth_lr: float = 0.2
    """Learning rate of the logarithms of leaves' optical depth at the start; both fall tenfold."""
    harmonics_lr: float = 5e-2
    """Learning rate of the harmonics of leaves at the start."""


class PlenOctrees(Method[PlenOctreesConfig]):
    """A network, and later an octree whose leaves hold 49 numbers."""

    paper = Paper(
        "PlenOctrees for Real-time Rendering of Neural Radiance Fields",
        year=2021, arxiv="2103.14024", tags=("fast", "grid", "static"),
    )  # fmt: skip
    presets = {
        "default": PlenOctreesConfig(),
        "small": PlenOctreesConfig(
            rays_per_step=256, samples_per_step=1 << 12, lr=5e-3, lr_final=5e-4, network_share=0.6,
            position_octaves=8, direction_octaves=2, width=64, depth=4,
            steps_per_side=96, grid_resolution=64, leaves=64, samples_per_leaf=8, leaf_rays=1024,
        ),
        "tiny": PlenOctreesConfig(
            rays_per_step=256, samples_per_step=1 << 12, lr=1e-2, lr_final=1e-3, network_share=0.5,
            position_octaves=4, direction_octaves=1, width=32, depth=3, steps_per_side=32,
            grid_resolution=32, num_cubes=4, leaves=16, samples_per_leaf=4, leaf_rays=256,
        ),
    }  # fmt: skip

    def __init__(self, config: PlenOctreesConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c, bounded = config, scene.kind == "object"
        corners = (scene.box_low, scene.box_high) if bounded else ((-1.0,) * 3, (1.0,) * 3)
        self.box, num_cubes = Box(*map(torch.tensor, corners)), 1 if bounded else c.num_cubes
        position, direction = FrequencyEncoding(c.position_octaves), FrequencyEncoding(c.direction_octaves)
        if c.colors == "directions":
            network = PointwiseMLP(position, direction, c.width, c.depth)
        else:
            network = HarmonicMLP[Tensor](position, c.width, c.depth)
        self.field = FramedField[Any](network, self.box, contracted=not bounded)
        self.grid = OccupancyGrid(self.box, num_cubes, c.grid_resolution)
        self.steps = growing_steps(self.box, c.steps_per_side, 1.0, bounded=bounded)
        self.budget, edges = RayBudget(c.samples_per_step, c.rays_per_step), self.box.high - self.box.low
        self.tree = Octree(LeafGrid(self.grid.center, float(edges.max()), c.leaves, num_cubes))
        self.planted: Tensor
        self.register_buffer("planted", torch.tensor(False))
        self.cameras: Cameras | None = None

    def observe(self, views: Views) -> None:
        """Keep the cameras, which later say what is seen."""
        self.cameras = views.cameras

    def render(self, rays: Rays) -> Rendering:
        """What the leaves show where there are any, else the network."""
        return self.render_leaves(rays) if self.planted else self.render_network(rays)

    def render_network(self, rays: Rays) -> Rendering:
        """March, drop what is hidden, ask, composite."""
        jitter = torch.rand_like(rays.near) if self.training else torch.full_like(rays.near, 0.5)
        samples = visible_samples(rays, Space(self.grid.occupancy, self.steps), jitter, self.field.density)
        directions = rays.view_directions[samples.ray_index]
        density, rgb = self.field(rays.at_samples(samples), directions)
        return render_packed(density, rgb, samples, self.background)

    def render_leaves(self, rays: Rays) -> Rendering:
        """Go from leaf to leaf, each of which counts as long as the ray is in it, while there is light."""
        samples, leaf = self.tree.segments(rays)
        with torch.no_grad():
            seen = visible(self.tree.density(leaf), samples, STOP)
        samples, leaf = select(samples, seen), leaf[seen]
        rgb = harmonic_color(self.tree.harmonics[leaf], rays.view_directions[samples.ray_index])
        return render_packed(self.tree.density(leaf), rgb, samples, self.background)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error, and of the network the opacity of random places (eq. 7)."""
        terms = {"photometric": squared_error(rendering.rgb, batch.rgb)}
        if not self.planted:
            self.budget.follow(len(rendering.weights) / len(batch.rgb))
            low, high = (corner.to(batch.rgb) for corner in (self.box.low, self.box.high))
            points = low + (high - low) * torch.rand(SPARSITY_PLACES, 3, device=low.device)
            depth = self.field.density(points) * (self.config.sparsity_length * (high - low).max())
            terms["sparsity"] = self.config.sparsity * -torch.expm1(-depth).mean()
        return terms

    def rays_per_step(self) -> int:
        """As many rays as the budget of samples allows, or those of the leaves."""
        return self.config.leaf_rays if self.planted else self.budget.num_rays

    def after_step(self, progress: Progress) -> bool:
        """Look for empty space; make the tree when it is time."""
        if self.planted:
            return False
        done, width = progress.step + 1, self.steps.smallest
        self.grid.learn(self.field.density, width, steps_done=done, threshold=OCCUPIED_DEPTH)
        if progress.fraction >= self.config.network_share:
            self.plant()
        return bool(self.planted)

    @torch.no_grad()
    def plant(self) -> None:
        """Ask the network in every leaf that there may be, and keep those that are seen."""
        grid, num, device = self.tree.grid, self.config.samples_per_leaf, self.planted.device
        levels, cells = (part.to(device) for part in grid.cells())

        def densities(levels: Tensor, cells: Tensor) -> tuple[Tensor]:
            points = grid.points_in(levels, cells, num).flatten(0, 1)
            return (self.field.density(points).view(-1, num).mean(1),)

        near = self.grid.contains(grid.middles(levels, cells))
        levels, cells = levels[near], cells[near]
        (density,) = in_parts(densities, PLACES_AT_ONCE // num, levels, cells)
        self.tree.plant(levels, cells, density, density.new_zeros(len(density), 48))
        kept = self.seen()
        levels, cells = levels[kept], cells[kept]
        self.tree.plant(levels, cells, *in_parts(self.leaf_means, PLACES_AT_ONCE // num, levels, cells))
        self.planted.fill_(True)

    def seen(self) -> Bool[Tensor, " leaves"]:
        """Leaves that weigh enough in a pixel of a training photo; where none are known, in any."""
        weights = -torch.expm1(-self.tree.log_depths.exp())
        if self.cameras is not None:
            weights = self.tree.heaviest_in(self.cameras, SURVEY_RAYS)
        kept = weights >= self.config.min_weight
        return kept if kept.any() else torch.ones_like(kept)

    def leaf_means(
        self, levels: Int[Tensor, " n"], cells: Int[Tensor, "n 3"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 48"]]:
        """Mean density and harmonics of random places in leaves."""
        num, field = self.config.samples_per_leaf, self.field
        points = self.tree.grid.points_in(levels, cells, num).flatten(0, 1)
        if isinstance(field.network, HarmonicMLP):
            density, harmonics = field.network.coefficients(field.frame(points))
            density = field.thinned(density, field.frame(points))
            return density.view(-1, num).mean(1), harmonics.view(-1, num, 48).mean(1)
        directions = functional.normalize(torch.randn(len(points), VIEWS, 3, device=points.device), dim=-1)
        rgb, every = field.seen(points, directions), (len(cells), -1, 3)
        density = field.density(points).view(-1, num).mean(1)
        return density, fitted_harmonics(rgb.reshape(every), directions.reshape(every))

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, per world unit."""
        flat = points.reshape(-1, 3)
        if self.planted:
            return self.tree.density_at(flat).reshape(points.shape[:-1])
        return (self.grid.contains(flat) * self.field.density(flat)).reshape(points.shape[:-1])

    def color(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n m 3"]
    ) -> Float[Tensor, "n m 3"]:
        """Colour at world points."""
        return (self.tree.color_at if self.planted else self.field.seen)(points, directions)

    def param_groups(self) -> list[dict[str, Any]]:
        """The network, and the numbers of leaves, whose rates count from when they begin to learn."""
        c, share = self.config, min(self.config.network_share, 0.99)
        rise = FALL ** (share / (1 - share))
        leaves = (self.tree.log_depths, c.depth_lr), (self.tree.harmonics, c.harmonics_lr)
        groups = [{"params": [values], "lr": lr * rise, "lr_final": lr / FALL} for values, lr in leaves]
        return [{"params": list(self.field.parameters()), "lr": c.lr}, *groups]
