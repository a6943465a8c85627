"""Which pixels next: uniformly random ones of all training images, alone or in squares, with their rays."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.data.pixels.images import flat_pixels
from rayloom.data.pixels.labels import UNKNOWN
from rayloom.data.scene import Scene
from rayloom.data.selection import Selection
from rayloom.errors import InputError
from rayloom.types import Batch, Crops, Patch


def scene_cameras(scene: Scene) -> Cameras:
    """The cameras of all images, in the scene's order; those that train carry their number among these."""
    image_index = np.full(len(scene.names), -1)
    train = list(scene.indices("train"))
    image_index[train] = np.arange(len(train))
    return Cameras.from_intrinsics(
        scene.intrinsics,
        scene.world_from_camera,
        scene.near,
        scene.far,
        times=scene.times,
        image_index=image_index,
    )


def truth_image(scene: Scene, index: int) -> tuple[Float[Tensor, "h w 3"], Bool[Tensor, "h w"]]:
    """The photo over the scene's background, and where its pixels may be used."""
    levels = torch.from_numpy(np.array(scene.images[index]))
    rgb, _ = composited(levels, torch.tensor(scene.info.background))
    ignore = scene.ignore[index]
    valid = torch.ones(rgb.shape[:2], dtype=torch.bool) if ignore is None else torch.from_numpy(~ignore)
    return rgb, valid


def truth_labels(scene: Scene, index: int) -> Int[Tensor, "h w"] | None:
    """The semantic class of each pixel of a photo, -1 where unknown; None where it has no labels."""
    labels = scene.labels[index] if scene.labels else None
    return None if labels is None else torch.from_numpy(labels.astype(np.int64))


