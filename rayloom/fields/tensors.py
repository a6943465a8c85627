"""Grids of features as sums of products of planes and lines (Chen et al. 2022, "TensoRF", section 3).

A grid of n^3 cells is never built: a place looks up three planes and three lines, which hold O(n²) numbers,
or lines alone, which hold O(n). Values are interpolated between nodes, of which the first and the last lie on
the walls of the box [-1, 1]^3; beyond a wall they stay as they are on it. Gradients reach the points as well,
and so the cameras from which they were seen; the authors' code detaches them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

F = TypeVar("F", bound="Factors")

AXES_OF_PLANE = ((1, 2), (0, 2), (0, 1))
"""Axes (a, b) of the plane that is multiplied with the line along x, y and z."""


def vector_matrix_components(
    planes: Sequence[Float[Tensor, "_ _ _"]],
    lines: Sequence[Float[Tensor, "_ _"]],
    points: Float[Tensor, "n 3"],
) -> Float[Tensor, "n components"]:
    """Each component's product of vector and matrix, those along x first (Chen et al. 2022, eq. 3).

    Line i lies along axis i and is multiplied with plane i, whose last axis is the lower one of the other
    two: planes are of shapes (r_x, n_z, n_y), (r_y, n_z, n_x) and (r_z, n_y, n_x).
    """
    places = [torch.stack([points[:, a], points[:, b]], dim=-1) for a, b in AXES_OF_PLANE]
    on_planes = _sampled(planes, places)
    return (on_planes * _on_lines(lines, points)).T


def cp_components(
    lines: Sequence[Float[Tensor, "rank _"]], points: Float[Tensor, "n 3"]
) -> Float[Tensor, "n rank"]:
    """Each component's product of three vectors, along x, y and z (Chen et al. 2022, eq. 1)."""
    along_x, along_y, along_z = _on_lines(lines, points).chunk(3)
    return (along_x * along_y * along_z).T


class Factors(nn.Module, ABC):
    """Planes and lines that are trained; what is common to both decompositions.

    Weights are loaded at whatever resolution they were saved.
    """

    planes: nn.ParameterList
    lines: nn.ParameterList

    @abstractmethod
    def forward(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n components"]:
        """The components at points in [-1, 1]^3, whose sum is a feature, or of which a matrix makes some."""

    @property
    def resolution(self) -> tuple[int, int, int]:
        """Number of nodes along x, y and z."""
        nx, ny, nz = (line.shape[1] for line in self.lines)
        return nx, ny, nz

    @property
    @abstractmethod
    def num_components(self) -> int:
        """How many components there are."""

    @torch.no_grad()
    def upsampled(self: F, resolution: Sequence[int]) -> F:
        """Factors with so many nodes along x, y and z over the same box, interpolated from these."""
        planes = [
            functional.interpolate(
                plane[None], (resolution[b], resolution[a]), mode="bilinear", align_corners=True
            )[0]
            for plane, (a, b) in zip(self.planes, AXES_OF_PLANE, strict=False)
        ]
        lines = [
            functional.interpolate(line[None], nodes, mode="linear", align_corners=True)[0]
            for line, nodes in zip(self.lines, resolution, strict=True)
        ]
        return self._with(planes, lines)

    @torch.no_grad()
    def cropped(self: F, first: Sequence[int], last: Sequence[int]) -> F:
        """The same values in a smaller box, whose corners are these nodes (x, y, z) of this one."""
        kept = [slice(low, high + 1) for low, high in zip(first, last, strict=True)]
        planes = [
            plane[:, kept[b], kept[a]] for plane, (a, b) in zip(self.planes, AXES_OF_PLANE, strict=False)
        ]
        return self._with(planes, [line[:, part] for line, part in zip(self.lines, kept, strict=True)])

    def _with(self: F, planes: Sequence[Tensor], lines: Sequence[Tensor]) -> F:
        made = deepcopy(self)
        made.planes, made.lines = _parameters(planes), _parameters(lines)
        return made

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Take on the saved resolution before torch compares shapes; ranks must be those asked for."""
        for name, factors in (("planes", self.planes), ("lines", self.lines)):
            for i, factor in enumerate(list(factors)):
                saved = state_dict.get(f"{prefix}{name}.{i}")
                if saved is not None and saved.ndim == factor.ndim and len(saved) == len(factor):
                    factors[i] = nn.Parameter(factor.new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class VectorMatrix(Factors):
    """VM: for each axis, `ranks` products of a line along it and a plane across it."""

    def __init__(
        self, resolution: Sequence[int], ranks: Sequence[int], scale: float = 0.1, *, absolute: bool = False
    ) -> None:
        """Draw all numbers from N(0, scale²), or take their absolute values."""
        super().__init__()
        shapes = [(r, resolution[b], resolution[a]) for r, (a, b) in zip(ranks, AXES_OF_PLANE, strict=True)]
        self.planes = _drawn(shapes, scale, absolute=absolute)
        self.lines = _drawn(list(zip(ranks, resolution, strict=True)), scale, absolute=absolute)

    @property
    def num_components(self) -> int:
        """The sum of the ranks."""
        return sum(len(line) for line in self.lines)

    def forward(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n components"]:
        """The components at points in [-1, 1]^3, axis by axis."""
        return vector_matrix_components(list(self.planes), list(self.lines), points)


class CP(Factors):
    """CP: products of three lines."""

    def __init__(
        self, resolution: Sequence[int], rank: int, scale: float = 0.2, *, absolute: bool = False
    ) -> None:
        """Draw all numbers from N(0, scale²), or take their absolute values."""
        super().__init__()
        self.planes = nn.ParameterList()
        self.lines = _drawn([(rank, nodes) for nodes in resolution], scale, absolute=absolute)

    @property
    def num_components(self) -> int:
        """The rank."""
        return len(self.lines[0])

    def forward(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n components"]:
        """The components at points in [-1, 1]^3."""
        return cp_components(list(self.lines), points)


def _on_lines(lines: Sequence[Tensor], points: Tensor) -> Tensor:
    """The values of all lines at points, components by points: a line is a plane of one column."""
    along = [functional.pad(points[:, axis : axis + 1], (1, 0)) for axis in range(3)]
    return _sampled([line[..., None] for line in lines], along)


def _sampled(planes: Sequence[Tensor], places: Sequence[Tensor]) -> Tensor:
    """The values of three planes at places of their own, components by points.

    Torch's own sampler keeps no copies of the corners: on a CPU it takes about half the time of four lookups
    where planes are small. It works on several planes at once, so that those of one shape go together.
    """
    if len({plane.shape for plane in planes}) == 1:
        return _grid_sample(torch.stack(list(planes)), torch.stack(list(places))).flatten(0, 1)
    return torch.cat([_grid_sample(p[None], at[None])[0] for p, at in zip(planes, places, strict=True)])


def _grid_sample(planes: Tensor, places: Tensor) -> Tensor:
    """Values of b planes (b c h w) at n places each (b n 2), as (b c n)."""
    return functional.grid_sample(
        planes, places[:, :, None], mode="bilinear", padding_mode="border", align_corners=True
    )[..., 0]


def _drawn(shapes: Sequence[tuple[int, ...]], scale: float, *, absolute: bool) -> nn.ParameterList:
    normal = [scale * torch.randn(shape) for shape in shapes]
    return _parameters([values.abs() if absolute else values for values in normal])


def _parameters(factors: Sequence[Tensor]) -> nn.ParameterList:
    return nn.ParameterList(nn.Parameter(factor.detach().clone()) for factor in factors)
