"""What goes wrong between a world and its photos, each fault with its own switch."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rayloom.geometry.transforms import compose, se3_exp


@dataclass(frozen=True)
class Defects:
    """Faults of the training photos; all are off by default. Held-out photos never have any."""

    pose_turn_sd: float = 0.0
    """Noise of the given poses: sd of each component of the rotation vector, radians."""
    pose_move_sd: float = 0.0
    """Noise of the given poses: sd of each component of the translation, world units."""
    shift_px: float = 0.0
    """Content of each photo is displaced by up to this many pixels in x and in y, evenly distributed."""
    whole_pixel_shifts: bool = False
    """Displace by whole pixels only."""
    exposure_sd: float = 0.0
    """Sd of the logarithm of a gain common to red, green and blue."""
    tint_sd: float = 0.0
    """Sd of the logarithm of a further gain of each channel."""
    offset_sd: float = 0.0
    """Sd of an addition to each channel, sRGB in [0, 1]."""
    occluded_share: float = 0.0
    """Chance, for each photo, that a striped square hides a part of it."""
    occluder_size: tuple[float, float] = (0.25, 0.5)
    """Least and largest edge of the square, as a share of the photo's shorter side."""
    sway_sd: float = 0.0
    """Sd of a displacement of every object in every photo: things moved between the photos, world units."""
    blur_px: float = 0.0
    """Sd of a Gaussian blur."""
    noise_sd: float = 0.0
    """Sd of noise of each value, sRGB in [0, 1]."""
    wrong_labels: float = 0.0
    """Share of the pixels whose semantic label is replaced by another one."""
    label_block: int = 1
    """Labels are known in blocks of so many pixels along a side, each with that of its middle."""
    labelled_share: float = 1.0
    """Share of the pixels whose label is known at all."""


@dataclass(frozen=True)
class Flaw:
    """What is drawn for one photo."""

    defects: Defects
    twist: Float[Tensor, "6"]
    """True camera to given camera: turn, then move, along the camera's own axes."""
    shift: tuple[float, float]
    """Pixels to the right and down."""
    gain: tuple[float, float, float]
    offset: tuple[float, float, float]
    square: tuple[int, int, int] | None
    """Left, top and edge of the occluder in pixels."""
    sway: NDArray[np.float64]
    """Displacement of each object, world units."""
    seed: int
    """For what is drawn per pixel."""


def draw_flaw(defects: Defects, rng: np.random.Generator, width: int, height: int, num_objects: int) -> Flaw:
    """One photo's share of the defects; the same draws are made whichever switches are on."""
    twist = rng.normal(size=6) * np.repeat([defects.pose_turn_sd, defects.pose_move_sd], 3)
    shift = rng.uniform(-defects.shift_px, defects.shift_px, 2)
    shift = np.round(shift) if defects.whole_pixel_shifts else shift
    gain = np.exp(defects.exposure_sd * rng.normal() + defects.tint_sd * rng.normal(size=3))
    offset = defects.offset_sd * rng.normal(size=3)
    hidden, share, left, top = rng.uniform(size=4)
    edge = round(min(width, height) * float(np.interp(share, [0, 1], defects.occluder_size)))
    square = (int(left * (width - edge + 1)), int(top * (height - edge + 1)), edge)
    return Flaw(
        defects=defects,
        twist=torch.from_numpy(twist),
        shift=(float(shift[0]), float(shift[1])),
        gain=(float(gain[0]), float(gain[1]), float(gain[2])),
        offset=(float(offset[0]), float(offset[1]), float(offset[2])),
        square=square if hidden < defects.occluded_share else None,
        sway=defects.sway_sd * rng.normal(size=(num_objects, 3)),
        seed=int(rng.integers(2**31)),
    )


def noisy_pose(world_from_camera: Float[Tensor, "3 4"], flaw: Flaw) -> Float[Tensor, "3 4"]:
    """The pose that is handed out instead of the true one."""
    return compose(world_from_camera, se3_exp(flaw.twist.to(world_from_camera)))


def spoil(rgba: Float[Tensor, "h w 4"], flaw: Flaw) -> Float[Tensor, "h w 4"]:
    """A photo, straight alpha, with blur, colour, occluder and noise; in this order, as light meets them."""
    rgba = _blurred(rgba, flaw.defects.blur_px)
    rgb = rgba[..., :3] * rgba.new_tensor(flaw.gain) + rgba.new_tensor(flaw.offset)
    rgba = torch.cat([rgb.clamp(0, 1), rgba[..., 3:]], -1)
    rng = np.random.default_rng(flaw.seed)
    if flaw.square is not None:
        left, top, edge = flaw.square
        stripes = rgba.new_tensor(rng.uniform(size=(10, 3)))[torch.arange(edge) * 10 // edge]
        rgba[top : top + edge, left : left + edge, :3] = stripes
        rgba[top : top + edge, left : left + edge, 3] = 1
    noise = rgba.new_tensor(rng.normal(size=rgb.shape)) * flaw.defects.noise_sd
    return torch.cat([(rgba[..., :3] + noise).clamp(0, 1), rgba[..., 3:]], -1)


def occluded(flaw: Flaw, width: int, height: int) -> Bool[Tensor, "h w"]:
    """Where the occluder is."""
    mask = torch.zeros(height, width, dtype=torch.bool)
    if flaw.square is not None:
        left, top, edge = flaw.square
        mask[top : top + edge, left : left + edge] = True
    return mask


def mistaken_labels(label: Int[Tensor, "h w"], num_labels: int, flaw: Flaw) -> Int[Tensor, "h w"]:
    """Labels of which a share is replaced by any other class, evenly drawn, and -1 where they are unknown."""
    block = flaw.defects.label_block
    rows, columns = (
        (torch.arange(side) // block * block + block // 2).clamp(max=side - 1) for side in label.shape
    )
    label = label[rows[:, None], columns]
    rng = np.random.default_rng(flaw.seed)
    wrong = torch.from_numpy(rng.uniform(size=label.shape) < flaw.defects.wrong_labels).to(label.device)
    step = torch.from_numpy(rng.integers(1, max(num_labels, 2), size=label.shape)).to(label)
    known = torch.from_numpy(rng.uniform(size=label.shape) < flaw.defects.labelled_share).to(label.device)
    return torch.where(known, torch.where(wrong, (label + step) % num_labels, label), -1)


def _blurred(rgba: Float[Tensor, "h w 4"], sd: float) -> Float[Tensor, "h w 4"]:
    """The photo under a Gaussian, colours weighted by alpha so that emptiness does not darken edges."""
    if sd == 0:
        return rgba
    radius = max(1, round(4 * sd))
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).to(rgba) / sd) ** 2)
    taps = taps / taps.sum()
    planes = torch.cat([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], -1).permute(2, 0, 1)[:, None]
    planes = torch.nn.functional.pad(planes, (radius,) * 4, mode="replicate")
    planes = torch.nn.functional.conv2d(planes, taps.reshape(1, 1, 1, -1))
    planes = torch.nn.functional.conv2d(planes, taps.reshape(1, 1, -1, 1))
    blurred = planes[:, 0].permute(1, 2, 0)
    return torch.cat([blurred[..., :3] / blurred[..., 3:].clamp(min=1e-6), blurred[..., 3:]], -1)
