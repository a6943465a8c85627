"""The records that travel between modules; nothing else does."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rayloom.scene_info import NDCFrame as NDCFrame
from rayloom.scene_info import SceneInfo as SceneInfo

R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class Record:
    """A frozen bundle of tensors that share their leading axes."""

    def map(self: R, function: Callable[[Tensor], Tensor]) -> R:
        """The same record with `function` applied to every tensor, also inside nested records."""
        changed: dict[str, object] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Tensor):
                changed[item.name] = function(value)
            elif isinstance(value, Record):
                changed[item.name] = value.map(function)
        return replace(self, **changed)

    def __getitem__(self: R, index: Tensor | slice | int) -> R:
        return self.map(lambda tensor: tensor[index])

    def to(self: R, device: torch.device | str) -> R:
        """The same record on another device."""
        return self.map(lambda tensor: tensor.to(device))


@dataclass(frozen=True)
class Rays(Record):
    """Half-lines in world space, cut to [near, far]."""

    origins: Float[Tensor, "*batch 3"]
    directions: Float[Tensor, "*batch 3"]
    """Unit length, so that t is a distance in world units."""
    view_directions: Float[Tensor, "*batch 3"]
    """Unit length; equal to `directions` unless the rays were warped, as in NDC."""
    near: Float[Tensor, "*batch"]
    far: Float[Tensor, "*batch"]
    radii: Float[Tensor, "*batch"]
    """Radius of the pixel's cone at distance 1 (Barron et al. 2021: pixel width times 2 / sqrt 12)."""
    camera_index: Int[Tensor, "*batch"]
    """Which training photo a ray belongs to, in whatever copy of it; -1 for any other camera."""
    pixels: Float[Tensor, "*batch 2"]
    """Continuous (x, y) from the top-left corner of the image."""
    time: Float[Tensor, "*batch"]
    """[0, 1] over the sequence; 0 where the capture has no time."""

    def at(self, t: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n 3"]:
        """The points at distances t."""
        return self.origins[..., None, :] + t[..., None] * self.directions[..., None, :]

    def at_samples(self, samples: "PackedSamples") -> Float[Tensor, "samples 3"]:
        """The midpoints of packed samples."""
        index = samples.ray_index
        return self.origins[index] + samples.midpoints[:, None] * self.directions[index]

    @property
    def shape(self) -> torch.Size:
        """The leading axes."""
        return self.near.shape

    def reshape(self, *shape: int) -> "Rays":
        """The same rays under other leading axes."""
        lead = self.near.dim()
        return self.map(lambda tensor: tensor.reshape(*shape, *tensor.shape[lead:]))

    def chunks(self, size: int) -> Iterator["Rays"]:
        """Consecutive pieces of at most `size` rays along the first axis."""
        for start in range(0, self.near.shape[0], size):
            yield self[start : start + size]


@dataclass(frozen=True)
class Intervals(Record):
    """n touching intervals along each ray, stored as their n+1 edges in rising order."""

    edges: Float[Tensor, "*batch n_edges"]

    @property
    def widths(self) -> Float[Tensor, "*batch n"]:
        """Length of each interval."""
        return self.edges[..., 1:] - self.edges[..., :-1]

    @property
    def midpoints(self) -> Float[Tensor, "*batch n"]:
        """Centre of each interval."""
        return 0.5 * (self.edges[..., 1:] + self.edges[..., :-1])


@dataclass(frozen=True)
class PackedSamples(Record):
    """A different number of intervals on each ray, in one list sorted by ray."""

    starts: Float[Tensor, " samples"]
    ends: Float[Tensor, " samples"]
    ray_index: Int[Tensor, " samples"]
    num_rays: int

    @property
    def widths(self) -> Float[Tensor, " samples"]:
        """Length of each interval."""
        return self.ends - self.starts

    @property
    def midpoints(self) -> Float[Tensor, " samples"]:
        """Centre of each interval."""
        return 0.5 * (self.starts + self.ends)


@dataclass(frozen=True)
class Gaussians(Record):
    """Normal distributions in space: the cone's pieces of mip-NeRF."""

    means: Float[Tensor, "*batch 3"]
    covariances: Float[Tensor, "*batch 3 3"]


@dataclass(frozen=True)
class Rendering:
    """What a method says about a batch of rays."""

    rgb: Float[Tensor, "*batch 3"]
    opacity: Float[Tensor, "*batch"]
    depth: Float[Tensor, "*batch"]
    """Expected distance along the ray, not along the optical axis; 0 where nothing was met."""
    intervals: Intervals | PackedSamples
    weights: Float[Tensor, "*batch_n"]
    """One weight per interval, in the layout of `intervals`."""
    background: Float[Tensor, "*batch 3"]
    """What `rgb` was composited over."""
    coarser: "tuple[Rendering, ...]" = ()
    """Renderings of the sampling levels before this one."""
    extras: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """What one method alone needs, and the `logits` of classes, one row a ray, of any that learns classes."""


@dataclass(frozen=True)
class Image:
    """A rendered picture, h x w."""

    rgb: Float[Tensor, "h w 3"]
    opacity: Float[Tensor, "h w"]
    depth: Float[Tensor, "h w"]
    """Distance along the ray, world units."""
    labels: Int[Tensor, "h w"] | None = None
    """Semantic class, from methods that learn classes."""


@dataclass(frozen=True)
class Patch:
    """How the rays of a step lie in the photos where they are not independent: in squares."""

    side: int
    """Pixels along a square's side."""
    margin: int = 0
    """Pixels of the photo around it that are given along, on every side."""


@dataclass(frozen=True)
class Crops(Record):
    """What the photos show at patches and `Patch.margin` pixels around them."""

    rgb: Float[Tensor, "patches side side 3"]
    """As `Batch.rgb`; 0 outside of the photo."""
    alpha: Float[Tensor, "patches side side"]
    valid: Bool[Tensor, "patches side side"]
    """Whether there is a pixel that may be used."""


@dataclass(frozen=True)
class Batch(Record):
    """Rays and what was seen along them."""

    rays: Rays
    rgb: Float[Tensor, "*batch 3"]
    """sRGB in [0, 1]; pixels with alpha are composited over `SceneInfo.background`."""
    alpha: Float[Tensor, "*batch"]
    """1 where the photo has no alpha."""
    depth: Float[Tensor, "*batch"] | None = None
    """Distance along the ray, 0 = unknown; None where the capture has no depth."""
    labels: Int[Tensor, "*batch"] | None = None
    """Semantic class, -1 where unknown; None where the capture has no labels."""
    area: Float[Tensor, "*batch"] | None = None
    """Area of the pixel in pixels of the original photo; None where all are 1."""
    crops: Crops | None = None
    """The photos at the patches that the rays form, patch after patch and row after row; None without."""

    def over(self, old: Float[Tensor, "3"], new: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """The colours over another background: `new` where they were composited over `old`."""
        return self.rgb + (1 - self.alpha)[..., None] * (new - old)


@dataclass(frozen=True)
class Progress:
    """Where training stands."""

    step: int
    """Optimisation steps done before this one."""
    fraction: float
    """Share of the run that is over, in [0, 1], by steps or by seconds, whichever limits it."""


@dataclass(frozen=True)
class StepReport:
    """What an optimisation step saw."""

    loss: Tensor | float
    """Sum of the loss terms; a tensor where reading it would wait for the device."""
    squared_error: Tensor | float
    """Mean over rays and channels between rendered and true colours."""
    samples: int
    """Points at which the method was asked, over all sampling levels."""
