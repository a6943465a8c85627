"""What AligNeRF is claimed to show: its parts by themselves, then photos that are off, in miniature.

The photos are of a mural on the ground. "Pixels" is mip-NeRF 360, which AligNeRF is without its second stage;
"loss" adds the alignment-aware loss alone, without CNN and shallow features. All see the same number of rays.
Held-out photos are right, also where those that train are shifted by up to 2 pixels, or their cameras turned.
What claims share is trained once for each seed, so that most of the time is told beside the first of them.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from rayloom.claims.experiments import held_out_psnr, trained
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from torch import Tensor

    from rayloom.data.batches import PixelBatches
    from rayloom.data.scene import Scene
    from rayloom.method import Method
    from rayloom.training.optimizer import Optimizer

STEPS = 600
Photos = Literal["right", "shifted", "turned"]
SYSTEMS: Mapping[str, Mapping[str, object]] = {
    "pixels": {"pixel_share": 1.0},
    "loss": {"convolution": False, "high_frequency": 0.0},
    "all": {},
    "no convolution": {"convolution": False},
    "no alignment": {"patch_margin": 0},
    "no features": {"high_frequency": 0.0},
}


@dataclass(frozen=True)
class _Run:
    """A trained method, how it did on held-out views, and how long training took."""

    method: "Method[Any]"
    psnr: float
    shifted_psnr: float
    """The same where each picture may first be moved as a whole, which no loss on displacements can tell."""
    gradients: float
    """Gradient energy over that of the photos, in percent."""
    seconds: float


@cache
def _scene(photos: Photos, seed: int) -> "Scene":
    from rayloom.claims.misalignment import mural

    return mural(photos, seed)


def _measured(system: str, scene: "Scene", seed: int) -> _Run:
    """Training of a system on the photos of a scene."""
    from rayloom.claims.misalignment import NETWORK

    start = time.perf_counter()
    settings = {**NETWORK, **SYSTEMS[system]}
    method = trained("alignerf", scene, preset="tiny", steps=STEPS, seed=seed, **settings)
    seconds = time.perf_counter() - start
    return _Run(method, held_out_psnr(method, scene), *_tolerant_scores(method, scene), seconds)


def _tolerant_scores(method: "Method[Any]", scene: "Scene") -> tuple[float, float]:
    """Of held-out views, the PSNR after the best displacement, and gradient energy in percent."""
    from rayloom.data.batches import scene_cameras, truth_image
    from rayloom.metrics.sharpness import gradient_ratio
    from rayloom.metrics.warping import shifted_psnr

    ratios, decibels = list[float](), list[float]()
    for index in scene.indices("test"):
        rendered = method.render_image(scene_cameras(scene).image_rays(index)).rgb.clamp(0, 1)
        truth, _ = truth_image(scene, index)
        ratio, best = gradient_ratio(rendered, truth), shifted_psnr(rendered, truth)
        assert ratio is not None, "the mural is nowhere flat"
        assert best is not None, "photos are larger than what displacements reach"
        ratios.append(100 * ratio)
        decibels.append(best.psnr)
    return fmean(decibels), fmean(ratios)


@cache
def _run(system: str, photos: Photos, seed: int) -> _Run:
    return _measured(system, _scene(photos, seed), seed)


@cache
def _realigned(seed: int) -> _Run:
    """Pixels, on shifted photos that were moved to where a first training saw them; the time of it all."""
    from rayloom.claims.misalignment import realigned

    first, start = _run("pixels", "shifted", seed), time.perf_counter()
    better = realigned(_scene("shifted", seed), first.method)
    between = time.perf_counter() - start
    second = _measured("pixels", better, seed)
    seconds = first.seconds + between + second.seconds
    return replace(second, seconds=seconds)


def _price(photos: Photos, seed: int) -> Measurement:
    """What wrong photos cost pixels; the baseline is the PSNR with the right ones."""
    right = _run("pixels", "right", seed).psnr
    return Measurement(right - _run("pixels", photos, seed).psnr, baseline=right)


def _share_recovered(run: _Run, photos: Photos, seed: int) -> Measurement:
    """Of what wrong photos cost pixels, which is the baseline in dB."""
    lost = _price(photos, seed).measured
    return Measurement((run.psnr - _run("pixels", photos, seed).psnr) / lost, baseline=lost)


def _recovered_by_loss(photos: Photos, seed: int) -> Measurement:
    return _share_recovered(_run("loss", photos, seed), photos, seed)


def _recovered_up_to_a_shift(photos: Photos, seed: int) -> Measurement:
    """As `_recovered_by_loss`, where each picture may first be moved as a whole."""
    right, wrong = (_run("pixels", which, seed).shifted_psnr for which in ("right", photos))
    gain = _run("loss", photos, seed).shifted_psnr - wrong
    return Measurement(gain / (right - wrong), baseline=right - wrong)


def _difference_when_right(seed: int) -> Measurement:
    pixels = _run("pixels", "right", seed).psnr
    return Measurement(abs(_run("loss", "right", seed).psnr - pixels), baseline=pixels)


def _gradients_of_features(seed: int) -> Measurement:
    without = _run("no features", "shifted", seed).gradients
    return Measurement(_run("all", "shifted", seed).gradients - without, baseline=without)


def _worth(part: str, seed: int) -> Measurement:
    """PSNR with all parts less that without one, which is the baseline."""
    without = _run(f"no {part}", "shifted", seed).psnr
    return Measurement(_run("all", "shifted", seed).psnr - without, baseline=without)


def _price_of_features(seed: int) -> Measurement:
    worth = _worth("features", seed)
    return Measurement(-worth.measured, worth.baseline)


def _time_of_realigning(seed: int) -> Measurement:
    """Time over that of AligNeRF with all its parts, which is the baseline in seconds."""
    short = _run("all", "shifted", seed).seconds
    return Measurement(_realigned(seed).seconds / short, baseline=short)


def _time_of_patches(seed: int) -> Measurement:
    """Least seconds of a step on patches over that of mip-NeRF 360 on as many rays, which is the baseline."""
    from rayloom import methods
    from rayloom.data.batches import PixelBatches
    from rayloom.data.views import training_views
    from rayloom.training.optimizer import Optimizer

    scene = _scene("right", seed)
    batches, seconds = PixelBatches(scene, seed), dict[str, list[float]]()
    learners: dict[str, tuple[Method[Any], Optimizer]] = {}
    for name in ("alignerf", "mip-nerf-360"):
        method_class = methods.load(name)
        config = replace(method_class.presets["small"], rays_per_step=1024)
        method = method_class(config, scene.info).train()
        method.observe(training_views(scene))
        learners[name] = (method, Optimizer(method))
    for _ in range(4):
        for name, (method, optimizer) in learners.items():
            seconds.setdefault(name, []).append(_seconds_of_step(method, optimizer, batches))
    base = min(seconds["mip-nerf-360"])
    return Measurement(min(seconds["alignerf"]) / base, baseline=base)


def _seconds_of_step(method: "Method[Any]", optimizer: "Optimizer", batches: "PixelBatches") -> float:
    """Of a step late in a run, from its pixels to the parameters."""
    from rayloom.training.loop import composed_step
    from rayloom.types import Progress

    start, progress = time.perf_counter(), Progress(step=90, fraction=0.9)
    method.before_step(progress)
    batch = batches.next(method.rays_per_step(), method.patch())
    composed_step(method, batch, progress, optimizer)
    return time.perf_counter() - start


def _patches(seed: int) -> "tuple[Tensor, Tensor]":
    """16 patches of 32 pixels, and noise of 48 in whose middle they are, moved by (3, -2)."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    photo = torch.rand(16, 48, 48, 3, generator=generator)
    return photo[:, 6:38, 11:43].clone(), photo


