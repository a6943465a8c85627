"""Loom of kernels that are called one by one: the control of whatever has no fused kernel."""

from jaxtyping import Float
from torch import Tensor

from rayloom.method import Method
from rayloom.methods.loom import Loom
from rayloom.types import Batch, Image, Progress, Rays, StepReport


class Composed(Loom):
    """Loom without its fused kernels."""

    def prepare(self) -> None:
        """There is no fused kernel to compile."""

    def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
        """The trainer composes the step."""
        return None

    def quick_density(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density for the grids."""
        return self.density(points)

    def render_image(self, rays: Rays) -> Image:
        """The picture, chunk by chunk."""
        return Method.render_image(self, rays)
