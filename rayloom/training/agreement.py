"""How alike two fields look from cameras that neither was trained with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.scene import Scene
from rayloom.method import Method
from rayloom.metrics.images import psnr
from rayloom.training.localize import frozen


@dataclass(frozen=True)
class Agreement:
    """Means over views, in dB."""

    first: float
    """PSNR of the first field's pictures against the photos."""
    second: float
    """The same of the second field."""
    between: float
    """PSNR of the first field's pictures against those of the second."""
    num_views: int

    @property
    def loss(self) -> float:
        """What it costs to have the first in place of the second."""
        return self.second - self.first


def agreement(
    first: Method[Any],
    second: Method[Any],
    scene: Scene,
    on_view: Callable[[int, int], None] = lambda done, total: None,
) -> Agreement:
    """The pictures of two fields from the cameras of the held-out photos, or of all where none is held out.

    Pixels that are ignored count in no figure, nor do photos that have no other. Raises ValueError where that
    leaves none.
    """
    views = scene.indices("test") or scene.indices("val") or scene.indices("train")
    cameras, found = scene_cameras(scene), []
    with frozen(first), frozen(second):
        for done, i in enumerate(views, start=1):
            photo, valid = truth_image(scene, i)
            if valid.any():
                one, other = (_picture(method, cameras[i : i + 1]) for method in (first, second))
                pairs = ((one, photo), (other, photo), (one, other))
                found.append([psnr(shown, truth, valid) for shown, truth in pairs])
            on_view(done, len(views))
    if not found:
        raise ValueError("no view has a pixel to compare")
    return Agreement(*(fmean(column) for column in zip(*found, strict=True)), num_views=len(found))


def _picture(method: Method[Any], camera: Cameras) -> Float[Tensor, "h w 3"]:
    """What a screen would show of one camera, by a field that does not know its photo."""
    unknown = replace(camera, image_index=torch.full_like(camera.image_index, -1))
    rays = unknown.image_rays(0).to(next(method.parameters()).device)
    return method.render_image(rays).rgb.cpu().clamp(0, 1)
