"""The contract between a method and everything else."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rayloom.cameras.corrections import CameraCorrections
from rayloom.data.views import Views
from rayloom.fields.codes import CodeTable
from rayloom.paper import MethodConfig as MethodConfig
from rayloom.paper import Paper as Paper
from rayloom.types import Batch, Image, Patch, Progress, Rays, Rendering, SceneInfo, StepReport

C = TypeVar("C", bound=MethodConfig)


class Method(nn.Module, ABC, Generic[C]):
    """A way to learn a scene from posed images.

    A subclass is final: no paper inherits another. It must write `render` and `losses`; the other
    functions are hooks with a default. `paper` and `presets` are built from literals and the
    method's own config class only, so that they can be listed without importing torch.
    """

    paper: ClassVar[Paper]
    presets: ClassVar[Mapping[str, MethodConfig]]
    """At least "default" and "tiny"; tiny trains on a CPU in seconds."""

    def __init__(self, config: C, scene: SceneInfo) -> None:
        super().__init__()
        self.config = config
        self.scene = scene

    @property
    def background(self) -> Float[Tensor, "3"]:
        """The scene's background colour, on the method's device."""
        return torch.tensor(self.scene.background, device=next(self.parameters()).device)

    @abstractmethod
    def render(self, rays: Rays) -> Rendering:
        """What the rays see; one leading axis."""

    @abstractmethod
    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Weighted loss terms by name; the trainer minimises their sum."""

    def observe(self, views: Views) -> None:
        """Look at the training photos and their given cameras, once before training."""

    def learned_cameras(self) -> CameraCorrections | None:
        """The cameras of the training photos, where the method learns them; None where it trusts given ones.

        Evaluation moves held-out cameras along with them.
        """
        return None

    def photo_codes(self) -> CodeTable | None:
        """The codes of how the training photos look, where the method learns any.

        Evaluation finds those of held-out photos, and scores the pixels that did not tell them.
        """
        return None

    def param_groups(self) -> list[dict[str, Any]]:
        """Groups for Adam, each with its rate at the start; by default everything at `config.lr`.

        A group may name the rate at its end, `lr_final`, and its own `lr_hold`, where it does not fall as
        `config` says.
        """
        return [{"params": list(self.parameters()), "lr": self.config.lr}]

    def rays_per_step(self) -> int:
        """How many rays the next step should see."""
        return self.config.rays_per_step

    def patch(self) -> Patch | None:
        """The squares of pixels that the next step's rays form; None for independent pixels."""
        return None

    def prepare(self) -> None:
        """Compile what training will call, without changing anything; its time does not count as training."""

    def before_step(self, progress: Progress) -> None:
        """Anneal: set what `render` needs to know about the progress of training."""

    def after_step(self, progress: Progress) -> bool:
        """Grow or prune. Return True if parameters were replaced."""
        return False

    def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
        """A whole optimisation step in one kernel, parameters moved; None where there is no such kernel.

        `lr_scale` multiplies the method's own rates. The trainer composes the step itself when it gets
        None: `render`, `losses`, backward, Adam.
        """
        return None

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, per world unit; for methods that can be meshed or baked."""
        raise NotImplementedError(f"{type(self).__name__} does not offer density at points")

    def color(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n m 3"]
    ) -> Float[Tensor, "n m 3"]:
        """SRGB colour of world points seen along m unit directions each; for methods that can be baked."""
        raise NotImplementedError(f"{type(self).__name__} does not offer colour at points")

    @torch.no_grad()
    def render_image(self, rays: Rays) -> Image:
        """The picture seen along `h w` rays, rendered in chunks that bound the memory."""
        height, width = rays.shape
        flat = rays.reshape(height * width)
        parts = [self._seen_along(chunk) for chunk in flat.chunks(self.config.rays_per_chunk)]
        rgb, opacity, depth, labels = zip(*parts, strict=True)
        return Image(
            rgb=torch.cat(rgb).reshape(height, width, 3),
            opacity=torch.cat(opacity).reshape(height, width),
            depth=torch.cat(depth).reshape(height, width),
            labels=None if labels[0] is None else torch.cat(labels).reshape(height, width),
        )

    def _seen_along(
        self, rays: Rays
    ) -> tuple[
        Float[Tensor, "rays 3"], Float[Tensor, " rays"], Float[Tensor, " rays"], Int[Tensor, " rays"] | None
    ]:
        """Colour, opacity, depth and class: the weights of a chunk are gone before the next is rendered."""
        seen = self.render(rays)
        logits = seen.extras.get("logits")
        return seen.rgb, seen.opacity, seen.depth, None if logits is None else logits.argmax(-1)
