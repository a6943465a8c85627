"""Short tours through scattered places, and smooth curves through them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def short_order(distances: Float[Tensor, "n n"]) -> Int[Tensor, " n"]:
    """An order of n places whose open path is short: nearest neighbours first, then 2-opt to its end."""
    n = len(distances)
    # A place at no distance from all others makes the open path a closed tour.
    padded = torch.nn.functional.pad(distances, (0, 1, 0, 1))
    tour = torch.cat([torch.tensor([n]), _nearest_neighbours(distances), torch.tensor([n])])
    while True:
        start, end = tour[:-1], tour[1:]
        length = padded[start, end]
        gain = length[:, None] + length - padded[start][:, start] - padded[end][:, end]
        best = int(gain.triu(1).argmax())
        first, second = divmod(best, n + 1)
        if gain[first, second] <= 1e-9 * length.sum():
            return tour[1:-1]
        tour[first + 1 : second + 1] = tour[first + 1 : second + 1].flip(0)


def _nearest_neighbours(distances: Tensor) -> Tensor:
    """From the remotest place always on to the nearest that is left."""
    left = torch.ones(len(distances), dtype=torch.bool)
    order = [int(distances.sum(-1).argmax())]
    left[order[0]] = False
    while left.any():
        order.append(int(distances[order[-1]].where(left, torch.inf).argmin()))
        left[order[-1]] = False
    return torch.tensor(order)


def smooth_curve(
    knots: Float[Tensor, " n"], values: Float[Tensor, "n c"], at: Float[Tensor, " m"]
) -> Float[Tensor, "m c"]:
    """Cubic Hermite curve with a continuous slope through n >= 2 values at rising knots.

    The slope at a knot is that of the parabola through it and its neighbours, at the ends that of the
    first and last piece.
    """
    widths = knots.diff()[:, None]
    slopes = values.diff(dim=0) / widths
    before, after = widths[:-1], widths[1:]
    inner = (after * slopes[:-1] + before * slopes[1:]) / (before + after)
    tangents = torch.cat([slopes[:1], inner, slopes[-1:]])
    piece = (torch.searchsorted(knots, at.contiguous(), right=True) - 1).clamp(0, len(knots) - 2)
    width = widths[piece]
    s = (at - knots[piece])[:, None] / width
    from_start = (1 + 2 * s) * values[piece] + s * width * tangents[piece]
    from_end = (3 - 2 * s) * values[piece + 1] - (1 - s) * width * tangents[piece + 1]
    return (1 - s).square() * from_start + s.square() * from_end
