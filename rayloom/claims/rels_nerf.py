"""What ReLS-NeRF is claimed to show, on pictures of some 400 pixels.

The field's own colours are the baseline: the same geometry, shown by as many rays as there are pixels. Speeds
are ratios of processor time, of all cores together, so that what else runs does not matter; they are taken in
one process, the least of several times, on whole pictures from rays to colours. "Composed" are
those of both systems put together from torch and single kernels, as in the paper, and "fastest" those of both
in the way in which this package shows pictures. What claims share is trained once for each seed, so that most
of the time is told beside the first of them. Claims on captures look for them in the folder that RAYLOOM_DATA
names.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from rayloom.claims.decoded_runs import Place, colors, decoded, reconstructed, run, scene, small_run
from rayloom.claims.picture_times import first_held_out, least_seconds
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.methods.rels_nerf import ReLSNeRF

NUM_TIMES = 7
PLACES: tuple[Place, ...] = ("still life", "chair", "fox")
SIZES = ("r32-small", "r32", "r32-large")
# When B ends, the rates of a whole run have fallen as far as these do by the end of one that stops there.
UNTIL_B = {"shares": (1 / 11, 10 / 11), "lr_hold": 0.227, "lr_final": 2.08e-3}

DETAIL_IS_MISSING = """The autoencoder alone brings photos back at 38 dB, but latents hold means of squares
and little of the slopes within, which differ from photo to photo and average out. Colours learn them by a
ray for each pixel, given time: after 400 steps r32 was 0.2 to 0.7 dB above them, after 1000 it is 2 dB
below."""
SMALL_SQUARES = """As r32, and one latent has to stand for 64 pixels: after 400 steps r32-small was 0.1 to
1.2 dB below colours. Smaller squares cost its speed: at s = 3, decoded pictures are three times as fast as
fused colours."""

ANALYSES = {
    **{f"{score}-r32-{place}": DETAIL_IS_MISSING
       for score in ("psnr", "lpips") for place in ("still-life", "chair", "fox")},
    **{f"psnr-r32-small-{place}": SMALL_SQUARES for place in ("still-life", "chair", "fox")},
    "gain-of-c": """C cannot teach the decoder what latents lack, and where they learn on in it they have
    half of a run. On a field at rest that had learnt colours to 30 dB, and latents for 10 seconds, 30
    seconds of C gained 3.0 dB, from 25.0.""",
    "worth-of-poses-between": """Presumably a hundred photos stand too close around the chair for poses
    between them to show anything new, and C is too short to overfit: old views score hardly higher than
    new ones. Fewer photos were not tried.""",
    "depth-stays": """Attached weights find depth better. Presumably latents are one more hint at where
    matter is while 60 steps of B leave it vague; longer runs, in which they could bend it, were not
    tried.""",
    "truth-is-more-consistent": """The true film scores 33.0 dB and colours 37.5 dB; after 400 steps, when
    they were more blurred, they had 41.7 dB. RCC does not mind blur: textures as fine as pixels are what
    the truth is charged for, by bilinear interpolation between them. That the decoded film flickers, at
    25.3 dB, is no matter of blur.""",
}  # fmt: skip


@contextmanager
def _composed(method: "ReLSNeRF") -> Iterator[None]:
    """Within this context the fused kernels are not there."""
    fused = method.field.fused
    method.field.fused = lambda: None
    try:
        yield
    finally:
        method.field.fused = fused


def _speed(place: Place, autoencoder: str, seed: int, way: str) -> Measurement:
    """Time of a picture of colours over that of a decoded one; the baseline is the former in seconds."""
    method, rays = run(place, autoencoder, seed), first_held_out(scene(place, seed))
    works = (lambda: method.color_image(rays), lambda: method.render_image(rays))
    if way == "composed":
        with _composed(method):
            slow, quick = least_seconds(*works, repeats=2)
    else:
        slow, quick = least_seconds(*works, repeats=NUM_TIMES)
    return Measurement(measured=slow / quick, baseline=slow)


def _share_of_terms(seed: int) -> Measurement:
    """Largest part of the time of a decoded picture that is neither rays nor decoder; the median."""
    method, rays, missing = run("chair", "r32", seed), first_held_out(scene("chair", seed)), []
    for _ in range(NUM_TIMES):
        start = time.perf_counter()
        method.render_image(rays)
        total = time.perf_counter() - start
        missing.append(1 - (method.cost.rays + method.cost.decoder) / total)
    return Measurement(measured=sorted(missing)[NUM_TIMES // 2])


def _fewer_rays(seed: int) -> Measurement:
    """Pixels over rays of latents, over s²: 1 where it is exact; the smallest of all sizes."""
    from rayloom.cameras.latent_grid import latent_rays
    from rayloom.fields.autoencoders import R32_SIZES

    rays = first_held_out(scene("chair", seed))
    shares = [
        rays.shape.numel() / latent_rays(rays, size.scale).shape.numel() / size.scale**2
        for size in R32_SIZES.values()
    ]
    return Measurement(measured=min(shares))


def _over(name: str, seed: int) -> Measurement:
    """Time of a picture of another method, from one of its pixels in 400, over that of a decoded one."""
    import torch

    from rayloom import methods

    rays = first_held_out(scene("chair", seed))
    other_class = methods.load(name)
    torch.manual_seed(seed)
    other = other_class(other_class.presets["default"], scene("chair", seed).info).eval()
    part = rays.map(lambda tensor: tensor[::20, ::20])
    method = run("chair", "r32", seed)
    theirs, ours = least_seconds(
        lambda: other.render_image(part), lambda: method.render_image(rays), repeats=2
    )
    whole = theirs * rays.shape.numel() / part.shape.numel()
    return Measurement(measured=whole / ours, baseline=whole)


def _gain(place: Place, autoencoder: str, seed: int, score: str) -> Measurement:
    """Score of decoded pictures less that of the field's own colours, which is the baseline."""
    own = getattr(colors(place, autoencoder, seed), score)
    return Measurement(measured=getattr(decoded(place, autoencoder, seed), score) - own, baseline=own)


