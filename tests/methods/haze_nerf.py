"""Haze-NeRF: a radiance field seen through uniform haze.

Doe and Roe, "Seeing Through Haze", 2031, arXiv:0000.00000   (invented, as an example of a method file)

A ray crosses the scene and a haze of one unknown density and one unknown colour. Both emit and absorb, so
that their densities add and their colours mix by density (eq. 3). Leaving the haze out at test time gives
the clear view.

Departs from the paper: one network serves both sampling levels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rayloom import sampling
from rayloom.fields import FrequencyEncoding, RadianceMLP
from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class HazeNeRFConfig(MethodConfig):
    """The paper's numbers."""

    num_coarse: int = 64
    """Intervals of the first pass, equal in length."""
    num_fine: int = 128
    """Edges added for the second pass, where the first pass found matter."""
    width: int = 256
    """Hidden units in each layer."""
    haze_prior: float = 1e-3
    """Weight of the penalty on haze density; prefers to explain colour by surfaces."""
    clear_view: bool = False
    """Leave the haze out when rendering."""


class HazeNeRF(Method[HazeNeRFConfig]):
    """One network for the scene, four numbers for the haze."""

    paper = Paper("Seeing Through Haze", year=2031, arxiv="0000.00000", tags=("example",))
    presets = {
        "default": HazeNeRFConfig(),
        "outdoor": HazeNeRFConfig(num_fine=192, haze_prior=1e-4),
        "tiny": HazeNeRFConfig(num_coarse=16, num_fine=16, width=32, lr=5e-3, lr_final=1e-3),
    }

    def __init__(self, config: HazeNeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.field = RadianceMLP(FrequencyEncoding(6), FrequencyEncoding(4), config.width, depth=4)
        self.haze_log_density = nn.Parameter(torch.tensor(-4.0))
        self.haze_color_logits = nn.Parameter(torch.zeros(3))

    @property
    def haze_density(self) -> Tensor:
        """Density of the haze, per world unit."""
        return self.haze_log_density.exp()

    def render(self, rays: Rays) -> Rendering:
        """Coarse colours, then fine ones."""
        coarse = self.march(rays, sampling.uniform(rays, self.config.num_coarse, jitter=self.training))
        assert isinstance(coarse.intervals, Intervals)
        finer = sampling.refine(coarse.intervals, coarse.weights, self.config.num_fine, jitter=self.training)
        return self.march(rays, finer, coarser=(coarse,))

    def march(self, rays: Rays, intervals: Intervals, coarser: tuple[Rendering, ...] = ()) -> Rendering:
        """Query in the middle of the intervals and composite."""
        density, rgb = self.field(rays.at(intervals.midpoints), rays.view_directions)
        if self.training or not self.config.clear_view:
            density, rgb = self.add_haze(density, rgb)
        return composite(density, rgb, intervals, self.background, coarser)

    def add_haze(self, density: Tensor, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Sum the densities and mix the colours by them (eq. 3)."""
        total = density + self.haze_density
        share = (density / total)[..., None]
        return total, share * rgb + (1 - share) * self.haze_color_logits.sigmoid()

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error of both levels, and the prior."""
        return {
            "photometric": photometric(rendering, batch),
            "haze_prior": self.config.haze_prior * self.haze_density,
        }
