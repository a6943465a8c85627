"""Fourier features: random sines let a network of coordinates learn fine detail.

Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
2020, arXiv:2006.10739.

A ReLU network that sees plain coordinates learns only what is smooth. Mapped by [cos 2πBv, sin 2πBv], with
the entries of B drawn once from N(0, σ²), it learns what has frequencies up to about σ: a smaller σ blurs,
and a larger one makes noise between the pixels that it is shown. To compare with, coordinates may also be
mapped by one wave each, or not at all.

A single picture is learnt as a function of the plane, (x, y) in [0, 1] along its longer side. From photos of
a scene it learns density and colour at points of the scene's box, without directions and with one pass of
even samples, as in the paper's section on view synthesis.

Departs from the paper: its σ of 10 belongs to pictures of 512 pixels and is scaled by the size of others.
Space without end is contracted into the box, and forward-facing captures are warped into normalised device
coordinates.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom import sampling
from rayloom.data.views import Views
from rayloom.fields.encodings import FourierEncoding
from rayloom.fields.mlp import SkipMLP, activate_density
from rayloom.fields.tensor_field import box_around
from rayloom.geometry.contraction import frame_from_world
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.rendering.plane import render_plane
from rayloom.types import Batch, Progress, Rays, Rendering, SceneInfo

PIXELS = 512
"""Along the longer side of the pictures for which σ is meant."""
Mapping = Literal["gaussian", "basic", "none"]


@dataclass(frozen=True)
class FourierFeaturesConfig(MethodConfig):
    """The paper's numbers for pictures."""

    rays_per_step: int = 16384
    """Pixels, or rays, in one optimisation step."""
    rays_per_chunk: int = 16384
    """Pixels, or rays, rendered at once outside of training; changes memory, not the result."""
    lr: float = 1e-3
    """Learning rate throughout."""
    lr_final: float = 1e-3
    """Learning rate at the end."""
    mapping: Mapping = "gaussian"
    """How coordinates are mapped; the others are there to be compared with."""
    num_frequencies: int = 256
    """Waves of the mapping gaussian."""
    sigma: float = 10.0
    """Deviation of their frequencies for a picture of 512 pixels."""
    scene_sigma: float = 4.0
    """The same for scenes, in waves per edge of the box."""
    width: int = 256
    """Hidden units in each layer."""
    depth: int = 4
    """Layers."""
    num_samples: int = 128
    """Points on each ray through a scene."""


class FourierFeatures(Method[FourierFeaturesConfig]):
    """A mapping and a network."""

    paper = Paper(
        "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
        year=2020,
        arxiv="2006.10739",
        tags=("pictures", "foundation"),
    )
    presets = {
        "default": FourierFeaturesConfig(),
        "small": FourierFeaturesConfig(
            rays_per_step=4096, num_frequencies=128, width=128, lr_final=1e-4, num_samples=64
        ),
        "tiny": FourierFeaturesConfig(
            rays_per_step=1024, num_frequencies=48, width=48, depth=3, lr=5e-3, lr_final=1e-3,
            scene_sigma=1.0, num_samples=24,
        ),
    }  # fmt: skip

    def __init__(self, config: FourierFeaturesConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.flat = scene.kind == "picture"
        num_inputs = 2 if self.flat else 3
        frequencies = torch.eye(num_inputs)
        if config.mapping == "gaussian":
            sigma = config.sigma if self.flat else config.scene_sigma
            frequencies = sigma * torch.randn(config.num_frequencies, num_inputs)
        self.encoding = None if config.mapping == "none" else FourierEncoding(frequencies)
        num_features = num_inputs if self.encoding is None else self.encoding.num_outputs
        # No layer sees the input again.
        self.trunk = SkipMLP(num_features, config.width, config.depth, skip_after=config.depth)
        self.head = nn.Linear(config.width, 3 if self.flat else 4)

    def observe(self, views: Views) -> None:
        """Scale the frequencies by the size of the picture: a wave should cover so many pixels in each."""
        if self.flat and self.config.mapping == "gaussian" and self.encoding is not None:
            self.encoding.frequencies.mul_(int(views.cameras.size.max()) / PIXELS)

    def values(self, unit: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch outputs"]:
        """What the network says of places in [0, 1]^k."""
        features = unit if self.encoding is None else self.encoding(unit)
        return self.head(self.trunk(features))

    def render(self, rays: Rays) -> Rendering:
        """The picture, or density and colour at even samples, composited."""
        if self.flat:
            return render_plane(rays, lambda xy: self.values(0.5 * (xy + 1)).sigmoid())
        world, frame = rays, self.scene.ndc
        rays = rays if frame is None else ndc_rays(rays, frame)
        spacing = "disparity" if self.scene.kind == "unbounded" else "distance"
        num = self.config.num_samples
        intervals = sampling.uniform(rays, num, jitter=self.training, spacing=spacing)
        density, rgb = self.matter(rays.at(intervals.midpoints))
        rendering = composite(density, rgb, intervals, self.background)
        return rendering if frame is None else with_world_depth(rendering, world, frame)

    def matter(
        self, points: Float[Tensor, "*batch 3"]
    ) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch 3"]]:
        """Density and colour at points, those of NDC where rays are warped."""
        box = box_around(self.scene)
        place = frame_from_world(points, box.to(points.device), contracted=self.scene.kind == "unbounded")
        values = self.values(0.5 * (place + 1))
        return activate_density(values[..., 3], "softplus"), values[..., :3].sigmoid()

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error."""
        return {"photometric": squared_error(rendering.rgb, batch.rgb)}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points of a scene."""
        return self.matter(points if self.scene.ndc is None else ndc_from_world(points, self.scene.ndc))[0]
