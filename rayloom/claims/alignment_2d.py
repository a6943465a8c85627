"""Patches of a picture and the homographies between them: cameras that are wrong, in two dimensions.

A picture is seen through windows, each drawn out of shape by a homography that nobody knows, and is learnt
together with the homographies from the windows' colours (Lin et al. 2021, section 4.1). The first window is
known to be straight, so that picture and homographies have one answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.data.synthetic.captures import make_capture
from rayloom.data.synthetic.outdoors import unbounded_world
from rayloom.data.synthetic.rigs import Orbit
from rayloom.fields.encodings import AnnealedEncoding
from rayloom.fields.filtering import gaussian_filter
from rayloom.fields.mlp import SkipMLP, initialize
from rayloom.schedules import exponential

HALF = 0.5
"""Half the side of a window, where the picture is [-1, 1] squared: a window has half its pixels a side."""
OFFSETS = ((0.0, 0.0), (0.2, 0.2), (0.2, -0.2), (-0.2, 0.2), (-0.2, -0.2))
"""By which the middles of the windows are moved."""
NOISE = 0.1
"""Deviation of the numbers of a homography."""
PIXELS_PER_STEP = 400
"""Of each window."""
WIDTH = 1 / 12
"""Deviation of the Gaussian filter at the start, in sides of the picture: half of what corners are off."""
KNOTS = ((0.0, 0.25, 0.5, 0.75), (1.0, 0.5, 0.25, 0.0))
"""Shares of the run, and the factors of the filter's deviation there; straight in between."""


def homographies(numbers: Float[Tensor, "n 8"]) -> Float[Tensor, "n 3 3"]:
    """Exponentials of matrices of sl(3); the first two numbers shift, and zeros give the identity."""
    zero = torch.zeros_like(numbers[:, :1])
    x, y, *rest = numbers.split(1, -1)
    rows = torch.cat([rest[0], rest[1], x, rest[2], rest[3], y, rest[4], rest[5], zero], -1)
    matrices = rows.reshape(-1, 3, 3)
    # Without a trace the determinant is 1: the scale of a homography means nothing.
    trace = matrices.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None]
    return torch.matrix_exp(matrices - trace / 3 * torch.eye(3).to(numbers))


def warped(homography: Float[Tensor, "n 3 3"], points: Float[Tensor, "m 2"]) -> Float[Tensor, "n m 2"]:
    """The points under each homography."""
    lifted = torch.cat([points, torch.ones_like(points[:, :1])], -1) @ homography.mT
    return lifted[..., :2] / lifted[..., 2:]


def looked_up(picture: Float[Tensor, "h w 3"], places: Float[Tensor, "n m 2"]) -> Float[Tensor, "n m 3"]:
    """Colours at places (x, y) of a picture that fills [-1, 1] squared, between the pixels' centres."""
    grid = torch.nn.functional.grid_sample(
        picture.permute(2, 0, 1)[None], places[None], padding_mode="border", align_corners=False
    )
    return grid[0].permute(1, 2, 0)


@dataclass(frozen=True)
class Windows:
    """What is seen of a picture, a window a row, and how it truly was."""

    rgb: Float[Tensor, "n side side 3"]
    homography: Float[Tensor, "n 3 3"]
    """From a window's square to the picture; the identity for the first."""

    @property
    def pixels(self) -> Float[Tensor, "m 2"]:
        """The centres of a window's pixels before it is drawn out of shape."""
        side = self.rgb.shape[1]
        steps = ((torch.arange(side) + 0.5) / side * 2 - 1) * HALF
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        return torch.stack([x, y], -1).reshape(-1, 2)

    def corner_error(self, homography: Float[Tensor, "n 3 3"]) -> float:
        """Mean distance between true and learnt corners of the windows but the first, in pixels."""
        corners = HALF * torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
        apart = warped(self.homography, corners) - warped(homography, corners)
        # The picture is 2 across, and has twice the pixels of a window.
        return float(apart[1:].norm(dim=-1).mean().detach()) * self.rgb.shape[1]


def draw_windows(picture: Float[Tensor, "size size 3"], seed: int) -> Windows:
    """Five windows at random places around the middle of a picture."""
    rng = np.random.default_rng(seed)
    numbers = torch.from_numpy(NOISE * rng.normal(size=(len(OFFSETS), 8))).float()
    numbers[:, :2] += torch.tensor(OFFSETS)
    numbers[0] = 0
    side = len(picture) // 2
    windows = Windows(picture.new_zeros(len(OFFSETS), side, side, 3), homographies(numbers))
    rgb = looked_up(picture, warped(windows.homography, windows.pixels))
    return Windows(rgb.reshape(windows.rgb.shape), windows.homography)


class Learner(nn.Module, ABC):
    """A picture that is being learnt, in its own way from coarse to fine."""

    lr: float
    """Rate of Adam for the picture at the start; it falls to a tenth."""
    pose_lr: float
    """The same for the homographies."""
    blur = 0.0
    """Deviation of the Gaussian under which windows and picture are now compared, in pixels."""

    @abstractmethod
    def begin_step(self, fraction: float) -> None:
        """Choose what may be seen after this share of the run."""

    @abstractmethod
    def forward(self, places: Float[Tensor, "n m 2"]) -> Float[Tensor, "n m 3"]:
        """The colours at places of the picture."""


