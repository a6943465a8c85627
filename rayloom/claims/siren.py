"""What SIREN is claimed to show: it learns a function from derivatives alone, where ReLU networks cannot.

The function is a sum of waves in the plane, whose derivatives are known exactly. Networks have equal sizes,
and see random points of [-1, 1]^2.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from rayloom.claims.experiments import held_out_psnr, pictured, trained
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from torch import Tensor, nn

STEPS, POINTS, RATE = 200, 512, 1e-3
WIDTH, DEPTH = 64, 3
NUM_WAVES, HIGHEST = 12, 2.5
"""Number of waves, and the most that fit between -1 and 1."""
PICTURE, PICTURE_STEPS = 96, 250

Target = Callable[["Tensor", "Tensor"], "Tensor"]
"""What is learnt of values (n) at points (n, 2)."""


def _waves(seed: int) -> "Callable[[Tensor], Tensor]":
    """A function of the plane with values around 1/2, mostly in [0, 1]."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    frequency = torch.pi * HIGHEST * (2 * torch.rand(2, NUM_WAVES, generator=generator) - 1)
    phase = 2 * torch.pi * torch.rand(NUM_WAVES, generator=generator)
    return lambda points: 0.5 + 0.5 * torch.sin(points @ frequency + phase).sum(-1) / NUM_WAVES**0.5 / 1.5


def _network(kind: str) -> "nn.Module":
    from torch import nn

    from rayloom.fields import SkipMLP
    from rayloom.fields.sine import SineMLP

    if kind == "sine":
        return SineMLP(2, WIDTH, DEPTH, 1)
    return nn.Sequential(SkipMLP(2, WIDTH, DEPTH, skip_after=DEPTH), nn.Linear(WIDTH, 1))


def _points(seed: int, num: int) -> "Tensor":
    import torch

    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(num, 2, generator=generator) - 1).requires_grad_()


@cache
def _fitted(kind: str, what: str, seed: int) -> "tuple[nn.Module, float]":
    """A network that has learnt derivatives alone, and the share of its first loss that is left."""
    import torch

    from rayloom.fields.sine import gradient, laplacian

    target = {"gradient": gradient, "laplacian": laplacian}[what]
    truth = _waves(seed)

    def loss(points: "Tensor") -> "Tensor":
        wanted = target(truth(points), points).detach()
        return (target(network(points)[:, 0], points) - wanted).square().mean()

    torch.manual_seed(seed)
    network = _network(kind)
    adam = torch.optim.Adam(network.parameters(), lr=RATE)
    test = _points(-1 - seed, 4 * POINTS)
    first = float(loss(test).detach())
    for step in range(STEPS):
        adam.zero_grad()
        error = loss(_points(1000 * seed + step, POINTS))
        # Where the derivatives of a network are zero, there is nothing to learn from.
        if error.requires_grad:
            error.backward()
            adam.step()
    return network, float(loss(test).detach()) / first


def _laplacian(seed: int) -> Measurement:
    """How often smaller the loss becomes; that of the ReLU network is the baseline."""
    return Measurement(*(1 / _fitted(kind, "laplacian", seed)[1] for kind in ("sine", "relu")))


def _from_gradients(seed: int) -> Measurement:
    """PSNR of what was learnt from gradients alone, up to a constant; the baseline is the ReLU network."""
    import torch

    points, truth = _points(-1 - seed, 4 * POINTS), _waves(seed)
    scores: list[float] = []
    for kind in ("sine", "relu"):
        network, _ = _fitted(kind, "gradient", seed)
        with torch.no_grad():
            error = network(points)[:, 0] - truth(points)
        scores.append(float(-10 * error.var(correction=0).log10()))
    return Measurement(*scores)


def _picture(seed: int) -> Measurement:
    """Held-out PSNR of a picture less that of a ReLU network of the same size without a mapping."""
    scene = pictured(PICTURE, seed)
    shared = {"rays_per_step": 1024, "width": WIDTH, "depth": DEPTH}
    systems = {
        "siren": {"frequency": 30.0, "lr": 1e-3, "lr_final": 1e-4},
        "fourier-features": {"mapping": "none", "lr": 3e-3, "lr_final": 3e-4},
    }
    psnr, relu = (
        held_out_psnr(
            trained(name, scene, preset="tiny", steps=PICTURE_STEPS, seed=seed, **shared, **settings), scene
        )
        for name, settings in systems.items()
    )
    return Measurement(measured=psnr - relu, baseline=relu)


CLAIMS = (
    Claim(
        name="learns-from-laplacians",
        description="How often smaller the loss on Laplacians alone becomes; the baseline is a ReLU network.",
        threshold=27.0,
        better="higher",
        measure=_laplacian,
        seeds=3,
    ),
    Claim(
        name="learns-from-gradients",
        description="PSNR, up to a constant, of what was learnt from gradients alone; the baseline is ReLU.",
        threshold=34.0,
        better="higher",
        measure=_from_gradients,
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="pictures-over-relu",
        description="Gain on held-out pixels over a ReLU network of the same size, equal steps.",
        threshold=2.9,
        better="higher",
        measure=_picture,
        unit="dB",
        seeds=3,
    ),
)
