"""Learned changes of given cameras: where each photo was taken from, and what the lens does."""

from dataclasses import replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.cameras.distortion import undistort
from rayloom.geometry.transforms import compose, invert_rigid, rotate, se3_exp
from rayloom.kernels.processes import average_gradients
from rayloom.paper import MethodConfig
from rayloom.schedules import exponential, lr_scale
from rayloom.types import Rays

Side = Literal["camera", "world"]
Lenses = Literal["fixed", "shared", "per-image"]

_LEAST_COSINE = 0.5
"""Of the angle to the optical axis, up to which a lens bends directions: the plane in front of the camera
has no place for those to the side, and a radial polynomial no inverse far out on it."""

_FOG_SHARE = 0.05
"""Of training, in which a field is too foggy yet to say where cameras are."""
_FALL = 0.01
"""What is left of the rate of cameras when training ends."""


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
        down, in given focal lengths; k1 and k2 of OpenCV, after any distortion that was given is undone."""
        self.share_lens = lenses == "shared"

    def start_from(self, world_from_camera: Float[Tensor, "n 3 4"]) -> None:
        """Take these as the given cameras; what was learnt is kept."""
        self.given.copy_(world_from_camera)

    def world_from_camera(self) -> Float[Tensor, "n 3 4"]:
        """The corrected poses."""
        change = se3_exp(self.twists)
        return compose(self.given, change) if self.side == "camera" else compose(change, self.given)

    def corrected(self, rays: Rays) -> Rays:
        """Rays of the given cameras, one leading axis, as the corrected cameras would have cast them.

        Those of no training photo, with camera index -1, stay as they are. `radii` follow the focal length,
        without a gradient.
        """
        if len(self.twists) == 0:
            return rays
        known = rays.camera_index >= 0
        index = rays.camera_index.clamp_min(0)
        given = self.given.index_select(0, index)
        poses = self.world_from_camera().index_select(0, index)
        camera_from_world = invert_rigid(given)
        # Zero for every camera with one centre; an orthographic one has an origin for each pixel.
        from_centre = rotate(camera_from_world, rays.origins - given[:, :, 3])
        local = rotate(camera_from_world, rays.directions)
        if len(self.lenses) > 0:
            lenses = self.lenses.index_select(0, torch.zeros_like(index) if self.share_lens else index)
            local, widening = _through_lens(local, lenses)
        else:
            widening = torch.ones_like(rays.radii)
        directions = torch.where(known[:, None], rotate(poses, local), rays.directions)
        return replace(
            rays,
            origins=torch.where(known[:, None], rotate(poses, from_centre) + poses[:, :, 3], rays.origins),
            directions=directions,
            view_directions=directions,
            radii=torch.where(known, rays.radii * widening, rays.radii),
        )

    def behind_shared_lens(self, rays: Rays, world_from_camera: Float[Tensor, "3 4"]) -> Rays:
        """Rays of another camera with the lens that all photos share, where there is one."""
        if not self.share_lens:
            return rays
        local = rotate(invert_rigid(world_from_camera), rays.directions)
        local, widening = _through_lens(local, self.lenses)
        directions = rotate(world_from_camera, local)
        return replace(rays, directions=directions, view_directions=directions, radii=rays.radii * widening)


class CameraDescent:
    """Adam on corrections, for methods whose own kernels move everything else.

    Cameras rest while all is fog, which would lead them astray. Then their rate falls exponentially until
    the end of training: while it is high they pass what looks alike, and where it is low they no longer
    tremble by parts of a pixel, which blurs what is learnt from them.
    """

    def __init__(self, corrections: CameraCorrections, config: MethodConfig, lr: float) -> None:
        self.corrections, self.config, self.lr, self.lr_final = corrections, config, lr, _FALL * lr
        self.adam = torch.optim.Adam(corrections.parameters())

    def follow(self, fraction: float) -> None:
        """Let cameras rest, or learn, at a share of training in [0, 1]."""
        self.corrections.requires_grad_(fraction >= _FOG_SHARE)

    @property
    def learns(self) -> bool:
        """Whether there are cameras that learn now, so that gradients of rays are wanted."""
        twists = self.corrections.twists
        return len(twists) > 0 and twists.requires_grad

    def group(self) -> dict[str, Any]:
        """The cameras and their rates for an optimizer of torch."""
        parameters = list(self.corrections.parameters())
        return {"params": parameters, "lr": self.lr, "lr_final": self.lr_final, "lr_hold": 0.0}

    def step(
        self, corrected: Rays, gradients: Float[Tensor, "rays 6"] | None, fraction: float, scale: float
    ) -> None:
        """Go down by the gradient of a loss with respect to origins and directions of corrected rays.

        Without one, all cameras stay where they are. Where the `scale` of the method's rates is less than
        its settings say at that share of training, the cameras' rate is less in proportion.
        """
        if gradients is None:
            return
        self.adam.zero_grad()
        torch.autograd.backward([corrected.origins, corrected.directions], list(gradients.split(3, dim=-1)))
        lr = exponential(fraction, self.lr, self.lr_final) * scale / lr_scale(self.config, fraction)
        for group in self.adam.param_groups:
            group["lr"] = lr
            average_gradients(group["params"])
        self.adam.step()


def _through_lens(
    local: Float[Tensor, "*batch 3"], lenses: Float[Tensor, "*#batch 5"]
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*#batch"]]:
    """Directions in the frames of cameras behind their lenses, and the factors of their pixels' widths."""
    ahead = local[..., 2:] > _LEAST_COSINE
    # Where no lens bends, a direction along the axis stands in, so that gradients stay finite.
    plane = torch.where(ahead, local[..., :2] / local[..., 2:].where(ahead, 1.0), 0.0)
    narrowing = torch.exp(-lenses[..., :1])
    no_more = torch.zeros_like(lenses)[..., :1].expand(*lenses.shape[:-1], 6)
    distortion = torch.cat([lenses[..., 3:], no_more], dim=-1)
    plane = (plane - lenses[..., 1:3]) * narrowing
    plane = undistort(plane, distortion.expand(*plane.shape[:-1], 8))
    bent = torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1)
    bent = torch.nn.functional.normalize(bent, dim=-1)
    return torch.where(ahead, bent, local), narrowing[..., 0].detach()