def _price_of_rendering_latents(seed: int) -> Measurement:
    """PSNR of the autoencoder on photos, the baseline, less that of decoded pictures, both after B."""
    own = reconstructed(run("chair", "r32", seed, **UNTIL_B), scene("chair", seed)).psnr
    return Measurement(measured=own - _psnr(seed, **UNTIL_B), baseline=own)


def _psnr(seed: int, autoencoder: str = "r32", **settings: Any) -> float:  # noqa: ANN401
    """Of decoded pictures of the chair, new views."""
    return decoded("chair", autoencoder, seed, **settings).psnr


def _gain_over(seed: int, **settings: Any) -> Measurement:  # noqa: ANN401
    """PSNR less that of a run with other settings, the baseline."""
    other = _psnr(seed, **settings)
    return Measurement(measured=_psnr(seed) - other, baseline=other)


def _worth_of_poses_between(seed: int) -> Measurement:
    """PSNR lost without them over 0.3 dB, or growth in dB of the gap to training photos, the larger."""
    new, new_only = _psnr(seed), _psnr(seed, gamma=1.0)
    old = decoded("chair", "r32", seed, "train").psnr
    old_only = decoded("chair", "r32", seed, "train", gamma=1.0).psnr
    wider = (old_only - new_only) - (old - new)
    return Measurement(measured=max((new - new_only) / 0.3, wider), baseline=new)


def _slope_of_density(seed: int) -> Measurement:
    """Largest derivative of the latents' error by what density is made of; baseline: weights attached."""

    def slope(*, detached: bool) -> float:
        import torch

        method = small_run(seed, detach_weights=True)
        config = method.config
        method.config = replace(config, detach_weights=detached)
        parts = [method.field.table, *method.field.density_mlp]
        try:
            with _composed(method), torch.enable_grad():
                method.train().phase = "joint"
                assert method.pictures is not None, "it was trained"
                loss = method.pictures.latents(method.render_latents, method.latents)
                grads = torch.autograd.grad(loss, parts, allow_unused=True)
        finally:
            method.eval().config = config
        return max(0.0 if grad is None else float(grad.abs().max()) for grad in grads)

    return Measurement(measured=slope(detached=True), baseline=slope(detached=False))


def _depth_error(seed: int) -> Measurement:
    """Mean error of depth on new views over that with weights attached, the baseline, world units."""
    from rayloom.claims.orbits import depth_error

    photos = scene("still life", seed, size=100)
    detached, attached = (
        depth_error(small_run(seed, detach_weights=flag), photos, seed) for flag in (True, False)
    )
    return Measurement(measured=detached / attached, baseline=attached)


def _growth_with_size(what: Literal["psnr", "seconds"], seed: int) -> Measurement:
    """The least growth from one size of `r32` to the next: of PSNR in dB, or by which factor of time."""
    if what == "psnr":
        values = [_psnr(seed, name) for name in SIZES]
        return Measurement(measured=min(after - before for before, after in pairwise(values)))
    rays, methods = first_held_out(scene("chair", seed)), [run("chair", name, seed) for name in SIZES]
    pictures = (lambda method=method: method.render_image(rays) for method in methods)
    times = least_seconds(*pictures, repeats=NUM_TIMES)
    return Measurement(measured=min(after / before for before, after in pairwise(times)))