def _error_of_shift(seed: int) -> Measurement:
    """Largest difference in pixels to (3, -2), or of a patch of one colour to (0, 0)."""
    import torch

    from rayloom.losses.alignment import displacements
    from rayloom.types import Crops

    rendered, photo = _patches(seed)
    everywhere = torch.ones(photo.shape[:3])
    noise = Crops(photo, everywhere, everywhere.bool())
    flat = Crops(photo[:, :1, :1].expand_as(photo), everywhere, everywhere.bool())
    found = displacements(rendered, noise, 0.0) - torch.tensor([3, -2])
    stayed = displacements(rendered.mean((1, 2), keepdim=True).expand_as(rendered), flat, 1e-3)
    return Measurement(float(torch.cat([found, stayed]).abs().max()))


def _error_of_costs(seed: int) -> Measurement:
    """Largest difference to what the definition says, displacement by displacement."""
    import torch

    from rayloom.losses.alignment import displaced, match_costs
    from rayloom.types import Crops

    rendered, photo = _patches(seed)
    crops = Crops(photo, torch.ones(photo.shape[:3]), torch.ones(photo.shape[:3], dtype=torch.bool))
    costs = match_costs(rendered, crops, 0.01)
    worst = 0.0
    for y in range(-8, 9):
        for x in range(-8, 9):
            there = displaced(crops, torch.tensor([[x, y]]).expand(16, 2), 32).rgb
            exact = (rendered - there).double().square().mean((1, 2, 3)) + 0.01 * (x * x + y * y) ** 0.5
            worst = max(worst, float((costs[:, y + 8, x + 8] - exact).abs().max()))
    return Measurement(worst)


