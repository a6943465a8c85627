"""What Fourier features are claimed to show, on a procedural picture with edges and fine stripes.

Every second pixel in x and y trains, the others are scored, after equal steps. What claims share is trained
once for each seed, so that most of the time is told beside the first of them.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from rayloom.claims.experiments import held_out_psnr, pictured, trained
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.method import Method

SIZE, STEPS = 128, 300
SHARED: Mapping[str, object] = {
    "rays_per_step": 2048,
    "width": 96,
    "num_frequencies": 96,
    "lr": 3e-3,
    "lr_final": 3e-4,
}
SYSTEMS: Mapping[str, Mapping[str, object]] = {
    "Gaussian": {},
    "no mapping": {"mapping": "none"},
    "basic": {"mapping": "basic"},
    "four times sigma": {"sigma": 40.0},
}


@cache
def _trained(system: str, seed: int) -> "Method[Any]":
    settings = {**SHARED, **SYSTEMS[system]}
    return trained(
        "fourier-features", pictured(SIZE, seed), preset="tiny", steps=STEPS, seed=seed, **settings
    )


def _gain(over: str, seed: int) -> Measurement:
    """Held-out PSNR of Gaussian features less that of another mapping."""
    scene = pictured(SIZE, seed)
    baseline = held_out_psnr(_trained(over, seed), scene)
    return Measurement(
        measured=held_out_psnr(_trained("Gaussian", seed), scene) - baseline, baseline=baseline
    )


def _noise(seed: int) -> Measurement:
    """How much worse a too large sigma is on held-out pixels than the right one, which is the baseline."""
    gain = _gain("four times sigma", seed)
    return Measurement(measured=gain.measured, baseline=gain.measured + (gain.baseline or 0.0))


CLAIMS = (
    Claim(
        name="over-no-mapping",
        description="Gain of Gaussian features over plain coordinates, held-out pixels, equal steps.",
        threshold=2.9,
        better="higher",
        measure=lambda seed: _gain("no mapping", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="over-basic",
        description="Gain of Gaussian features over one wave for each coordinate, held-out pixels.",
        threshold=1.4,
        better="higher",
        measure=lambda seed: _gain("basic", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="too-large-a-sigma",
        description="Loss of four times the default sigma against it, the baseline, held-out pixels.",
        threshold=0.65,
        better="higher",
        measure=_noise,
        unit="dB",
        seeds=3,
        analysis="Of the finest stripes there are 40 to the width, more than the 64 pixels that train along "
        "it can tell, so that what lies between them is guessed at any sigma.",
    ),
)
