"""A baked scene where a method is expected: to be rendered and scored, not to be trained."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.baking.baked import BakedScene
from rayloom.method import Method, MethodConfig, Paper
from rayloom.types import Batch, Image, Intervals, Progress, Rays, Rendering


@dataclass(frozen=True)
class PlayerConfig(MethodConfig):
    """Nothing can be chosen any more."""


class Player(Method[PlayerConfig]):
    """Looks at a baked scene as at a trained field."""

    paper = Paper("Baking Neural Radiance Fields for Real-Time View Synthesis", year=2021, arxiv="2103.14645")
    presets = {"default": PlayerConfig(), "tiny": PlayerConfig()}

    def __init__(self, baked: BakedScene) -> None:
        super().__init__(PlayerConfig(), baked.origin.scene)
        self.baked = baked
        # Methods tell their device by a parameter.
        self.basis = nn.Parameter(baked.shading.basis, requires_grad=False)

    def render(self, rays: Rays) -> Rendering:
        """What rays see; each is one interval that weighs as much as it is opaque."""
        image = self.baked.look(rays.reshape(1, -1))
        return Rendering(
            rgb=image.rgb[0],
            opacity=image.opacity[0],
            depth=image.depth[0],
            intervals=Intervals(torch.stack([rays.near, rays.far], dim=-1)),
            weights=image.opacity[0][:, None],
            background=self.background.expand_as(image.rgb[0]),
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Nothing: what is baked does not learn any more."""
        raise NotImplementedError("a baked scene cannot be trained; train the method that it came from")

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, per world unit."""
        return self.baked.atlas.at(points)[0]

    def render_image(self, rays: Rays) -> Image:
        """The picture seen along `h w` rays."""
        return self.baked.look(rays)
