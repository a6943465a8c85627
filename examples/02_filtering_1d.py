"""Why cameras are found from coarse to fine: two copies of a signal and the shift between them.

The signal is learnt together with the shift. High frequencies pull the shift the wrong way as soon as it is
off by half their period; a Gaussian filter silences them until it is not. Prints how often gradient descent
finds the shift of random signals, and draws why.

Usage:

    python examples/02_filtering_1d.py --out outputs/filtering_1d.png
"""

import argparse
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rayloom.claims.alignment_1d import (
    FOUND,
    HIGHEST,
    SHIFT,
    WIDTH,
    ShiftedCopies,
    align,
    loss,
    pull,
    shifted_copies,
)

FILTERS = {"no filter": 0.0, "filter": WIDTH, "10 x as wide": 10 * WIDTH}


def main() -> None:
    """Align random signals under each filter, print a table and draw."""
    parser = argparse.ArgumentParser(description="Find the shift between two copies of random signals.")
    parser.add_argument("--signals", type=int, default=50, help="number of random signals")
    parser.add_argument("--steps", type=int, default=200, help="steps of gradient descent")
    parser.add_argument("--seed", type=int, default=0, help="of the signals")
    parser.add_argument("--out", type=Path, default=Path("outputs/filtering_1d.png"), help="the plot")
    args = parser.parse_args()

    copies = shifted_copies(args.signals, args.seed)
    remaining = {name: align(copies, width, steps=args.steps) for name, width in FILTERS.items()}
    print(f"{args.signals} signals, shifted by {SHIFT:g} of their period")
    print("filter".ljust(14) + "deviation".rjust(10) + "found".rjust(8))
    for name, width in FILTERS.items():
        found = (remaining[name][-1].abs() < FOUND).double().mean().item()
        print(name.ljust(14) + f"{width:10.3f}{found:8.0%}")

    figure = Figure(figsize=(11, 7), layout="constrained")
    (signal, spectrum), (valley, paths) = figure.subplots(2, 2)
    draw_signal(signal, copies)
    draw_pull(spectrum)
    draw_loss(valley, copies)
    draw_paths(paths, remaining)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=120)
    print(f"plot: {args.out.resolve()}")


def draw_signal(axes: Axes, copies: ShiftedCopies) -> None:
    """The two copies of the first signal."""
    x = torch.arange(copies.first.shape[1]) / copies.first.shape[1]
    axes.plot(x, copies.first[0], label="one copy")
    axes.plot(x, copies.second[0], label="the other", alpha=0.7)
    axes.set(title="two noisy copies of a signal", xlabel="x, periods")
    axes.legend()


def draw_pull(axes: Axes) -> None:
    """Which frequencies pull the right way, at the shift that is to be found."""
    k = torch.arange(1.0, HIGHEST + 1)
    for name, width in FILTERS.items():
        axes.plot(k, pull(k, torch.tensor(SHIFT), width), marker=".", label=name)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axvline(1 / (2 * SHIFT), color="grey", linestyle=":", label="1 / (2 x shift)")
    axes.set(title="pull of a frequency: above 0 the right way", xlabel="frequency k")
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(-1e3, 3e4)
    axes.legend(ncols=2, loc="upper center")


def draw_loss(axes: Axes, copies: ShiftedCopies) -> None:
    """The loss of the first signal over the shift, over its own largest value."""
    shifts = torch.linspace(-0.25, 0.25, 501).double()
    first = ShiftedCopies(*(part[:1].repeat(501, *[1] * (part.dim() - 1)) for part in vars(copies).values()))
    for name, width in FILTERS.items():
        values = loss(first, shifts + first.shift, width)
        axes.plot(shifts, values / values.max(), label=name)
    axes.axvline(-float(first.shift[0]), color="grey", linestyle=":", label="start")
    axes.set(title="loss over its largest value", xlabel="remaining shift u, periods")
    axes.legend()


def draw_paths(axes: Axes, remaining: dict[str, torch.Tensor]) -> None:
    """How far each signal is off, step by step."""
    for i, (name, paths) in enumerate(remaining.items()):
        axes.plot(paths.abs(), color=f"C{i}", alpha=0.25, linewidth=0.8)
        axes.plot([], color=f"C{i}", label=name)
    axes.axhline(FOUND, color="black", linestyle=":", label="found")
    axes.set(title="remaining shift of every signal", xlabel="step", yscale="log", ylim=(1e-4, 3))
    axes.legend(ncols=2, loc="upper center")


if __name__ == "__main__":
    main()
