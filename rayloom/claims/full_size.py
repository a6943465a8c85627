"""Real photos at their full size: what a sharper form of a method costs or gains in equal seconds."""

from collections.abc import Callable, Sequence
from functools import cache
from operator import truediv
from typing import TYPE_CHECKING, Literal, NamedTuple

from rayloom.claims.experiments import captured, trained_for
from rayloom.claims.records import Claim, Measurement
from rayloom.errors import InputError

if TYPE_CHECKING:
    from rayloom.metrics.scores import Scores

Score = Literal["psnr", "lpips_vgg", "e_warp"]


class System(NamedTuple):
    """A method with one of its presets."""

    method: str
    preset: str

    def __str__(self) -> str:
        return self.method if self.preset == "default" else f"{self.method}@{self.preset}"


def sharper_claims(
    sharp: System, plain: System, captures: Sequence[str], seconds: float, analysis: str
) -> tuple[Claim, ...]:
    """LPIPS and E_warp should fall by a tenth, and PSNR by a fifth of a decibel at most.

    Both train for some seconds on captures at their full size; the one where the sharp system does worst
    counts.
    """

    def measure(score: Score, cost: Callable[[float, float], float]) -> Callable[[int], Measurement]:
        def worst(seed: int) -> Measurement:
            found: list[Measurement] = []
            for capture in captures:
                before, after = (_scores(system, capture, seconds, seed)[score] for system in (plain, sharp))
                if before is None or after is None:
                    raise InputError(score, "was not measured; expected its weights on this machine")
                found.append(Measurement(measured=cost(after, before), baseline=before))
            return max(found, key=lambda one: one.measured)

        return worst

    where = f"{seconds:g} s, {', '.join(captures)} at full size"
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
def _scores(system: System, capture: str, seconds: float, seed: int) -> "Scores":
    """Means over the held-out views."""
    from rayloom.data.scene import DataConfig
    from rayloom.training.evaluate import evaluate

    scene = captured(capture, DataConfig())
    method = trained_for(system.method, scene, preset=system.preset, seconds=seconds, seed=seed)
    return evaluate(method, scene)["mean"]
