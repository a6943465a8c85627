"""How rough a grid is, the penalty that keeps explicit fields smooth: the reference in torch."""

from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster


def total_variation(
    grid: Float[Tensor, "channels *space"], *, implementation: Implementation = "auto"
) -> Float[Tensor, ""]:
    """The sum over axes of space of the mean of (g[i + 1] - g[i])², over channels and neighbours along it.

    Space is a line, a plane or a volume; what has no neighbours counts nothing. Papers agree on the
    differences and not on the rest: Plenoxels (arXiv:2112.05131) takes the root of their sum in each cell,
    TensoRF (arXiv:2203.09517, in its code) and K-Planes (arXiv:2301.10241) the squares. Squares need no
    epsilon where a grid is flat. A mean for each axis, as in TensoRF's code, whose factor 2 belongs in the
    weight of the loss, lets one weight serve all resolutions and numbers of channels.
    """
    assert 2 <= grid.ndim <= 4, "channels, and one to three axes of space"
    if fast := faster(total_variation, implementation, grid):
        return fast(grid)
    # The sum of nothing: zero, and a gradient of zero for grids of one cell.
    total = grid[:0].sum()
    for axis in range(1, grid.ndim):
        steps = grid.diff(dim=axis)
        if steps.numel():
            total = total + steps.square().mean()
    return total
