"""KiloNeRF: thousands of tiny networks, one for each cell of a grid, that learn from one large one.

Reiser et al., "KiloNeRF: Speeding up Neural Radiance Fields with Thousands of Tiny MLPs", 2021,
arXiv:2103.13744.

Training has three phases, each a share of the run. A NeRF, the teacher, learns the photos. Then it is asked
at random places, from random directions, and the network of each place's cell learns to give the same colour
and the same opacity of a step. At last the tiny networks learn the photos themselves, which closes the seams
between cells. Places are encoded in coordinates of their cell, and all networks begin alike. A grid made
from the teacher says where nothing is; rays step over it, and end where hardly any light is left.

Departs from the paper: the teacher steps through a grid that it fills while it learns, as its students do
later, instead of having a coarse network; places to distil at are drawn from where matter may be; the number
of rays follows a budget of samples; space without end is contracted by mip-NeRF 360's formula in the maximum
norm; softplus keeps density positive. Recalled only: which weights the penalty is for.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.framed import FramedField, PointwiseMLP
from rayloom.fields.neighborhood import idle
from rayloom.fields.network_grid import NetworkGrid, cubic_cells
from rayloom.geometry.boxes import Box
from rayloom.kernels.fused import Space
from rayloom.losses import squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed, visible_samples
from rayloom.sampling.alpha_mask import mask_empty_space
from rayloom.sampling.budget import RayBudget
from rayloom.sampling.growing_steps import growing_steps
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Batch, Progress, Rays, Rendering, SceneInfo

TEACHER, DISTILLATION, STUDENTS = range(3)
OCCUPIED_DEPTH = 0.05
"""Optical depth of a step from which a cell counts as occupied while the teacher learns."""


@dataclass(frozen=True)
class KiloNeRFConfig(MethodConfig):
    """The paper's numbers for rendered objects; shares are steps over 1,750,000."""

    rays_per_step: int = 8192
    """Rays in the first step; later ones follow `samples_per_step`."""
    samples_per_step: int = 1 << 18
    """Visible samples that a step on photos should see."""
    lr: float = 5e-4
    """Learning rate of the teacher at the start."""
    lr_final: float = 5e-5
    """What the teacher's rate would fall to by the end of the run."""
    student_lr: float = 1e-3
    """Learning rate of the tiny networks at the start."""
    student_lr_final: float = 1e-3
    """Learning rate of the tiny networks at the end."""
    shares: tuple[float, float] = (0.343, 0.086)
    """Of the run, for the teacher and for distillation; without a teacher
    the tiny networks learn the photos from scratch."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions, of the teacher and in each cell."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    teacher_width: int = 256
    """Hidden units in each layer of the teacher's trunk."""
    teacher_depth: int = 8
    """Layers of that trunk."""
    num_cells: int = 16
    """Networks along the longest edge of the box, or from end to end of contracted space."""
    width: int = 32
    """Hidden units in each layer of a tiny network."""
    points_per_step: int = 1 << 18
    """Places at which a step of distillation asks the teacher."""
    view_penalty: float = 1e-6
    """Weight of the squares of the weights through which direction goes, once photos are learned."""
    steps_per_side: int = 256
    """Steps from one side of the box to the other; where there is no end, also as distance grows e-fold."""
    grid_resolution: int = 256
    """Cells of the occupancy grid along an edge."""
    num_cascades: int = 5
    """Nested occupancy boxes where there is no end, each twice as large as the one before."""
    mask_threshold: float = 1e-2
    """Share of light that a step must absorb for its place to be kept after the teacher's phase."""


