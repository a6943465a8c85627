"""SIREN: a network whose activations are sines, so that its derivatives are as well behaved as it is.

Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", 2020, arXiv:2006.09661.

Each layer is sin(ω (W h + b)) with ω = 30. The weights are drawn so that every layer's inputs have the same
distribution, however deep the network is; without that it does not learn. Coordinates are fed as they are. As
derivatives of such a network are networks of sines too, it can be fitted to gradients or to Laplacians alone,
where a ReLU network, piecewise linear, cannot: see `rayloom.fields.sine` and the claims.

A single picture is learnt as a function of the plane, (x, y) in [-1, 1] along its longer side, its colours as
(1 + output) / 2. From photos of a scene it learns density and colour at points of the scene's box, without
directions and with one pass of even samples.

Departs from the paper: pixels of a step are drawn at random, not all of them. Scenes are not in the paper.
Space without end is contracted into the box, and forward-facing captures are warped into normalised device
coordinates.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.fields.mlp import activate_density
from rayloom.fields.sine import SineMLP
from rayloom.fields.tensor_field import box_around
from rayloom.geometry.contraction import frame_from_world
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.rendering.plane import render_plane
from rayloom.types import Batch, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class SIRENConfig(MethodConfig):
    """The paper's numbers for pictures."""

    rays_per_step: int = 16384
    """Pixels, or rays, in one optimisation step."""
    rays_per_chunk: int = 16384
    """Pixels, or rays, rendered at once outside of training; changes memory, not the result."""
    lr: float = 1e-4
    """Learning rate throughout."""
    lr_final: float = 1e-4
    """Learning rate at the end."""
    frequency: float = 30.0
    """The factor ω in every sine."""
    width: int = 256
    """Hidden units in each layer."""
    depth: int = 5
    """Layers of sines."""
    num_samples: int = 128
    """Points on each ray through a scene."""


class SIREN(Method[SIRENConfig]):
    """One network."""

    paper = Paper(
        "Implicit Neural Representations with Periodic Activation Functions",
        year=2020,
        arxiv="2006.09661",
        tags=("pictures", "foundation"),
    )
    presets = {
        "default": SIRENConfig(),
        "small": SIRENConfig(rays_per_step=4096, lr=5e-4, width=128, depth=4, num_samples=64),
        "tiny": SIRENConfig(
            rays_per_step=1024, lr=2e-3, lr_final=2e-4, frequency=10.0, width=48, depth=3, num_samples=24
        ),
    }

    def __init__(self, config: SIRENConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.flat = scene.kind == "picture"
        num_inputs, num_outputs = (2, 3) if self.flat else (3, 4)
        self.network = SineMLP(num_inputs, config.width, config.depth, num_outputs, config.frequency)

    def render(self, rays: Rays) -> Rendering:
        """The picture, or density and colour at even samples, composited."""
        if self.flat:
            return render_plane(rays, lambda xy: 0.5 + 0.5 * self.network(xy))
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
        # Scaled as what a sine gets: outputs alone are too small to be opaque.
        values = self.config.frequency * self.network(place)
        return activate_density(values[..., 3], "softplus"), values[..., :3].sigmoid()

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error."""
        return {"photometric": squared_error(rendering.rgb, batch.rgb)}

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points of a scene."""
        return self.matter(points if self.scene.ndc is None else ndc_from_world(points, self.scene.ndc))[0]
