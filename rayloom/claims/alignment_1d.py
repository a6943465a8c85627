"""Two shifted copies of a signal and the shift between them: why cameras are found coarse to fine.

A photo is a signal seen from somewhere. Take two copies a and b of a signal f of period 1, the second
shifted by s, and learn the shift v together with the signal. Re-fitted at once, the signal is the mean of the
copies, and what is left depends on the remaining shift u = v - s alone (Cheng et al. 2024, theorems 1 to 3):

    L(u) = ∫ |f(x) - f(x + u)|² dx,    dL/du = ∑_k |F(k)|² H(u, k),    H(u, k) = 4π k sin(2π k u).

Frequency k pulls the right way only while |u| < 1 / (2k). A Gaussian filter of deviation σ on both copies
multiplies H by exp(-4π² σ² k²): what would pull the wrong way falls silent. Too wide a filter leaves a
gradient so faint that noise decides its sign.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rayloom.schedules import exponential

NUM_SAMPLES = 129
"""Of a copy; an odd number, whose highest frequency has a phase."""
HIGHEST = 40
"""Frequency up to which signals have detail, all frequencies alike: waves as short as 0.025."""
SHIFT = 0.1
"""By which the second copy is shifted, to either side: frequencies above 5 pull the wrong way."""
NOISE = 0.4
"""Deviation of the noise on each sample, over that of the signal."""
FOUND = 0.01
"""Remaining shift under which a shift counts as found."""
WIDTH = 0.6 * SHIFT
"""Deviation of the filter at the start."""
KNOTS = ((0.0, 0.25, 0.5, 0.75), (1.0, 0.5, 0.25, 0.0))
"""Shares of the run, and the factors of the filter's deviation there; straight in between."""


@dataclass(frozen=True)
class ShiftedCopies:
    """Two noisy copies of each of some signals, sampled evenly over the period."""

    first: Float[Tensor, "signals samples"]
    second: Float[Tensor, "signals samples"]
    shift: Float[Tensor, " signals"]
    """How far the second copy lies to the right of the first."""

    @property
    def spectra(self) -> tuple[Complex[Tensor, "signals k"], Complex[Tensor, "signals k"]]:
        """The coefficients A(k) and B(k) at k = 1, 2, ...; those at -k are their conjugates."""
        first, second = (torch.fft.rfft(copy, norm="forward") for copy in (self.first, self.second))
        return first[:, 1:], second[:, 1:]


def shifted_copies(num_signals: int, seed: int, *, noise: float = NOISE) -> ShiftedCopies:
    """Random signals of unit variance, white up to `HIGHEST`, each seen twice."""
    rng = np.random.default_rng(seed)
    parts = torch.from_numpy(rng.normal(size=(2, num_signals, HIGHEST)))
    spectrum = torch.complex(parts[0], parts[1])
    spectrum = spectrum / (2 * spectrum.abs().square().sum(-1, keepdim=True)).sqrt()
    shift = torch.from_numpy(rng.choice([-SHIFT, SHIFT], num_signals))
    copies = []
    for offset in (torch.zeros_like(shift), shift):
        moved = spectrum * _turns(HIGHEST, -offset)
        padded = torch.nn.functional.pad(moved, (1, NUM_SAMPLES // 2 - HIGHEST))
        clean = torch.fft.irfft(padded, n=NUM_SAMPLES, norm="forward")
        copies.append(clean + noise * torch.from_numpy(rng.normal(size=clean.shape)))
    return ShiftedCopies(copies[0], copies[1], shift)


def pull(
    frequencies: Float[Tensor, "*#batch"], remaining: Float[Tensor, "*#batch"], width: float = 0.0
) -> Float[Tensor, "*batch"]:
    """H(u, k), with which the energy of frequency k enters dL/du, times the filter's exp(-4π² σ² k²)."""
    fading = torch.exp(-((2 * math.pi * width * frequencies) ** 2))
    return 4 * math.pi * frequencies * torch.sin(2 * math.pi * frequencies * remaining) * fading


def loss(
    copies: ShiftedCopies, shift: Float[Tensor, " signals"], width: float = 0.0
) -> Float[Tensor, " signals"]:
    """∫ |a(x) - b(x + v)|² dx of the filtered copies: twice what the best signal between them leaves."""
    first, second = copies.spectra
    difference = first - second * _turns(first.shape[-1], shift)
    k = torch.arange(1, first.shape[-1] + 1).to(shift)
    return 2 * (difference.abs().square() * torch.exp(-((2 * math.pi * width * k) ** 2))).sum(-1)


def slope(
    copies: ShiftedCopies, shift: Float[Tensor, " signals"], width: float = 0.0
) -> Float[Tensor, " signals"]:
    """dL/dv in closed form; without noise the sum of energy times `pull` over positive and negative k."""
    first, second = copies.spectra
    cross = first.conj() * second * _turns(first.shape[-1], shift)
    k = torch.arange(1, first.shape[-1] + 1).to(shift)
    return 8 * math.pi * (k * torch.exp(-((2 * math.pi * width * k) ** 2)) * cross.imag).sum(-1)


def align(copies: ShiftedCopies, width: float, *, steps: int = 200) -> Float[Tensor, "steps signals"]:
    """The remaining shift of each signal after every step of Adam, from v = 0.

    The filter begins with the deviation `width` and is gone after three quarters of the steps; the rate, a
    twentieth of the shift at first, falls to a hundredth.
    """
    shift = torch.zeros_like(copies.shift)
    adam = torch.optim.Adam([shift])
    remaining = []
    for step in range(steps):
        adam.param_groups[0]["lr"] = exponential(step / steps, SHIFT / 20, SHIFT / 2000)
        shift.grad = slope(copies, shift, width * float(np.interp(step / steps, *KNOTS)))
        adam.step()
        remaining.append(shift - copies.shift)
    return torch.stack(remaining)


def share_found(num_signals: int, seed: int, width: float) -> float:
    """The share of random signals whose shift is found with a filter of that deviation; 0 filters nothing."""
    remaining = align(shifted_copies(num_signals, seed), width)[-1]
    return (remaining.abs() < FOUND).double().mean().item()


def _turns(highest: int, shift: Float[Tensor, " signals"]) -> Tensor:
    """exp(2πi k v) for k = 1 to `highest`: what a shift to the left by v multiplies a spectrum with."""
    angle = 2 * math.pi * torch.arange(1, highest + 1).to(shift) * shift[:, None]
    return torch.polar(torch.ones_like(angle), angle)
