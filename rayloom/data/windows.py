"""Windows of pictures on the grid of their latents, for methods that learn from more than single rays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.latent_grid import latent_centers
from rayloom.cameras.neighbours import neighbours, random_between
from rayloom.data.batches import composited
from rayloom.data.views import Views
from rayloom.types import Rays


@dataclass(frozen=True)
class Windows:
    """Equal squares of pictures, one in each of some cameras, cut along the borders of latents.

    Where a picture ends within a latent, a window goes on with its last row and column: so do pictures in
    the autoencoder.
    """

    cameras: Cameras
    corner: Int[Tensor, "n 2"]
    """Column and row of the first latent."""
    side: int
    """Latents along a side."""
    scale: int
    """Pixels along a latent."""

    @property
    def num_pixels(self) -> int:
        """Pixels along a side."""
        return self.side * self.scale

    def latent_rays(self) -> Rays:
        """The rays of all latents, n side side."""
        centers = latent_centers(self.side, self.side, self.scale).to(self.cameras.focal)
        return self._rays(centers + self.scale * self.corner[:, None, None])

    def pixel_rays(self) -> Rays:
        """The rays of all pixels, n p p."""
        centers = latent_centers(self.num_pixels, self.num_pixels, 1).to(self.cameras.focal)
        last = (self.cameras.size - 0.5)[:, None, None]
        return self._rays((centers + self.scale * self.corner[:, None, None]).minimum(last))

    def state_dict(self) -> dict[str, Tensor]:
        """Where the windows are; side and scale are those of all that `PhotoWindows` draws."""
        return {"corner": self.corner, **vars(self.cameras)}

    def _rays(self, pixels: Float[Tensor, "n h w 2"]) -> Rays:
        count, height, width, _ = pixels.shape
        camera = torch.arange(count, device=pixels.device).repeat_interleave(height * width)
        return self.cameras.rays(camera, pixels.reshape(-1, 2)).reshape(count, height, width)


class PhotoWindows:
    """Random windows of the training photos over a background, and of pictures from between them."""

    def __init__(self, views: Views, background: Float[Tensor, "3"], scale: int, num_pixels: int) -> None:
        self.images, self.background, self.scale = views.images, background, scale
        self.cameras = views.cameras.to(background.device)
        self.neighbours = neighbours(self.cameras)
        smallest = int((-(-self.cameras.size // scale)).min())
        self.side = max(min(round(num_pixels / scale), smallest), 1)

    def draw(self, count: int) -> tuple[Windows, Float[Tensor, "n p p 3"]]:
        """Windows at random places of random photos, and what is seen in them."""
        photo = torch.randint(len(self.cameras), (count,))
        windows = self._windows(self.cameras[photo.to(self.background.device)])
        corners = windows.corner.tolist()
        pictures = [self._crop(self.images[i], *c) for i, c in zip(photo.tolist(), corners, strict=True)]
        return windows, torch.cat(pictures)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height of each photo."""
        return [(image.shape[1], image.shape[0]) for image in self.images]

    def draw_between(self, count: int) -> Windows:
        """Windows at random places of pictures that nobody took, seen from between neighbouring photos."""
        return self._windows(random_between(self.cameras, self.neighbours, count))

    def drawn_once(self, state: Mapping[str, Tensor]) -> Windows:
        """Windows that were drawn before, from their `state_dict`."""
        parts = {name: value.to(self.background.device) for name, value in state.items()}
        corner = parts.pop("corner")
        return Windows(Cameras(**parts), corner, self.side, self.scale)

    def photo(self, index: int) -> Float[Tensor, "1 h w 3"]:
        """A whole photo."""
        return self._picture(self.images[index])

    def _windows(self, cameras: Cameras) -> Windows:
        room = -(-cameras.size // self.scale) - self.side + 1
        corner = (torch.rand(room.shape, device=room.device) * room).long()
        return Windows(cameras, corner, self.side, self.scale)

    def _crop(self, image: NDArray[np.uint8], column: int, row: int) -> Float[Tensor, "1 p p 3"]:
        """The window whose first latent this is, continued beyond the photo's last row and column."""
        x, y = (np.arange(self.scale * first, self.scale * (first + self.side)) for first in (column, row))
        inside = np.ix_(y.clip(max=image.shape[0] - 1), x.clip(max=image.shape[1] - 1))
        return self._picture(image[inside])

    def _picture(self, levels: NDArray[np.uint8]) -> Float[Tensor, "1 h w 3"]:
        pixels = torch.from_numpy(np.array(levels)).to(self.background.device)
        return composited(pixels, self.background)[0][None]


class LatentPixels:
    """Every latent of whole photos, as an encoder makes them, to be drawn alone with its ray.

    They are kept in half precision: as many numbers as there are pixels, or some more.
    """

    def __init__(self, photos: PhotoWindows, latents: Float[Tensor, "n c"]) -> None:
        self.cameras, self.latents = photos.cameras, latents
        grids = [(-(-height // photos.scale), -(-width // photos.scale)) for width, height in photos.sizes]
        places = [latent_centers(rows, columns, photos.scale).reshape(-1, 2) for rows, columns in grids]
        self.places = torch.cat(places).to(latents.device)
        counts = torch.tensor([len(part) for part in places], device=latents.device)
        self.camera = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)

    @staticmethod
    @torch.no_grad()
    def encoded(
        photos: PhotoWindows,
        encode: Callable[[Float[Tensor, "1 h w 3"]], Float[Tensor, "1 rows columns c"]],
    ) -> "LatentPixels":
        """What an encoder makes of all photos."""
        grids = (encode(photos.photo(index)) for index in range(len(photos.images)))
        return LatentPixels(photos, torch.cat([grid[0].flatten(0, 1).half() for grid in grids]))

    def moments(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        """Mean and standard deviation of each channel."""
        values = self.latents.float()
        return values.mean(0), values.std(0)

    def draw(self, count: int) -> tuple[Rays, Float[Tensor, "n c"]]:
        """Random latents of random photos, and their rays."""
        chosen = torch.randint(len(self.latents), (count,), device=self.latents.device)
        rays = self.cameras.rays(self.camera[chosen], self.places[chosen])
        return rays, self.latents[chosen].float()
