"""Learning where nothing is, so that it need not be looked at."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rayloom.kernels import OccupancyBits, occupancy_bits

DensityFunction = Callable[[Float[Tensor, "n 3"]], Float[Tensor, " n"]]


class OccupancyGrid(nn.Module):
    """A running maximum of density in the cells of nested boxes (Müller et al. 2022, appendix E.2).

    A cell counts as occupied where one step through it could be seen. Until the first update every
    cell does.
    """

    def __init__(
        self,
        center: tuple[float, float, float],
        half_size: tuple[float, float, float],
        num_cascades: int,
        resolution: int,
    ) -> None:
        super().__init__()
        self.center = center
        self.half_size = half_size
        self.resolution = resolution
        shape = (num_cascades, resolution, resolution, resolution)
        packed = occupancy_bits(torch.ones(shape, dtype=torch.bool), center, half_size)
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

    @property
    def occupied_share(self) -> float:
        """Share of all cells that count as occupied."""
        flags = (self.bits[..., None] >> torch.arange(8, device=self.bits.device)) & 1
        return flags.float().mean().item()

    def cell_points(self, cells: Int[Tensor, " n"]) -> Float[Tensor, "n 3"]:
        """One random point in each of the cells, which are numbered through all boxes."""
        r = self.resolution
        place = torch.stack([cells // (r * r) % r, cells // r % r, cells % r], dim=-1)
        unit = (place + torch.rand(place.shape, device=cells.device)) * (2 / r) - 1
        scale = torch.exp2((cells // r**3).float())[:, None]
        half = torch.tensor(self.half_size, device=cells.device)
        return torch.tensor(self.center, device=cells.device) + unit * scale * half

    @torch.no_grad()
    def update(
        self,
        density: DensityFunction,
        step_width: float,
        *,
        num_cells: int | None,
        decay: float,
        threshold: float,
    ) -> None:
        """Look at the density of `num_cells` cells, or of all, after letting every cell fade by `decay`.

        Half of the cells are drawn from those that hold something, half from all. A cell is occupied
        where the optical depth of one step exceeds the threshold; a step of `step_width` in the
        innermost box is twice as long in each following one.
        """
        flat = self.optical_depth.view(-1)
        cells = self._cells_to_look_at(num_cells, threshold)
        flat *= decay
        for part in torch.split(cells, 1 << 18):
            width = step_width * torch.exp2((part // self.resolution**3).float())
            seen = density(self.cell_points(part)) * width
            flat.scatter_reduce_(0, part, seen, "amax")
        # Early on nothing reaches the threshold; the mean keeps the denser part of a faint scene.
        limit = min(threshold, flat.mean().item())
        packed = occupancy_bits(self.optical_depth > limit, self.center, self.half_size)
        self.bits.copy_(packed.bits)
        self.blocks.copy_(packed.blocks)

    def _cells_to_look_at(self, num_cells: int | None, threshold: float) -> Int[Tensor, " n"]:
        flat = self.optical_depth.view(-1)
        if num_cells is None:
            return torch.arange(flat.numel(), device=flat.device)
        anywhere = torch.randint(flat.numel(), (num_cells // 2,), device=flat.device)
        holding = (flat > threshold).nonzero()[:, 0]
        if len(holding) == 0:
            return anywhere
        chosen = holding[torch.randint(len(holding), (num_cells // 2,), device=flat.device)]
        return torch.cat([anywhere, chosen])
