"""Real photos at their full size: what a sharper form of a method costs or gains in equal seconds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from operator import truediv
from typing import TYPE_CHECKING, Literal, NamedTuple

from rayloom.claims.experiments import captured, trained_for
from rayloom.claims.records import Claim, Measurement
from rayloom.errors import InputError

if TYPE_CHECKING:
    from rayloom.data.scene import Scene
    from rayloom.metrics.scores import Scores

Score = Literal["psnr", "lpips_vgg", "e_warp"]


class System(NamedTuple):
    """A method with one of its presets."""

    method: str
    preset: str

    def __str__(self) -> str:
        return self.method if self.preset == "default" else f"{self.method}@{self.preset}"


def sharper_claims(
    sharp: System,
    plain: System,
    captures: Sequence[str],
    seconds: float,
    analysis: str,
    num_views: int | None = None,
) -> tuple[Claim, ...]:
    """LPIPS and E_warp should fall by a tenth, and PSNR by a fifth of a decibel at most.

    Both train for some seconds on captures at their full size; the one where the sharp system does worst
    counts. Of the held-out views as many are looked at, evenly spread, as `num_views` says, or all.
    """

    def measure(score: Score, cost: Callable[[float, float], float]) -> Callable[[int], Measurement]:
        def worst(seed: int) -> Measurement:
            found: list[Measurement] = []
            for capture in captures:
                before, after = (
                    _scores(system, capture, seconds, num_views, seed)[score] for system in (plain, sharp)
                )
                if before is None or after is None:
                    raise InputError(score, "was not measured; expected its weights on this machine")
                found.append(Measurement(measured=cost(after, before), baseline=before))
            return max(found, key=lambda one: one.measured)

        return worst

    where = f"{seconds:g} s, {', '.join(captures)} at full size"
    where += f", {num_views} views" if num_views else ""
    return (
        Claim("sharp-lpips", f"LPIPS (vgg) of {sharp} over that of {plain}, {where}.",
              0.9, "lower", measure("lpips_vgg", truediv), analysis=analysis),
        Claim("sharp-e-warp", "The same for E_warp, which forgives displacements.",
              0.9, "lower", measure("e_warp", truediv), analysis=analysis),
        Claim("sharp-psnr", f"PSNR that {sharp} loses against {plain}, likewise.",
              0.2, "lower", measure("psnr", lambda after, before: before - after), unit="dB",
              analysis=analysis),
    )  # fmt: skip


@cache
def _scores(system: System, capture: str, seconds: float, num_views: int | None, seed: int) -> "Scores":
    """Means over the held-out views."""
    from rayloom.data.scene import DataConfig
    from rayloom.training.evaluate import evaluate

    scene = captured(capture, DataConfig())
    method = trained_for(system.method, scene, preset=system.preset, seconds=seconds, seed=seed)
    return evaluate(method, _fewer_views(scene, num_views))["mean"]


def _fewer_views(scene: "Scene", count: int | None) -> "Scene":
    """The scene with some of its held-out views, evenly spread."""
    views = scene.indices("test")
    if count is None or count >= len(views):
        return scene
    kept = {views[(2 * i + 1) * len(views) // (2 * count)] for i in range(count)}
    split = tuple("val" if s == "test" and i not in kept else s for i, s in enumerate(scene.split))
    return replace(scene, split=split)