def _claims_of_speed() -> tuple[Claim, ...]:
    least = {"r32": 3.0, "r32-small": 13.0}
    return (
        Claim("fewer-rays", "Pixels over rays of latents, in units of s²; the smallest of three sizes.",
              1.0, "higher", _fewer_rays),
        *(Claim(f"{way}-speed-{name}-{place.replace(' ', '-')}",
                f"Speed of decoded pictures over colours, {name}, {place}, both {way}.", most, "higher",
                lambda seed, place=place, name=name, way=way: _speed(place, name, seed, way))
          for name, most in least.items() for place in PLACES for way in ("composed", "fastest")),
        Claim("two-terms", "Share of a decoded picture's time that is neither rays nor decoder, chair.",
              0.15, "lower", _share_of_terms),
        *(Claim(f"speed-over-{name}", f"Speed of decoded pictures over those of {name}, chair.",
                3.0, "higher", lambda seed, name=name: _over(name, seed))
          for name in ("nerf", "mip-nerf-360")),
    )  # fmt: skip


def _claims_of_quality() -> tuple[Claim, ...]:
    return (
        *(Claim(f"{score}-{name}-{place.replace(' ', '-')}",
                f"{score.upper()} of decoded pictures less that of colours, {name}, {place}.",
                0.0 if name == "r32" or score == "lpips" else -1.0, "higher" if score == "psnr" else "lower",
                lambda seed, place=place, name=name, score=score: _gain(place, name, seed, score),
                unit="dB" if score == "psnr" else "",
                analysis=ANALYSES.get(f"{score}-{name}-{place.replace(' ', '-')}", ""))
          for name, scores in (("r32", ("psnr", "lpips")), ("r32-small", ("psnr",)))
          for place in PLACES for score in scores),
        Claim("larger-is-better", "Least growth of PSNR from one of three sizes to the next, chair.",
              0.0, "higher", lambda seed: _growth_with_size("psnr", seed), unit="dB"),
        Claim("larger-is-slower", "Least growth of time from one of three sizes to the next, chair.",
              1.0, "higher", lambda seed: _growth_with_size("seconds", seed)),
    )  # fmt: skip


def _claims_of_phases() -> tuple[Claim, ...]:
    return (
        Claim("price-of-rendering-latents", "PSNR of photos once autoencoded less decoded, after B, chair.",
              2.0, "higher", _price_of_rendering_latents, unit="dB"),
        Claim("gain-of-c", "PSNR of decoded pictures after C less that after B, chair.",
              1.5, "higher", lambda seed: _gain_over(seed, **UNTIL_B), unit="dB",
              analysis=ANALYSES["gain-of-c"]),
        Claim("worth-of-poses-between", "PSNR lost without them over 0.3 dB, or a wider gap to old views.",
              1.0, "higher", _worth_of_poses_between, analysis=ANALYSES["worth-of-poses-between"]),
        Claim("gain-of-tuning", "PSNR with latents that learn in C less that with latents at rest, chair.",
              0.0, "higher", lambda seed: _gain_over(seed, tune_latents=False), unit="dB"),
        Claim("no-slope-of-density", "Largest slope of the latents' error by density; baseline: attached.",
              0.0, "lower", _slope_of_density),
        Claim("depth-stays", "Error of depth over that with weights attached, still life, 100 pixels.",
              1.0, "lower", _depth_error, seeds=3, analysis=ANALYSES["depth-stays"]),
    )  # fmt: skip


def _claims_of_consistency() -> tuple[Claim, ...]:
    from rayloom.claims import orbits

    return (
        Claim("truth-is-more-consistent", "RCC of the true orbit less that of colours, the baseline.",
              0.0, "higher", orbits.truth_over_colors, unit="dB",
              analysis=ANALYSES["truth-is-more-consistent"]),
        Claim("decoding-flickers", "RCC of the orbit in colours less that of the decoded one, the baseline.",
              0.0, "higher", orbits.colors_over_decoded, unit="dB"),
        Claim("noise-lowers-rcc", "RCC of colours less that with noise of deviation 0.02, the baseline.",
              0.1, "higher", orbits.cost_of_noise, unit="dB"),
        Claim("exposure-leaves-rcc", "Change of RCC when all frames are brighter by 0.1.",
              0.05, "lower", orbits.change_by_exposure, unit="dB"),
        Claim("rcc-keeps", "Share of the orbit's pixels that RCC compares; baseline: the truth.",
              0.1, "higher", orbits.kept),
    )  # fmt: skip


CLAIMS = (*_claims_of_speed(), *_claims_of_quality(), *_claims_of_phases(), *_claims_of_consistency())