def _error_of_pieces(seed: int) -> Measurement:
    """Largest difference between a CNN on patches that overlap by its radius and on the whole picture.

    The baseline is the same without overlap.
    """
    import torch

    from rayloom.fields.neighborhood import NeighborhoodCNN

    torch.manual_seed(seed)
    cnn = NeighborhoodCNN(16, 16)
    torch.nn.init.normal_(cnn.head.weight)
    features = torch.randn(150, 200, 16)
    whole = cnn(features).detach()
    enough, none = (
        float((cnn.in_patches(features, side=64, overlap=overlap) - whole).abs().max())
        for overlap in (cnn.radius, 0)
    )
    return Measurement(enough, baseline=none)


def _claims_of_parts() -> tuple[Claim, ...]:
    return (
        Claim("shifts-are-exact", "Largest error of a displacement by (3, -2), noise, and of flat patches.",
              0.0, "lower", _error_of_shift, unit="px", seeds=3, statistic="max"),
        Claim("fast-costs-are-exact", "Largest error of costs by spectra, 16 patches of 32 in crops of 48.",
              1e-5, "lower", _error_of_costs, seeds=3, statistic="max"),
        Claim("pictures-in-pieces", "Largest error of the CNN in patches; the baseline is without overlap.",
              1e-5, "lower", _error_of_pieces, seeds=3, statistic="max"),
    )  # fmt: skip


def _claims_of(photos: Photos) -> tuple[Claim, ...]:
    return (
        Claim(f"price-of-{photos}-photos", f"PSNR of right views lost by mip-NeRF 360, {photos} photos.",
              1.5, "higher", lambda seed: _price(photos, seed), unit="dB", seeds=3),
        Claim(f"recovered-from-{photos}-photos", f"Share of it that the alignment loss wins back, {photos}.",
              0.4, "higher", lambda seed: _recovered_by_loss(photos, seed), seeds=3),
        Claim(f"recovered-from-{photos}-photos-up-to-a-shift",
              f"The same where each view may first be moved as a whole, {photos}.",
              0.4, "higher", lambda seed: _recovered_up_to_a_shift(photos, seed), seeds=3),
    )  # fmt: skip


CLAIMS = (
    *_claims_of_parts(),
    *_claims_of("shifted"),
    *_claims_of("turned"),
    Claim("nothing-lost-when-right", "Difference, up or down, that the alignment loss makes to right photos.",
          0.3, "lower", _difference_when_right, unit="dB", seeds=3),
    Claim("features-sharpen", "Percent of gradient energy gained by shallow features, shifted photos.",
          5.0, "higher", _gradients_of_features, unit="points", seeds=3),
    Claim("price-of-features", "PSNR lost by shallow features, shifted photos.",
          0.5, "lower", _price_of_features, unit="dB", seeds=3),
    Claim("worth-of-convolution", "PSNR lost without the CNN, shifted photos.",
          0.0, "higher", lambda seed: _worth("convolution", seed), unit="dB", seeds=3),
    Claim("worth-of-alignment", "PSNR lost where patches stay in their place, shifted photos.",
          0.0, "higher", lambda seed: _worth("alignment", seed), unit="dB", seeds=3),
    Claim("recovered-by-realigning", "Share won back by mip-NeRF 360 on photos moved along optical flow.",
          0.6, "higher", lambda seed: _share_recovered(_realigned(seed), "shifted", seed), seeds=3),
    Claim("time-of-realigning", "Time of that, two trainings and flow, over that of AligNeRF.",
          1.5, "higher", _time_of_realigning, seeds=3),
    Claim("time-of-patches", "Time of a step on patches over one of mip-NeRF 360, small presets.",
          1.3, "lower", _time_of_patches, seeds=3),
)  # fmt: skip
