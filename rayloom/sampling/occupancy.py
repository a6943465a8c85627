"""Learning where nothing is, so that it need not be looked at."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rayloom.geometry.boxes import Box
from rayloom.kernels import OccupancyBits, occupancy_bits

SURVEYS = (16, 32, 64, 96, 128, 192, 256)
"""Steps of training after which all of a grid is looked at, and again every so often as the last one says."""
UPDATE_EVERY = 16
"""Steps between later looks at a part."""
CELLS_PER_UPDATE = 1 << 16

DensityFunction = Callable[[Float[Tensor, "n 3"]], Float[Tensor, " n"]]


class OccupancyGrid(nn.Module):
    """A running maximum of density in the cells of nested boxes (Müller et al. 2022, appendix E.2).

    A cell counts as occupied where one step through it could be seen. Until the first update every
    cell does.
    """

    def __init__(self, box: Box, num_cascades: int, resolution: int) -> None:
        super().__init__()
        low, high = box.low.double(), box.high.double()
        self.center = _triple((low + high) / 2)
        self.half_size = _triple((high - low) / 2)
        self.resolution = resolution
        shape = (num_cascades, resolution, resolution, resolution)
        packed = occupancy_bits(torch.ones(shape, dtype=torch.bool), self.center, self.half_size)
        self.optical_depth: Tensor
        self.register_buffer("optical_depth", torch.zeros(shape))
        self.bits: Tensor
        self.register_buffer("bits", packed.bits)
        self.blocks: Tensor
        self.register_buffer("blocks", packed.blocks)

    @property
    def occupancy(self) -> OccupancyBits:
        """The occupied cells, as the marching kernel wants them."""
        return OccupancyBits(self.bits, self.blocks, self.resolution, self.center, self.half_size)

    def contains(self, points: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
        """Whether rays look for matter at points, however short their steps."""
        return self.occupancy.contains(points, torch.zeros_like(points[:, 0]))

    @property
    def occupied_share(self) -> float:
        """Share of all cells that count as occupied."""
        return self._flags().float().mean().item()

    def occupied_cells(self) -> Int[Tensor, " n"]:
        """Numbers of the cells that count as occupied, box after box."""
        return self._flags().flatten().nonzero()[:, 0]

    def _flags(self) -> Int[Tensor, "cascades bytes 8"]:
        return (self.bits[..., None] >> torch.arange(8, device=self.bits.device)) & 1

    def points_in(
        self, cells: Int[Tensor, " n"], cascade: Int[Tensor, " n"], resolution: int
    ) -> Float[Tensor, "n 3"]:
        """One random point in each cell, when the boxes are cut into `resolution`^3 of them."""
        r = resolution
        place = torch.stack([cells // (r * r), cells // r % r, cells % r], dim=-1)
        unit = (place + torch.rand(place.shape, device=cells.device)) * (2 / r) - 1
        half = torch.tensor(self.half_size, device=cells.device)
        return torch.tensor(self.center, device=cells.device) + unit * torch.exp2(cascade)[:, None] * half

    def learn(
        self, density: DensityFunction, step_width: float, *, steps_done: int, threshold: float
    ) -> None:
        """Look again after so many steps, if it is time: everywhere at first, later at a part."""
        if steps_done in SURVEYS or steps_done % SURVEYS[-1] == 0:
            decay = 0.6 if steps_done in SURVEYS else 0.8
            self.survey(density, step_width, decay=decay, threshold=threshold)
        elif steps_done > SURVEYS[-1] and steps_done % UPDATE_EVERY == 0:
            self.update(density, step_width, num_cells=CELLS_PER_UPDATE, decay=0.95, threshold=threshold)

    @torch.no_grad()
    def survey(self, density: DensityFunction, step_width: float, *, decay: float, threshold: float) -> None:
        """Look at one point in every block of 2 x 2 x 2 cells, after letting every cell fade by `decay`.

        Young fields are smooth, so that one point speaks for the block, at an eighth of the cost.
        """
        r = self.resolution // 2
        cells = torch.arange(r**3, device=self.bits.device)
        self.optical_depth *= decay
        for cascade, box in enumerate(self.optical_depth):
            points = self.points_in(cells, torch.full_like(cells, cascade), r)
            seen = density(points) * (step_width * 2.0**cascade)
            blocks = box.view(r, 2, r, 2, r, 2)
            torch.maximum(blocks, seen.view(r, 1, r, 1, r, 1), out=blocks)
        self.decide(threshold)

    @torch.no_grad()
    def update(
        self, density: DensityFunction, step_width: float, *, num_cells: int, decay: float, threshold: float
    ) -> None:
        """Look at `num_cells` cells, which first fade by `decay`; the others keep what was seen last.

        Half of them are drawn from those that hold something, half from all.
        """
        flat = self.optical_depth.view(-1)
        chosen = self._cells_to_look_at(num_cells, threshold)
        cascade = chosen // self.resolution**3
        points = self.points_in(chosen % self.resolution**3, cascade, self.resolution)
        seen = density(points) * step_width * torch.exp2(cascade)
        known = torch.maximum(flat[chosen] * decay, seen)
        # A cell may be drawn twice; plain assignment would keep either value.
        flat[chosen] = 0
        flat.scatter_reduce_(0, chosen, known, "amax")
        self.decide(threshold)

    def decide(self, threshold: float) -> None:
        """A cell is occupied where the optical depth of one step exceeds the threshold.

        A step is `step_width` long in the innermost box and twice as long in each following one. Early
        on nothing reaches the threshold; then the mean keeps the denser part of a faint scene.
        """
        limit = min(threshold, self.optical_depth.mean().item())
        packed = occupancy_bits(self.optical_depth > limit, self.center, self.half_size)
        self.bits.copy_(packed.bits)
        self.blocks.copy_(packed.blocks)

    def _cells_to_look_at(self, num_cells: int, threshold: float) -> Int[Tensor, " n"]:
        flat = self.optical_depth.view(-1)
        anywhere = torch.randint(flat.numel(), (num_cells // 2,), device=flat.device)
        holding = (flat > threshold).nonzero()[:, 0]
        if len(holding) == 0:
            return anywhere
        return torch.cat(
            [anywhere, holding[torch.randint(len(holding), (num_cells // 2,), device=flat.device)]]
        )


def _triple(vector: Float[Tensor, "3"]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in vector)
    return x, y, z
