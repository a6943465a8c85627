"""iNeRF: a radiance field turned around, to find the camera from which a photo was taken.

Yen-Chen et al., "iNeRF: Inverting Neural Radiance Fields for Pose Estimation", 2021, arXiv:2012.05877.

A field that is known is rendered from a camera that is not, and the camera's twist follows the gradient of
the squared error. Most pixels of a photo look like their neighbours and say little about where it was taken;
only those in interest regions count, squares around the keypoints that SIFT finds. The first share of the
run fits the field, one network of the kind of NeRF's, to the photos and their given cameras. Then the field
is frozen, and the cameras of the same photos are sought: from the given ones, which refines them, or from
cameras that are thrown off by a known amount, which measures how well it finds back.

Departs from the paper: there is no fine network; all photos are sought at once; rays are drawn evenly from
all pixels, more of them, so that on average as many as are asked for lie in interest regions, and the others
are rendered in vain. There is no NDC, which has no place for a camera that looks away. Follows the authors'
code in that twists act on the side of the world.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize, pad

from rayloom import sampling
from rayloom.cameras.corrections import CameraCorrections
from rayloom.data.views import Views
from rayloom.errors import InputError
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.mlp import RadianceMLP
from rayloom.losses import squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

DILATION = np.ones((5, 5), np.uint8)
"""What grows a keypoint, once for each dilation."""


@dataclass(frozen=True)
class INeRFConfig(MethodConfig):
    """The paper's numbers."""

    rays_per_step: int = 2048
    """Rays in one optimisation step; when cameras are sought, those in interest regions."""
    field_share: float = 0.5
    """Share of the run that fits the field; the rest seeks the cameras."""
    pose_lr: float = 1e-2
    """Learning rate of the cameras when the search begins."""
    pose_lr_final: float = 1e-3
    """The same at the end."""
    start_turn_deg: float = 0.0
    """By how much each camera is turned about the origin before the search, around a random axis."""
    start_move: float = 0.0
    """How far each camera is moved before the search, in a random direction, in world units."""
    interest_regions: bool = True
    """Count pixels around keypoints only; without it all pixels count."""
    region_dilations: int = 3
    """How often keypoints grow by two pixels to each side."""
    num_samples: int = 128
    """Points on each ray."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions; with fewer, cameras are found from further away."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 256
    """Hidden units in each layer of the trunk."""
    depth: int = 8
    """Layers of the trunk."""


class INeRF(Method[INeRFConfig]):
    """One network of 595,844 parameters at the paper's size, and a twist for each photo."""

    paper = Paper(
        "iNeRF: Inverting Neural Radiance Fields for Pose Estimation",
        year=2021,
        arxiv="2012.05877",
        tags=("poses", "static"),
    )
    presets = {
        "default": INeRFConfig(),
        "small": INeRFConfig(
            rays_per_step=512, num_samples=64, width=128, position_octaves=8, lr=1e-3, lr_final=1e-4
        ),
        "tiny": INeRFConfig(
            rays_per_step=256, num_samples=32, width=48, depth=4, position_octaves=6, lr=5e-3, lr_final=1e-3,
            region_dilations=1,
        ),
    }  # fmt: skip

    def __init__(self, config: INeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        if not 0.1 <= config.field_share <= 0.9:
            raise InputError("field_share", f"is {config.field_share:g}; expected 0.1 to 0.9")
        self.network = RadianceMLP(
            FrequencyEncoding(config.position_octaves),
            FrequencyEncoding(config.direction_octaves),
            config.width,
            config.depth,
        )
        self.cameras = CameraCorrections(scene.num_images, side="world")
        self.searching = False
        # The cameras wait while the field is fitted: Adam does not move what has a gradient of zero.
        self.cameras.twists.register_hook(lambda gradient: gradient * self.searching)
        self.regions: Bool[Tensor, "n h w"] | None = None
        self.interesting = 1.0
        """Share of all pixels that lie in interest regions."""

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end."""
        return "distance" if self.scene.kind == "object" else "disparity"

    def observe(self, views: Views) -> None:
        """Take the given cameras, and find what is of interest in each photo."""
        self.cameras.start_from(views.cameras.world_from_camera)
        if self.config.interest_regions:
            regions = [torch.from_numpy(self.region(image)) for image in views.images]
            self.interesting = sum(int(region.sum()) for region in regions) / sum(map(torch.numel, regions))
            height, width = (max(region.shape[axis] for region in regions) for axis in (0, 1))
            padded = [
                pad(region, (0, width - region.shape[1], 0, height - region.shape[0])) for region in regions
            ]
            self.regions = torch.stack(padded).to(self.background.device)

    def region(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The interest region of a photo, over the scene's background where it has alpha."""
        photo = image.astype(np.float32)
        if photo.shape[-1] == 4:
            behind, alpha = 255 * np.array(self.scene.background, np.float32), photo[..., 3:] / 255
            photo = behind + alpha * (photo[..., :3] - behind)
        return interest_region(photo.round().astype(np.uint8), self.config.region_dilations)

    def learned_cameras(self) -> CameraCorrections | None:
        """The cameras that were found."""
        return self.cameras

    def param_groups(self) -> list[dict[str, Any]]:
        """The field and the cameras, each at rates for its own part of the run."""
        c = self.config
        return [
            {"params": list(self.network.parameters())} | rates(c.lr, c.lr_final, 0.0, c.field_share),
            {"params": list(self.cameras.parameters())}
            | rates(c.pose_lr, c.pose_lr_final, c.field_share, 1.0),
        ]

    def rays_per_step(self) -> int:
        """So many that those asked for are in interest regions, on average."""
        searching = self.searching and self.regions is not None
        return round(self.config.rays_per_step / (self.interesting if searching else 1.0))

    @torch.no_grad()
    def after_step(self, progress: Progress) -> bool:
        """When it is time, freeze the field, throw the cameras off and begin to seek them."""
        if self.searching or progress.fraction < self.config.field_share:
            return False
        self.searching = True
        self.network.requires_grad_(False)
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(len(self.cameras.twists), 2, 3, generator=generator)
        turns, moves = normalize(directions, dim=-1).unbind(1)
        thrown = [math.radians(self.config.start_turn_deg) * turns, self.config.start_move * moves]
        self.cameras.twists.copy_(torch.cat(thrown, dim=-1))
        return True

    def render(self, rays: Rays) -> Rendering:
        """Colours along the rays, from where the cameras are now thought to be."""
        rays = self.cameras.corrected(rays)
        t = sampling.stratified(rays, self.config.num_samples, jitter=self.training, spacing=self.spacing)
        density, rgb = self.network(rays.at(t), rays.view_directions)
        intervals = Intervals(torch.cat([t, torch.maximum(rays.far[..., None], t[..., -1:])], dim=-1))
        return composite(density, rgb, intervals, self.background)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error, of all pixels while the field is fitted and of those of interest afterwards."""
        counted = self.of_interest(batch).float() if self.searching else None
        return {"photometric": squared_error(rendering.rgb, batch.rgb, counted)}

    def of_interest(self, batch: Batch) -> Bool[Tensor, " n"]:
        """Whether rays of photos pass interest regions; all do where no ray would, or none were sought."""
        everywhere = torch.ones_like(batch.alpha, dtype=torch.bool)
        if self.regions is None:
            return everywhere
        scale = 1.0 if batch.area is None else batch.area.sqrt()[:, None]
        x, y = (batch.rays.pixels * scale).long().unbind(-1)
        height, width = self.regions.shape[1:]
        inside = self.regions[batch.rays.camera_index, y.clamp_max(height - 1), x.clamp_max(width - 1)]
        return inside if inside.any() else everywhere

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points."""
        return self.network.density(points)


def interest_region(photo: UInt8[NDArray[Any], "h w 3"], dilations: int) -> Bool[NDArray[Any], "h w"]:
    """True around the keypoints of SIFT; everywhere in a photo that has none.

    Each dilation lets the squares around keypoints grow by two pixels to each side.
    """
    height, width, _ = photo.shape
    region = np.zeros((height, width), np.uint8)
    for keypoint in cv2.SIFT.create().detect(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)):
        x, y = keypoint.pt
        region[min(round(y), height - 1), min(round(x), width - 1)] = 1
    grown = cv2.dilate(region, DILATION, iterations=dilations) > 0
    return grown if grown.any() else ~grown


def rates(lr: float, lr_final: float, begin: float, end: float) -> dict[str, float]:
    """Rates of a whole run that fall from `lr` to `lr_final` between two shares of it."""
    fall = (lr_final / lr) ** (1 / (end - begin))
    return {"lr": lr * fall**-begin, "lr_final": lr * fall ** (1 - begin)}