class PixelBatches:
    """Endless random batches of training pixels, the same ones for the same seed.

    Every pixel of every training image, at every scale, that is not ignored is as likely as any other,
    whatever the sizes of the images. Pixels stay 8-bit until they are drawn. `state_dict` holds the state
    of the generator: batches that load it go on as these would have.

    Squares lie wholly in their photo, anywhere in it, and photos are as likely as they have room for them.
    What is around a square may be outside of the photo or ignored, as a part of the square may; `Crops.valid`
    says so.
    """

    def __init__(self, scene: Scene, seed: int, device: torch.device | str = "cpu") -> None:
        train, scales = list(scene.indices("train")), scene.scales
        sizes = np.array([scale.images[i].shape[:2] for scale in scales for i in train], np.int64)
        ends = sizes.prod(-1).cumsum()
        rows, starts = flat_pixels([image for scale in scales for image in scale.images])
        self.device = torch.device(device)
        self.generator = torch.Generator().manual_seed(seed)
        self.background = torch.tensor(scene.info.background, device=self.device)
        self.cameras = _training_cameras(scene).to(self.device)
        self.pixels = torch.from_numpy(rows).to(self.device)
        self.widths = torch.from_numpy(sizes[:, 1].copy())
        self.ends = torch.from_numpy(ends)
        self.starts = torch.from_numpy(ends - sizes.prod(-1))
        # Training images need not lie behind one another among all images.
        self.shifts = torch.from_numpy(starts.reshape(len(scales), -1)[:, train].ravel()) - self.starts
        areas = torch.tensor([4.0**level for level in range(len(scales))]).repeat_interleave(len(train))
        self.areas = areas.to(self.device) if scene.coarser else None
        self.depths = _flat_depths([scale.depths[i] for scale in scales for i in train], sizes)
        self.labels = _flat_labels(
            [scale.labels[i] for scale in scales for i in train if scale.labels], sizes
        )
        self.usable = _usable([scale.ignore[i] for scale in scales for i in train], sizes)
        self.num_pixels = int(ends[-1]) if self.usable is None else len(self.usable)

    def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
        """The next random pixels, or as many whole squares as have so many, at least one.

        Raises InputError where no photo has room for a square.
        """
        if patch is not None:
            return self._patches(max(num_rays // patch.side**2, 1), patch)
        drawn = torch.randint(self.num_pixels, (num_rays,), generator=self.generator)
        if self.usable is not None:
            drawn = self.usable[drawn]
        image = torch.searchsorted(self.ends, drawn, right=True)
        return self._batch(image, drawn)

    def _patches(self, count: int, patch: Patch) -> Batch:
        """Squares, each at a random place of a random photo, and what is around them."""
        sizes = torch.stack([self.widths, (self.ends - self.starts) // self.widths], dim=-1)
        room = (sizes - patch.side + 1).clamp(min=0)
        if not (room > 0).all(-1).any():
            raise InputError("photos", f"are too small; expected room for {patch.side}x{patch.side} pixels")
        image = torch.multinomial(room.prod(-1).double(), count, replacement=True, generator=self.generator)
        place = torch.rand(count, 2, generator=self.generator, dtype=torch.double)
        corner = (place * room[image]).long().minimum(room[image] - 1)
        along = torch.arange(-patch.margin, patch.side + patch.margin)
        y, x = torch.meshgrid(along, along, indexing="ij")
        image, corner = image[:, None, None].expand(-1, *y.shape), corner[:, None, None]
        pixels = corner + torch.stack([x, y], dim=-1)
        inside = ((pixels >= 0) & (pixels < sizes[image])).all(-1)
        column, row = pixels.where(inside[..., None], 0).unbind(-1)
        number = self.starts[image] + self.widths[image] * row + column
        rgb, alpha = self._colors(image.flatten(), number.flatten())
        valid = inside if self.usable is None else inside & self.usable.flags[number]
        crops = Crops(rgb.view(*number.shape, 3), alpha.view(number.shape), valid.to(self.device))
        crops = replace(crops, rgb=crops.rgb * inside.to(self.device)[..., None])
        square = (slice(None), *2 * [slice(patch.margin, patch.margin + patch.side)])
        return replace(self._batch(image[square].flatten(), number[square].flatten()), crops=crops)

    def state_dict(self) -> dict[str, Tensor]:
        """What decides about all batches to come."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another `PixelBatches` of the same scene stood."""
        self.generator.set_state(state["generator"])

    def reseed(self, seed: int) -> None:
        """Go on as new batches of this seed would."""
        self.generator.manual_seed(seed)

    def _batch(self, image: Int[Tensor, " n"], number: Int[Tensor, " n"]) -> Batch:
        """Pixels by their image and their number among all training pixels."""
        widths = self.widths.index_select(0, image)
        within = number - self.starts.index_select(0, image)
        y = within // widths
        pixels = torch.stack([within - y * widths, y], dim=-1).float() + 0.5
        camera = image.to(self.device)
        rays = self.cameras.rays(camera, pixels.to(self.device))
        rgb, alpha = self._colors(image, number)
        depth = None
        if self.depths is not None:
            z_depth = self.depths.index_select(0, number).to(self.device)
            depth = self.cameras.t_from_z_depth(z_depth, rays.directions, camera)
        area = self.areas.index_select(0, camera) if self.areas is not None else None
        labels = None
        if self.labels is not None:
            labels = self.labels.index_select(0, number).to(self.device).long()
        return Batch(rays=rays, rgb=rgb, alpha=alpha, depth=depth, labels=labels, area=area)

    def _colors(
        self, image: Int[Tensor, " n"], number: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n 3"], Float[Tensor, " n"]]:
        """Colour and alpha of pixels by their image and their number."""
        row = (number + self.shifts.index_select(0, image)).to(self.device)
        return composited(self.pixels.index_select(0, row), self.background)


def composited(
    levels: UInt8[Tensor, "*batch c"], background: Float[Tensor, "3"]
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch"]]:
    """Colours over the background, in sRGB as the papers do, and alpha; 1 where there is none."""
    values = levels.float() / 255
    if levels.shape[-1] == 3:
        return values, torch.ones_like(values[..., 0])
    rgb, alpha = values[..., :3], values[..., 3]
    return background + alpha[..., None] * (rgb - background), alpha


def _training_cameras(scene: Scene) -> Cameras:
    """The cameras of the training images at every scale, scale after scale; copies share their number."""
    train, count = list(scene.indices("train")), len(scene.scales)
    return Cameras.from_intrinsics(
        [scale.intrinsics[i] for scale in scene.scales for i in train],
        np.tile(scene.world_from_camera[train], (count, 1, 1)),
        np.tile(scene.near[train], count),
        np.tile(scene.far[train], count),
        times=np.tile(scene.times[train], count),
        image_index=np.tile(np.arange(len(train)), count),
    )


def _flat_depths(
    depths: Sequence[NDArray[np.float32] | None], sizes: NDArray[np.int64]
) -> Float[Tensor, " n"] | None:
    """Depth along the axis of all pixels, 0 where unknown; None where no image has depth."""
    if all(depth is None for depth in depths):
        return None
    parts = [
        np.zeros(size, np.float32) if depth is None else depth
        for depth, size in zip(depths, sizes, strict=True)
    ]
    return torch.from_numpy(np.concatenate([part.ravel() for part in parts]))


def _flat_labels(
    labels: Sequence[NDArray[np.int16] | None], sizes: NDArray[np.int64]
) -> Int[Tensor, " n"] | None:
    """Classes of all pixels, -1 where unknown; None where no image has labels."""
    if all(label is None for label in labels):
        return None
    parts = [
        np.full(size, UNKNOWN, np.int16) if label is None else label
        for label, size in zip(labels, sizes, strict=True)
    ]
    return torch.from_numpy(np.concatenate([part.ravel() for part in parts]))


def _usable(ignore: Sequence[NDArray[np.bool_] | None], sizes: NDArray[np.int64]) -> Selection | None:
    """The pixels that may be used; None where all may."""
    if all(mask is None for mask in ignore):
        return None
    pairs = zip(ignore, sizes, strict=True)
    return Selection([np.ones(size, np.bool_) if mask is None else ~mask for mask, size in pairs])