class KiloNeRF(Method[KiloNeRFConfig]):
    """A NeRF, and a grid of networks of 6,212 parameters each at the paper's size."""

    paper = Paper(
        "KiloNeRF: Speeding up Neural Radiance Fields with Thousands of Tiny MLPs",
        year=2021, arxiv="2103.13744", tags=("fast", "distillation", "static"),
    )  # fmt: skip
    presets = {
        "default": KiloNeRFConfig(),
        "small": KiloNeRFConfig(
            rays_per_step=256, samples_per_step=1 << 13, lr=2e-3, lr_final=2e-4, student_lr=5e-3,
            student_lr_final=5e-4, shares=(0.5, 0.2), position_octaves=8, direction_octaves=2,
            teacher_width=128, teacher_depth=4, num_cells=8, width=16, points_per_step=1 << 13,
            steps_per_side=96, grid_resolution=64,
        ),
        "tiny": KiloNeRFConfig(
            rays_per_step=256, samples_per_step=1 << 12, lr=1e-2, lr_final=1e-3, student_lr=3e-2,
            student_lr_final=5e-3, shares=(0.35, 0.15), position_octaves=4, direction_octaves=1,
            teacher_width=32, teacher_depth=3, num_cells=2, width=16, points_per_step=1 << 11,
            steps_per_side=32, grid_resolution=32, num_cascades=4,
        ),
    }  # fmt: skip

    def __init__(self, config: KiloNeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c, bounded = config, scene.kind == "object"
        corners = (scene.box_low, scene.box_high) if bounded else ((-1.0,) * 3, (1.0,) * 3)
        box = Box(*map(torch.tensor, corners))
        octaves = c.position_octaves, c.direction_octaves
        position, direction = map(FrequencyEncoding, octaves)
        teacher = PointwiseMLP(position, direction, c.teacher_width, c.teacher_depth)
        self.teacher = FramedField(teacher, box, contracted=not bounded)
        students = NetworkGrid(cubic_cells(box, c.num_cells), c.width, *octaves)
        self.students = FramedField(students, box, contracted=not bounded)
        self.grid = OccupancyGrid(box, 1 if bounded else c.num_cascades, c.grid_resolution)
        self.steps = growing_steps(box, c.steps_per_side, 1.0, bounded=bounded)
        self.budget = RayBudget(c.samples_per_step, c.rays_per_step)
        self.phase: Tensor
        self.register_buffer("phase", torch.tensor(self.phase_at(0.0)))
        self.known_cells = torch.empty(0, dtype=torch.long)

    def phase_at(self, fraction: float) -> int:
        """What is learned after this share of the run."""
        teacher, distillation = self.config.shares
        if teacher == 0 or fraction >= teacher + distillation:
            return STUDENTS
        return DISTILLATION if fraction >= teacher else TEACHER

    @property
    def active(self) -> FramedField[Any]:
        """The teacher while it learns, and the tiny networks from then on."""
        return self.teacher if int(self.phase) == TEACHER else self.students

    def render(self, rays: Rays) -> Rendering:
        """What the active networks show."""
        return self.render_by(self.active, rays)

    def render_by(self, field: FramedField[Any], rays: Rays) -> Rendering:
        """March, drop what is hidden, ask, composite."""
        jitter = torch.rand_like(rays.near) if self.training else torch.full_like(rays.near, 0.5)
        space = Space(self.grid.occupancy, self.steps)
        samples = visible_samples(rays, space, jitter, field.density)
        directions = rays.view_directions[samples.ray_index]
        density, rgb = field(rays.at_samples(samples), directions)
        return render_packed(density, rgb, samples, self.background)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared errors: of the teacher's pixels, then of what it taught, then of the students' pixels."""
        if int(self.phase) == DISTILLATION:
            return self.distillation()
        self.budget.follow(len(rendering.weights) / len(batch.rgb))
        photometric = squared_error(rendering.rgb, batch.rgb)
        if int(self.phase) == TEACHER:
            return {"photometric": photometric + idle(self.students)}
        penalty = self.config.view_penalty * self.students.network.view_penalty()
        return {"photometric": photometric, "view_penalty": penalty}

    def distillation(self) -> dict[str, Tensor]:
        """Errors of colour and of the opacity of a step, at random places that may hold matter."""
        cells, device = self.known_cells, self.background.device
        chosen = cells[torch.randint(len(cells), (self.config.points_per_step,), device=device)]
        cascade = chosen // self.grid.resolution**3
        points = self.grid.points_in(chosen % self.grid.resolution**3, cascade, self.grid.resolution)
        directions = functional.normalize(torch.randn_like(points), dim=-1)
        with torch.no_grad():
            density, rgb = self.teacher(points, directions)
        learned_density, learned_rgb = self.students(points, directions)
        widths = self.steps.smallest * torch.exp2(cascade)
        opacity, learned = (-torch.expm1(-d * widths) for d in (density, learned_density))
        return {"opacity": (learned - opacity).square().mean(), "color": squared_error(learned_rgb, rgb)}

    def rays_per_step(self) -> int:
        """As many rays as the budget of samples allows; hardly any while the teacher is asked instead."""
        return 64 if int(self.phase) == DISTILLATION else self.budget.num_rays

    def after_step(self, progress: Progress) -> bool:
        """Look for empty space while nobody knows where it is; begin the next phase when it is time."""
        teaching, due = int(self.phase) == TEACHER, self.phase_at(progress.fraction)
        width, density = self.steps.smallest, self.active.density
        if teaching or self.config.shares[0] == 0:
            self.grid.learn(density, width, steps_done=progress.step + 1, threshold=OCCUPIED_DEPTH)
        if due == int(self.phase):
            return False
        if teaching:
            mask_empty_space(self.grid, self.density, width, threshold=self.config.mask_threshold)
            self.known_cells = self.grid.occupied_cells()
        self.phase.fill_(due)
        return True

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, per world unit, 0 where rays step over what may be there."""
        flat = points.reshape(-1, 3)
        inside, found = self.grid.contains(flat), torch.zeros_like(flat[:, 0])
        found[inside] = self.active.density(flat[inside])
        return found.reshape(points.shape[:-1])

    def color(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n m 3"]
    ) -> Float[Tensor, "n m 3"]:
        """Colour at world points."""
        return self.active.seen(points, directions)

    def param_groups(self) -> list[dict[str, Any]]:
        """The teacher, and the tiny networks."""
        c, (teacher, students) = self.config, (list(x.parameters()) for x in (self.teacher, self.students))
        rates = {"lr": c.student_lr, "lr_final": c.student_lr_final}
        return [{"params": teacher, "lr": c.lr}, {"params": students, **rates}]
