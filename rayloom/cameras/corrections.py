"""Learned changes of given cameras: where each photo was taken from, and what the lens does."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.geometry.transforms import compose, invert_rigid, rotate, se3_exp
from rayloom.types import Rays

Side = Literal["camera", "world"]
Lenses = Literal["fixed", "shared", "per-image"]


class CameraCorrections(nn.Module):
    """A twist for each training photo, and a lens for all photos, for each of them, or for none.

    A correction on the side of the camera moves each camera from its own place, along its own axes; one on
    the side of the world swings it about the origin, as in BARF (Lin et al. 2021, the authors' code). All
    numbers begin at zero, which changes nothing, and gradients are exact there.
    """

    def __init__(self, num_images: int, side: Side = "camera", lenses: Lenses = "fixed") -> None:
        super().__init__()
        self.side: Side = side
        identity = torch.eye(3, 4).repeat(num_images, 1, 1)
        self.given: Float[Tensor, "n 3 4"]
        self.register_buffer("given", identity)
        self.twists = nn.Parameter(torch.zeros(num_images, 6))
        num_lenses = {"fixed": 0, "shared": 1, "per-image": num_images}[lenses]
        self.lenses = nn.Parameter(torch.zeros(num_lenses, 5))
        """Logarithm of the focal length over the given one; shift of the principal point to the right and
        down, in given focal lengths; k1 and k2 of what the radius in front of the lens is multiplied by."""

    def start_from(self, world_from_camera: Float[Tensor, "n 3 4"]) -> None:
        """Take these as the given cameras; what was learnt is kept."""
        self.given.copy_(world_from_camera)

    def world_from_camera(self) -> Float[Tensor, "n 3 4"]:
        """The corrected poses."""
        change = se3_exp(self.twists)
        return compose(self.given, change) if self.side == "camera" else compose(change, self.given)

    def corrected(self, rays: Rays) -> Rays:
        """The same rays from the corrected cameras; rays of no training photo stay as they are.

        `radii` follow the focal length, without a gradient.
        """
        known = rays.camera_index >= 0
        index = rays.camera_index.clamp_min(0)
        camera_from_world = invert_rigid(self.given).index_select(0, index)
        poses = self.world_from_camera().index_select(0, index)
        # Zero for every camera with one centre; an orthographic one has an origin for each pixel.
        from_centre = rotate(camera_from_world, rays.origins - self.given[index, :, 3])
        local, shrink = self._through_lens(rotate(camera_from_world, rays.directions), index)
        origins = rotate(poses, from_centre) + poses[:, :, 3]
        directions = rotate(poses, local)
        return Rays(
            origins=torch.where(known[:, None], origins, rays.origins),
            directions=torch.where(known[:, None], directions, rays.directions),
            view_directions=torch.where(known[:, None], directions, rays.view_directions),
            near=rays.near,
            far=rays.far,
            radii=torch.where(known, rays.radii * shrink, rays.radii),
            camera_index=rays.camera_index,
            pixels=rays.pixels,
            time=rays.time,
        )

    def _through_lens(self, local: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Directions in the cameras' frames under the learned lens, and the factor of a pixel's width.

        What does not lie in front of the camera has no place on a plane and stays as it is.
        """
        if len(self.lenses) == 0:
            return local, torch.ones_like(local[:, 0])
        lens = self.lenses if len(self.lenses) == 1 else self.lenses.index_select(0, index)
        ahead = local[:, 2:] > 1e-3
        plane = local[:, :2] / torch.where(ahead, local[:, 2:], 1.0)
        shrink = torch.exp(-lens[:, :1])
        plane = (plane - lens[:, 1:3]) * shrink
        squared = plane.square().sum(-1, keepdim=True)
        plane = plane * (1 + squared * (lens[:, 3:4] + squared * lens[:, 4:5]))
        bent = torch.cat([plane, torch.ones_like(plane[:, :1])], dim=-1)
        bent = torch.nn.functional.normalize(bent, dim=-1)
        return torch.where(ahead, bent, local), shrink[:, 0].detach().expand(len(local))
