"""A picture that can be looked at early: coarse at first, then finer, for viewers that must not wait."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.types import Image, Rays


def progressively(render: Callable[[Rays], Image], rays: Rays, coarsest: int = 8) -> Iterator[Image]:
    """The picture seen along `h w` rays, again and again, at each time from twice the rows and columns.

    The first one is of every `coarsest`-th row and column, a power of two; the last one is `render(rays)`.
    Each ray is rendered once; until its turn a pixel shows the nearest one above and to the left that is
    known.
    """
    assert coarsest.bit_count() == 1, "halved until it is 1"
    height, width = rays.shape
    flat = rays.reshape(height * width)
    index = torch.arange(height * width, device=rays.near.device).reshape(height, width)
    values = torch.zeros(height * width, 5, device=rays.near.device)
    known = torch.zeros(height * width, dtype=torch.bool, device=rays.near.device)
    stride = coarsest
    while stride > 0:
        due = index[::stride, ::stride].flatten()
        due = due[~known[due]]
        if len(due) > 0:
            values[due] = _rows(render(flat[due].reshape(1, len(due))))
            known[due] = True
        yield _spread(values.reshape(height, width, 5)[::stride, ::stride], stride, height, width)
        stride //= 2


def _rows(image: Image) -> Float[Tensor, "n 5"]:
    """Colour, opacity and depth side by side."""
    return torch.cat([image.rgb, image.opacity[..., None], image.depth[..., None]], dim=-1).flatten(0, 1)


def _spread(known: Float[Tensor, "_ _ 5"], stride: int, height: int, width: int) -> Image:
    """Each known pixel in the place of stride x stride."""
    full = known.repeat_interleave(stride, 0)[:height].repeat_interleave(stride, 1)[:, :width]
    return Image(rgb=full[..., :3], opacity=full[..., 3], depth=full[..., 4])
