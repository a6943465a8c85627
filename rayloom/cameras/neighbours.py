"""Random cameras between those of a capture, where a method wants to be looked at from more places."""

from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.geometry.transforms import compose, invert_rigid, se3_exp, se3_log

NUM_NEIGHBOURS = 6
"""How many nearest cameras count as neighbours: on a sphere, about all around."""


def neighbours(cameras: Cameras) -> Int[Tensor, "n k"]:
    """The nearest other cameras of each one; itself where it is alone.

    A turn of the optical axis by one radian counts as a move by the mean distance between neighbours'
    middle and the cameras, so that cameras in one place are told apart by where they look.
    """
    centers, axes = cameras.world_from_camera[:, :, 3], cameras.world_from_camera[:, :, 2]
    spread = torch.linalg.vector_norm(centers - centers.mean(0), dim=-1).mean()
    distances = torch.cdist(centers, centers) + spread * torch.cdist(axes, axes)
    order = distances.argsort(dim=-1, stable=True)
    # The first is the camera itself, or another one in the same pose, which is as good.
    return order[:, 1 : NUM_NEIGHBOURS + 1] if len(cameras) > 1 else order


def random_between(cameras: Cameras, near: Int[Tensor, "n k"], count: int) -> Cameras:
    """Cameras on the way from random ones to a random one of their neighbours, with the lens of the former.

    They move along a screw, the straight line of rigid maps, and belong to no photo.
    """
    device = near.device
    start = torch.randint(len(cameras), (count,), device=device)
    end = near[start, torch.randint(near.shape[1], (count,), device=device)]
    first, last = cameras.world_from_camera[start], cameras.world_from_camera[end]
    way = se3_log(compose(invert_rigid(first), last))
    poses = compose(first, se3_exp(torch.rand(count, 1, device=device) * way))
    return replace(cameras[start], world_from_camera=poses, image_index=torch.full_like(start, -1))
