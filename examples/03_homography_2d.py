"""Cameras that are wrong, in two dimensions: a picture and the homographies of its windows, learnt together.

Three learners see the same windows of a photo: a tensor of colours, the same under a Gaussian filter that
narrows, and BARF's network, whose waves are let in one after another. Prints how far the windows' corners
end from where they belong, and draws the pictures that were learnt.

Usage:

    python examples/03_homography_2d.py --out outputs/homography_2d.png
"""

import argparse
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rayloom.claims.alignment_2d import (
    HALF,
    LEARNERS,
    Alignment,
    Windows,
    align_photo,
    draw_windows,
    outdoor_photo,
    warped,
)


def main() -> None:
    """Align under each learner, print a table and draw."""
    parser = argparse.ArgumentParser(description="Learn a picture from windows that are out of shape.")
    parser.add_argument("--size", type=int, default=96, help="pixels along a side of the picture")
    parser.add_argument("--steps", type=int, default=800, help="steps of gradient descent")
    parser.add_argument("--seed", type=int, default=0, help="of photo, homographies and pixels")
    parser.add_argument("--out", type=Path, default=Path("outputs/homography_2d.png"), help="the plot")
    args = parser.parse_args()

    torch.set_num_threads(1)
    photo = outdoor_photo(args.size, args.seed)
    windows = draw_windows(photo, args.seed)
    found = {name: align_photo(name, args.seed, size=args.size, steps=args.steps) for name in LEARNERS}
    print("learner".ljust(17) + "corners (px)".rjust(13) + "PSNR (dB)".rjust(11))
    for name, alignment in found.items():
        print(name.ljust(17) + f"{alignment.corner_errors[-1]:13.3f}{alignment.psnr:11.2f}")
    print("at the start".ljust(17) + f"{next(iter(found.values())).corner_errors[0]:13.3f}")

    figure = Figure(figsize=(14, 4), layout="constrained")
    truth, *pictures, curves = figure.subplots(1, len(found) + 2)
    truth.imshow(photo, extent=(-1, 1, 1, -1))
    draw_outlines(truth, windows.homography, "white")
    truth.set(title="photo and windows", xticks=[], yticks=[])
    for axes, (name, alignment) in zip(pictures, found.items(), strict=True):
        draw_picture(axes, name, alignment, windows)
    draw_errors(curves, found)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=120)
    print(f"plot: {args.out.resolve()}")


def draw_picture(axes: Axes, name: str, alignment: Alignment, windows: Windows) -> None:
    """What was learnt, with learnt windows over true ones."""
    axes.imshow(alignment.picture.clamp(0, 1), extent=(-1, 1, 1, -1))
    draw_outlines(axes, windows.homography, "white")
    draw_outlines(axes, alignment.homography, "red")
    axes.set(title=f"{name}: {alignment.corner_errors[-1]:.2g} px", xticks=[], yticks=[])


def draw_outlines(axes: Axes, homography: torch.Tensor, color: str) -> None:
    """The windows' borders in the picture."""
    square = HALF * torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
    for outline in warped(homography, square):
        axes.plot(*outline.T, color=color, linewidth=0.8)


def draw_errors(axes: Axes, found: dict[str, Alignment]) -> None:
    """How far corners were off, over the run."""
    for name, alignment in found.items():
        axes.plot(alignment.corner_errors, label=name)
    axes.set(title="mean error of corners, px", xlabel="25 steps", yscale="log")
    axes.legend()


if __name__ == "__main__":
    main()
