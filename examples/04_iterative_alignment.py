"""Photos that are off by two pixels, put right the long way and the short way.

mip-NeRF 360 learns a blur from them. The long way: the optical flow from its renderings to the photos says
where each photo is off, photos are read there, and it is trained anew, as often as one likes. The short way
is AligNeRF, one training whose loss finds the displacements of patches by itself. Prints how well held-out
views, which are right, are predicted, after how many seconds in all, and draws one of them.

Usage:

    python examples/04_iterative_alignment.py --out outputs/iterative_alignment.png
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from rayloom.claims.experiments import held_out_psnr, trained
from rayloom.claims.misalignment import NETWORK, PIXELS_ALONE, align_iteratively, mural
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.scene import Scene
from rayloom.method import Method


@dataclass(frozen=True)
class Outcome:
    """What a way led to."""

    psnr: float
    seconds: float
    """From the first step of the first training."""
    picture: Float[Tensor, "h w 3"]


def main() -> None:
    """Go both ways, print a table and draw."""
    parser = argparse.ArgumentParser(description="Put photos right that are off by two pixels.")
    parser.add_argument("--size", type=int, default=48, help="pixels along a side of a photo")
    parser.add_argument("--steps", type=int, default=600, help="steps of each training")
    parser.add_argument("--rounds", type=int, default=2, help="how often photos are aligned")
    parser.add_argument("--seed", type=int, default=0, help="of world, photos and weights")
    parser.add_argument("--out", type=Path, default=Path("outputs/iterative_alignment.png"), help="the plot")
    args = parser.parse_args()

    right, shifted = (mural(photos, args.seed, size=args.size) for photos in ("right", "shifted"))

    def learner(settings: Mapping[str, object]) -> Callable[[Scene], Method[Any]]:
        return lambda scene: trained(
            "alignerf", scene, preset="tiny", steps=args.steps, seed=args.seed, **{**NETWORK, **settings}
        )

    ways: dict[str, tuple[Method[Any], float]] = {}
    start = time.perf_counter()
    for i, (method, _) in enumerate(align_iteratively(shifted, learner(PIXELS_ALONE), args.rounds)):
        ways["as they are" if i == 0 else f"aligned {i}x"] = (method, time.perf_counter() - start)
    for name, scene, settings in (("AligNeRF", shifted, {}), ("right photos", right, PIXELS_ALONE)):
        start = time.perf_counter()
        ways[name] = (learner(settings)(scene), time.perf_counter() - start)
    outcomes = {name: judged(method, seconds, right) for name, (method, seconds) in ways.items()}

    print("photos".ljust(14) + "PSNR (dB)".rjust(11) + "seconds".rjust(9))
    for name, outcome in outcomes.items():
        print(name.ljust(14) + f"{outcome.psnr:11.2f}{outcome.seconds:9.1f}")
    draw(outcomes, truth_image(right, right.indices("test")[0])[0], args.out)
    print(f"plot: {args.out.resolve()}")


def judged(method: Method[Any], seconds: float, scene: Scene) -> Outcome:
    """How far a way has led, on held-out views."""
    psnr = held_out_psnr(method, scene)
    view = scene_cameras(scene).image_rays(scene.indices("test")[0])
    return Outcome(psnr, seconds, method.render_image(view).rgb.clamp(0, 1))


def draw(outcomes: dict[str, Outcome], truth: torch.Tensor, out: Path) -> None:
    """A held-out view as each way has it, and as it is."""
    figure = Figure(figsize=(3 * (len(outcomes) + 1), 3.4), layout="constrained")
    pictures = {f"{name}: {outcome.psnr:.1f} dB": outcome.picture for name, outcome in outcomes.items()}
    panels = figure.subplots(1, len(pictures) + 1)
    for axes, (title, picture) in zip(panels, {**pictures, "held-out photo": truth}.items(), strict=True):
        axes.imshow(picture.numpy(), interpolation="nearest")
        axes.set(title=title, xticks=[], yticks=[])
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=120)


if __name__ == "__main__":
    main()
