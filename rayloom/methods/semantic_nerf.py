"""Semantic-NeRF: labels painted on photos become a field, which mends them.

Zhi et al., "In-Place Scene Labelling and Understanding with Implicit Scene Representation", 2021,
arXiv:2103.15875.

A head on the trunk of NeRF gives a number for each class at every place, whatever the direction. These
logits are composited with the weights of colours (eq. 3), and the cross-entropy between their softmax and the
label of the pixel counts 0.04 times beside the squared error of colours, at both levels (eq. 6). One place
has one class in all photos, so that labels which are wrong, coarse or missing in most pixels are outvoted and
filled in, and views that nobody labelled get theirs.

Departs from the paper: light that meets nothing has logits of its own, so that photos of objects can label
emptiness; density is a softplus; pixels without a label count for colours alone; the scene is in
rayloom's frame, not in metres.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rayloom import sampling
from rayloom.errors import InputError
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.mlp import RadianceMLP
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import photometric
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class SemanticNeRFConfig(MethodConfig):
    """The paper's numbers."""

    num_coarse: int = 64
    """Points of the first pass, stratified over the ray."""
    num_fine: int = 128
    """Points added for the second pass, where the first pass found matter."""
    position_octaves: int = 10
    """Frequencies of the encoding of positions."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 256
    """Hidden units in each layer of the trunk; colours and classes have half as many."""
    depth: int = 8
    """Layers of the trunk."""
    label_weight: float = 0.04
    """Weight of the cross-entropy of labels."""


class SemanticMLP(nn.Module):
    """NeRF's network with logits of classes beside density."""

    def __init__(self, config: SemanticNeRFConfig, num_labels: int) -> None:
        super().__init__()
        position = FrequencyEncoding(config.position_octaves)
        direction = FrequencyEncoding(config.direction_octaves)
        self.radiance = RadianceMLP(position, direction, config.width, config.depth)
        self.label_layer = nn.Linear(config.width, config.width // 2)
        self.label_head = nn.Linear(config.width // 2, num_labels)

    def forward(
        self, points: Float[Tensor, "*batch n 3"], directions: Float[Tensor, "*batch 3"]
    ) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n 3"], Float[Tensor, "*batch n k"]]:
        """Density, colour and logits at n points of each ray."""
        h = self.radiance.features(points)
        return *self.radiance.seen(h, directions), self.label_head(self.label_layer(h).relu())


class SemanticNeRF(Method[SemanticNeRFConfig]):
    """Two networks, coarse and fine, each with a head for classes. Raises InputError where there are none."""

    paper = Paper(
        "In-Place Scene Labelling and Understanding with Implicit Scene Representation",
        year=2021,
        arxiv="2103.15875",
        tags=("labels", "static"),
    )
    presets = {
        "default": SemanticNeRFConfig(),
        "small": SemanticNeRFConfig(num_coarse=32, num_fine=32, width=128, lr=1e-3, lr_final=1e-4),
        "tiny": SemanticNeRFConfig(
            num_coarse=16, num_fine=16, width=32, depth=4, position_octaves=6, lr=5e-3, lr_final=1e-3
        ),
    }

    def __init__(self, config: SemanticNeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        if scene.num_labels == 0:
            raise InputError("labels", "the capture has none; expected a label_path for photos that train")
        self.coarse = SemanticMLP(config, scene.num_labels)
        self.fine = SemanticMLP(config, scene.num_labels)
        self.nothing = nn.Parameter(torch.zeros(scene.num_labels))

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end, but NDC is already even in disparity."""
        return "disparity" if self.scene.kind == "unbounded" else "distance"

    def render(self, rays: Rays) -> Rendering:
        """Coarse colours and logits, then fine ones."""
        world = rays
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        t = sampling.stratified(rays, self.config.num_coarse, jitter=self.training, spacing=self.spacing)
        coarse = self.march(self.coarse, rays, t)
        t = sampling.refine_points(t, coarse.weights, self.config.num_fine, jitter=self.training)
        rendering = self.march(self.fine, rays, t, (coarse,))
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    def march(
        self,
        network: SemanticMLP,
        rays: Rays,
        t: Float[Tensor, "*batch n"],
        coarser: tuple[Rendering, ...] = (),
    ) -> Rendering:
        """Query at the points t, each standing for the interval up to the next, and composite."""
        density, rgb, logits = network(rays.at(t), rays.view_directions)
        intervals = Intervals(torch.cat([t, torch.maximum(rays.far[..., None], t[..., -1:])], dim=-1))
        rendering = composite(density, rgb, intervals, self.background, coarser)
        met = (rendering.weights[..., None] * logits).sum(-2)
        return replace(rendering, extras={"logits": met + (1 - rendering.opacity)[..., None] * self.nothing})

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error and cross-entropy of both levels (eq. 4 to 6)."""
        terms = {"photometric": photometric(rendering, replace(batch, area=None))}
        if batch.labels is not None:
            levels = [cross_entropy(level, batch.labels) for level in (rendering, *rendering.coarser)]
            terms["labels"] = self.config.label_weight * torch.stack(levels).sum()
        return terms

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density of the finer network at world points."""
        if self.scene.ndc is not None:
            points = ndc_from_world(points, self.scene.ndc)
        return self.fine.radiance.density(points)


def cross_entropy(rendering: Rendering, labels: Int[Tensor, "*batch"]) -> Float[Tensor, ""]:
    """Mean over the pixels with a label, by the log-softmax of composited logits; 0 where there is none."""
    total = functional.cross_entropy(rendering.extras["logits"], labels, ignore_index=-1, reduction="sum")
    return total / (labels >= 0).sum().clamp(min=1)
