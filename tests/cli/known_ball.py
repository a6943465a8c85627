"""The ball of the capture as a method that knows it, to be trained in no time and baked."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed
from rayloom.types import Batch, PackedSamples, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class KnownBallConfig(MethodConfig):
    """What is not learnt."""

    radius: float = 0.7
    """World units."""


class KnownBall(Method[KnownBallConfig]):
    """A ball whose colour alone is learnt."""

    paper = Paper("Balls", year=2031)
    presets = {"default": KnownBallConfig(), "tiny": KnownBallConfig()}

    def __init__(self, config: KnownBallConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.paint = nn.Parameter(torch.zeros(3))

    def density(self, points: Tensor) -> Tensor:
        """Density at world points, per world unit."""
        return 60 * torch.sigmoid((self.config.radius - points.norm(dim=-1)) / 0.02)

    def color(self, points: Tensor, directions: Tensor) -> Tensor:
        """SRGB colour of the points, seen along each of their directions."""
        normal = torch.nn.functional.normalize(points, dim=-1)[:, None]
        return (0.5 + 0.4 * normal + 0.1 * self.paint.tanh()).expand(*directions.shape)

    def render(self, rays: Rays) -> Rendering:
        """What rays see."""
        edges = torch.linspace(0, 1, 65) * (rays.far - rays.near)[:, None] + rays.near[:, None]
        index = torch.arange(len(edges)).repeat_interleave(64)
        samples = PackedSamples(edges[:, :-1].flatten(), edges[:, 1:].flatten(), index, len(edges))
        points = rays.at_samples(samples)
        rgb = self.color(points, rays.directions[index][:, None])[:, 0]
        return render_packed(self.density(points), rgb, samples, self.background)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """The squared error of the colours."""
        return {"photometric": photometric(rendering, batch)}