class TensorPicture(Learner):
    """A colour for each pixel, at first under a Gaussian filter of some deviation; 0 filters nothing."""

    lr, pose_lr = 2e-2, 1e-2

    def __init__(self, size: int, width: float) -> None:
        super().__init__()
        self.width = width
        self.colors = nn.Parameter(torch.full((size, size, 3), 0.5))

    def begin_step(self, fraction: float) -> None:
        """Narrow the filter; it is gone after three quarters of the run."""
        self.blur = self.width * float(np.interp(fraction, *KNOTS))

    def forward(self, places: Float[Tensor, "n m 2"]) -> Float[Tensor, "n m 3"]:
        """The colours of the filtered picture."""
        return looked_up(gaussian_filter(self.colors, self.blur, dims=(0, 1)), places)


class NetworkPicture(Learner):
    """BARF's: a network on waves that are let in one after another, in the first 0.4 of the run."""

    lr, pose_lr = 2e-3, 5e-3

    def __init__(self) -> None:
        super().__init__()
        self.encoding = AnnealedEncoding(num_octaves=8, num_inputs=2)
        self.trunk = SkipMLP(self.encoding.num_outputs, width=128, depth=4, skip_after=4)
        self.head = nn.Linear(128, 3)
        initialize(self, "he")

    def begin_step(self, fraction: float) -> None:
        """Let more octaves in."""
        self.encoding.let_in(min(fraction / 0.4, 1.0) * self.encoding.num_octaves)

    def forward(self, places: Float[Tensor, "n m 2"]) -> Float[Tensor, "n m 3"]:
        """The colours that the network gives."""
        return self.head(self.trunk(self.encoding(places))).sigmoid()


@dataclass(frozen=True)
class Alignment:
    """What was learnt, and how well."""

    homography: Float[Tensor, "n 3 3"]
    picture: Float[Tensor, "size size 3"]
    corner_errors: tuple[float, ...]
    """Of the windows, in pixels, at the start and after every 25 steps and the last one."""
    psnr: float
    """Of the windows, in dB."""


def align(windows: Windows, learner: Learner, *, steps: int = 800, seed: int = 0) -> Alignment:
    """Learn a picture and the homographies of its windows, by Adam on the squared error of random pixels."""
    generator = torch.Generator().manual_seed(seed)
    numbers = nn.Parameter(torch.zeros(len(windows.rgb) - 1, 8))
    rates = [(list(learner.parameters()), learner.lr), ([numbers], learner.pose_lr)]
    adam = torch.optim.Adam([{"params": params, "lr": lr} for params, lr in rates])
    pixels, errors = windows.pixels, [windows.corner_error(_anchored(numbers))]
    for step in range(steps):
        learner.begin_step(step / steps)
        for group, (_, lr) in zip(adam.param_groups, rates, strict=True):
            group["lr"] = exponential(step / steps, lr, lr / 10)
        number = torch.randint(len(pixels), (PIXELS_PER_STEP,), generator=generator)
        truth = gaussian_filter(windows.rgb, learner.blur, dims=(1, 2)).flatten(1, 2)[:, number]
        error = learner(warped(_anchored(numbers), pixels[number])) - truth
        adam.zero_grad()
        error.square().mean().backward()
        adam.step()
        if step % 25 == 24 or step == steps - 1:
            errors.append(windows.corner_error(_anchored(numbers)))
    return _outcome(windows, learner, _anchored(numbers).detach(), errors)


LEARNERS: Mapping[str, Callable[[int], Learner]] = {
    "tensor": lambda size: TensorPicture(size, width=0.0),
    "filtered tensor": lambda size: TensorPicture(size, WIDTH * size),
    "network": lambda size: NetworkPicture(),
}
"""By name, for a picture of some size."""


def align_photo(learner: str, seed: int, *, size: int = 96, steps: int = 800) -> Alignment:
    """Alignment of windows of a made photo by one of `LEARNERS`."""
    torch.manual_seed(seed)
    windows = draw_windows(outdoor_photo(size, seed), seed)
    return align(windows, LEARNERS[learner](size), steps=steps, seed=seed)


@cache
def outdoor_photo(size: int, seed: int) -> Float[Tensor, "size size 3"]:
    """A square photo of a made world, which has detail everywhere."""
    photo = make_capture(unbounded_world(seed), Orbit(), num_views=1, size=size, seed=seed).capture.frames[0]
    return torch.from_numpy(np.array(photo.image)[..., :3]).float() / 255


def _anchored(numbers: Tensor) -> Float[Tensor, "n 3 3"]:
    """The homographies, with the identity for the first window."""
    return homographies(torch.cat([torch.zeros_like(numbers[:1]), numbers]))


@torch.no_grad()
def _outcome(windows: Windows, learner: Learner, homography: Tensor, errors: list[float]) -> Alignment:
    side = windows.rgb.shape[1]
    seen = learner(warped(homography, windows.pixels)).reshape(windows.rgb.shape)
    # The picture's own pixels are as far apart as those of a window.
    size = 2 * side
    middles = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    picture = learner(torch.stack([x, y], -1).reshape(1, -1, 2)).reshape(size, size, 3)
    psnr = -10 * float((seen - windows.rgb).square().mean().log10())
    return Alignment(homography, picture, tuple(errors), psnr)
