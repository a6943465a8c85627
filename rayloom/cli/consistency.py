"""How consistent the frames of a film are, for `rayloom eval --rcc`."""

from typing import TYPE_CHECKING, Any, TypedDict

from rayloom.cli.output import note
from rayloom.data.scene import Scene

if TYPE_CHECKING:
    from rayloom.method import Method

NUM_FRAMES = 120
"""Frames of the whole orbit, so that neighbouring ones lie 3 degrees apart."""


class ConsistencyScores(TypedDict):
    """Reprojective colour consistency of an orbit."""

    rcc: float | None
    """dB; None where no two frames show the same place."""
    kept: float
    """Share of all pixels that could be compared."""
    frames: int


def measure_consistency(method: "Method[Any]", scene: Scene, *, quiet: bool = False) -> ConsistencyScores:
    """Reprojective colour consistency of what a method shows along an orbit, at the size of the photos."""
    from rayloom.cli.filming import made_path
    from rayloom.metrics.rcc import reprojective_consistency
    from rayloom.training.localize import frozen

    cameras = made_path(scene, "orbit", NUM_FRAMES, width=None, height=None, scale=1.0).cameras
    device = next(method.parameters()).device
    frames = []
    with frozen(method):
        for i in range(len(cameras)):
            frames.append(method.render_image(cameras.image_rays(i).to(device)))
            note(f"frame {i + 1} of {len(cameras)}", quiet=quiet)
    try:
        found = reprojective_consistency(frames, cameras.to(device))
    except ValueError:
        return {"rcc": None, "kept": 0.0, "frames": len(frames)}
    return {"rcc": found.rcc, "kept": found.kept, "frames": len(frames)}


def print_consistency(scores: ConsistencyScores | None) -> None:
    """The scores in a line on stdout; nothing where none were measured."""
    if scores is None:
        return
    value = "none" if scores["rcc"] is None else f"{scores['rcc']:.2f} dB"
    print(f"RCC {value} over {scores['frames']} frames of an orbit, {scores['kept']:.0%} of pixels compared")
