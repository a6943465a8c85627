"""What a short training lacks beside a long one of the same capture, and how long a picture of it takes."""

import torch

from rayloom.bench.frames import frame_rays, frame_rows
from rayloom.bench.goals import frame_goal, patience_goal
from rayloom.bench.rows import Curve, Report, Row
from rayloom.bench.timing import Effort
from rayloom.bench.training import Trained, held_out_psnr, train_field


def measure_patience(trained: Trained, seconds: float, effort: Effort) -> Report:
    """PSNR of all held-out views after the training that was, and after another of so many seconds.

    Under the name of the capture, which must hold views out.
    """
    short = held_out_psnr(trained.method, trained.scene, quick=False)
    longer = train_field(trained.scene, seconds, trained.device)
    long = held_out_psnr(longer.method, trained.scene, quick=False)
    assert short is not None, "a capture that holds views out"
    assert long is not None, "the same capture"
    rows = [
        Row(f"held-out PSNR after {trained.outcome.seconds:.0f} s", short, "dB"),
        Row(f"held-out PSNR after {longer.outcome.seconds:.0f} s", long, "dB"),
        Row("lost by the shorter training", long - short, "dB", bar=patience_goal(trained.scene, seconds),
            better="lower"),
        *_own_frame(longer, effort),
    ]  # fmt: skip
    labels = ("training time, s", "PSNR of a few held-out views, dB")
    curves = (Curve("short", *labels, trained.psnr, False), Curve("long", *labels, longer.psnr, False))
    return Report(f"patience-{trained.scene.root.name}", tuple(rows), curves)


def _own_frame(trained: Trained, effort: Effort) -> list[Row]:
    """A picture as large as the photos of the capture."""
    own, scene = trained.scene.intrinsics[0], trained.scene
    with torch.no_grad():
        rays = frame_rays(scene, own.width, own.height, trained.device)
        return frame_rows(trained.method.eval(), rays, effort, frame_goal(scene, own.width, own.height))
