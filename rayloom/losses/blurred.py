"""Blurred photos, which tell a field the way before they tell it detail."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional

from rayloom.data.batches import composited
from rayloom.data.views import Views
from rayloom.fields.filtering import gaussian_filter
from rayloom.losses.edges import edge_mask
from rayloom.types import Batch


class BlurredPhotos:
    """The training photos over a background, blurred by several widths, to be looked up pixel by pixel.

    They are kept in 8 bits, as the photos themselves, once for each width.
    """

    def __init__(self, views: Views, background: Float[Tensor, "3"]) -> None:
        self.images = views.images
        self.background = background
        sizes = torch.tensor([image.shape[:2] for image in views.images], device=background.device)
        self.widths = sizes[:, 1]
        self.starts = functional.pad(sizes.prod(-1).cumsum(0), (1, 0))[:-1]
        self.version = -1
        """What `blur` was last told about how late it is."""
        self.rows: dict[float, UInt8[Tensor, "pixels 3"]] = {}
        self.edges: Bool[Tensor, " pixels"] | None = None

    def blur(self, width: float, scales: Sequence[float], version: int) -> None:
        """Blur each photo by `width`, in its mean sides, times each of the scales; mark edges at scale 1."""
        rows: dict[float, list[Tensor]] = {scale: [] for scale in scales}
        edges: list[Tensor] = []
        for image in self.images:
            photo, _ = composited(torch.tensor(image, device=self.background.device), self.background)
            sigma = width * sum(photo.shape[:2]) / 2
            # Channels first, where the filter's products are large ones.
            channels = photo.movedim(-1, 0).contiguous()
            blurred = {
                scale: gaussian_filter(channels, sigma * scale, (1, 2)).movedim(0, -1)
                for scale in {*scales, 1.0}
            }
            for scale, parts in rows.items():
                parts.append((255 * blurred[scale]).round().byte().flatten(0, 1))
            edges.append(edge_mask(blurred[1.0]).flatten())
        self.rows = {scale: torch.cat(parts) for scale, parts in rows.items()}
        self.edges, self.version = torch.cat(edges), version

    def rgb(self, batch: Batch, scale: float) -> Float[Tensor, "n 3"]:
        """The colours of a batch's pixels in the photos blurred by one of the scales."""
        return self.rows[scale].index_select(0, self._row(batch)).float() / 255

    def on_edges(self, batch: Batch) -> Bool[Tensor, " n"]:
        """Whether a batch's pixels lie on edges of the photos blurred by the whole width."""
        assert self.edges is not None, "after `blur`"
        return self.edges.index_select(0, self._row(batch))

    def _row(self, batch: Batch) -> Tensor:
        """The place of each pixel among those of all photos; of a reduced copy's, that under its centre."""
        pixels, image = batch.rays.pixels, batch.rays.camera_index
        if batch.area is not None:
            pixels = pixels * batch.area.sqrt()[:, None]
        x, y = pixels.long().unbind(-1)
        return self.starts.index_select(0, image) + y * self.widths.index_select(0, image) + x
