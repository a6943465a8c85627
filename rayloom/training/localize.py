"""Where a photo was taken: its camera is moved until a trained method shows the photo."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.corrections import Side
from rayloom.geometry.transforms import compose, se3_exp
from rayloom.method import Method
from rayloom.schedules import exponential
from rayloom.types import Rays

PixelChooser = Callable[[torch.Generator], Int[Tensor, " n"]]
"""Draws the pixels of a step, numbered row by row from the top left."""

RAYS_PER_STEP = 1024


@dataclass(frozen=True)
class Localized:
    """The camera of a photo, and how it was found."""

    poses: Float[Tensor, "n 3 4"]
    """From where the search began to where it ended, one after each step."""
    losses: tuple[float, ...]
    """Mean squared error of the pixels of each step, before the step."""

    @property
    def world_from_camera(self) -> Float[Tensor, "3 4"]:
        """Where the search ended."""
        return self.poses[-1]


@contextmanager
def frozen(method: Method[Any]) -> Iterator[None]:
    """Keep every module in evaluation mode and parameters without gradients; afterwards all is as before."""
    modes = [(module, module.training) for module in method.modules()]
    learning = [parameter for parameter in method.parameters() if parameter.requires_grad]
    method.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter in learning:
            parameter.requires_grad_(True)


def random_pixels(valid: Bool[Tensor, "h w"], num: int = RAYS_PER_STEP) -> PixelChooser:
    """Draws pixels where `valid` is true, all alike."""
    allowed = valid.flatten().nonzero()[:, 0]
    return lambda generator: allowed[torch.randint(len(allowed), (num,), generator=generator)]


def localize(
    method: Method[Any],
    camera: Cameras,
    photo: Float[Tensor, "h w 3"],
    choose: PixelChooser,
    *,
    steps: int = 100,
    lr: float = 1e-3,
    lr_final: float = 1e-4,
    seed: int = 0,
    side: Side = "camera",
) -> Localized:
    """The pose of a photo that a frozen method shows best, from the pose of a set of one camera.

    Adam on the mean squared error of a step's pixels moves a twist, as Yen-Chen et al. 2021 do, who choose
    the pixels, and Lin et al. 2021 before they score: about the camera, or on the side of the world, where
    a camera that is far off finds back sooner. The photo is over the method's background.
    """
    generator = torch.Generator().manual_seed(seed)
    given, device = camera.world_from_camera[0].detach(), camera.world_from_camera.device
    twist = torch.zeros(6, dtype=given.dtype, device=device, requires_grad=True)
    adam = torch.optim.Adam([twist], lr=lr)
    colours = photo.to(device).reshape(-1, 3)
    losses, path = list[Tensor](), [twist.detach().clone()]
    with frozen(method), torch.enable_grad():
        for step in range(steps):
            adam.param_groups[0]["lr"] = exponential(step / steps, lr, lr_final)
            number = choose(generator).to(device)
            moved = replace(camera, world_from_camera=_moved(given, twist, side)[None])
            error = method.render(pixel_rays(method, moved, number)).rgb - colours[number]
            loss = error.square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.detach())
            path.append(twist.detach().clone())
    return Localized(_moved(given, torch.stack(path), side), tuple(float(loss) for loss in losses))


def _moved(pose: Tensor, twists: Tensor, side: Side) -> Tensor:
    change = se3_exp(twists)
    return compose(pose, change) if side == "camera" else compose(change, pose)


def pixel_rays(method: Method[Any], camera: Cameras, number: Int[Tensor, " n"]) -> Rays:
    """Rays through the centres of numbered pixels of a set of one camera that did not train.

    Where the method learnt a lens that all training photos share, the rays pass it.
    """
    width = camera.size[0, 0]
    pixels = torch.stack([number % width, number // width], dim=-1).to(camera.focal) + 0.5
    stranger = replace(camera, image_index=torch.full_like(camera.image_index, -1))
    rays = stranger.rays(torch.zeros_like(number), pixels)
    corrections = method.learned_cameras()
    return rays if corrections is None else corrections.behind_shared_lens(rays, camera.world_from_camera[0])
