"""BARF: a radiance field and the cameras that saw it, from coarse to fine.

Lin et al., "BARF: Bundle-Adjusting Neural Radiance Fields", 2021, arXiv:2104.06405.

Each camera has a twist that moves it, and the twists learn with the network, from the colours alone. Fine
waves in the encoding make the gradient of a pose change its sign over short distances, so that cameras that
are far off find no way. Therefore octaves are let in one after another (eq. 14), of positions and of
directions: none before a tenth of the run, all from half of it on. One network sees 128 stratified points on
each ray, without a second pass. Where there is no end they are even in disparity; there is no NDC, whose
frame would be that of cameras that are not known.

Departs from the paper: colours are composited over the scene's background, also in training, where the
authors let the network paint it; density is softplus(x - 1); rays of a step come from all images; the world
is scaled so that the scene fills the unit ball. Follows the authors' code in that twists act on the side of
the world, and in the layers' initial weights.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.cameras.corrections import CameraCorrections
from rayloom.data.views import Views
from rayloom.fields.encodings import AnnealedEncoding
from rayloom.fields.mlp import RadianceMLP, initialize
from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class BARFConfig(MethodConfig):
    """The paper's numbers for rendered objects; for photographs it has 2048 rays, and rates of 1e-3, 3e-3."""

    lr_final: float = 1e-4
    """Learning rate at the end, to which it falls exponentially."""
    pose_lr: float = 1e-3
    """Learning rate of the cameras at the start."""
    pose_lr_final: float = 1e-5
    """The same at the end."""
    num_samples: int = 128
    """Points on each ray."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 256
    """Hidden units in each layer of the trunk."""
    depth: int = 8
    """Layers of the trunk."""
    coarse_to_fine: bool = True
    """Let frequencies in one after another; without it all of them take part from the beginning."""
    coarse_until: float = 0.1
    """Share of the run before the lowest frequency is let in."""
    fine_from: float = 0.5
    """Share of the run after which every frequency takes part."""
    learn_cameras: bool = True
    """Learn the cameras; without it given ones are trusted."""


class BARF(Method[BARFConfig]):
    """A twist for each photo, and one network of 595,844 parameters at the paper's size."""

    paper = Paper(
        "BARF: Bundle-Adjusting Neural Radiance Fields",
        year=2021,
        arxiv="2104.06405",
        tags=("poses", "static"),
    )
    presets = {
        "default": BARFConfig(),
        "small": BARFConfig(num_samples=64, width=128, lr=1e-3, lr_final=2e-4),
        "tiny": BARFConfig(
            num_samples=32, width=48, depth=4, position_octaves=6, lr=5e-3, lr_final=1e-3, pose_lr=3e-3,
            pose_lr_final=3e-5,
        ),
    }  # fmt: skip

    def __init__(self, config: BARFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.cameras = CameraCorrections(scene.num_images, side="world") if config.learn_cameras else None
        self.position = AnnealedEncoding(config.position_octaves)
        self.direction = AnnealedEncoding(config.direction_octaves)
        self.network = RadianceMLP(self.position, self.direction, config.width, config.depth)
        initialize(self.network, "he")

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end."""
        return "distance" if self.scene.kind == "object" else "disparity"

    def observe(self, views: Views) -> None:
        """Begin with the given cameras."""
        if self.cameras is not None:
            self.cameras.start_from(views.cameras.world_from_camera)

    def learned_cameras(self) -> CameraCorrections | None:
        """The twists."""
        return self.cameras

    def param_groups(self) -> list[dict[str, Any]]:
        """The network, and the cameras at rates of their own."""
        groups: list[dict[str, Any]] = [{"params": list(self.network.parameters()), "lr": self.config.lr}]
        if self.cameras is not None:
            twists = {"lr": self.config.pose_lr, "lr_final": self.config.pose_lr_final}
            groups.append({"params": list(self.cameras.parameters()), **twists})
        return groups

    def before_step(self, progress: Progress) -> None:
        """Let in as many octaves as the time has come for (eq. 15); what was let in last is kept."""
        if self.config.coarse_to_fine:
            annealing = self.config.fine_from - self.config.coarse_until
            share = min(max((progress.fraction - self.config.coarse_until) / annealing, 0.0), 1.0)
            for encoding in (self.position, self.direction):
                encoding.let_in(share * encoding.num_octaves)

    def render(self, rays: Rays) -> Rendering:
        """Colours along the rays of the corrected cameras."""
        if self.cameras is not None:
            rays = self.cameras.corrected(rays)
        t = sampling.stratified(rays, self.config.num_samples, jitter=self.training, spacing=self.spacing)
        density, rgb = self.network(rays.at(t), rays.view_directions)
        intervals = Intervals(torch.cat([t, torch.maximum(rays.far[..., None], t[..., -1:])], dim=-1))
        return composite(density, rgb, intervals, self.background)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error of the colours (eq. 3), every pixel alike whatever it covers."""
        return {"photometric": photometric(rendering, replace(batch, area=None))}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points."""
        return self.network.density(points)
