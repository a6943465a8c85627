"""`rayloom eval`: compare a trained scene with the photos held out."""

from dataclasses import dataclass
from pathlib import Path

from rayloom.cli.consistency import measure_consistency, print_consistency
from rayloom.cli.opening import Device, open_run, results_folder
from rayloom.cli.options import Word, parse
from rayloom.cli.output import print_json
from rayloom.cli.scoring import print_scores, score
from rayloom.errors import InputError


@dataclass(frozen=True)
class EvalOptions:
    """Options of `rayloom eval`."""

    run: Word[Path]
    """Run folder that `rayloom train` wrote, or a page of `rayloom export`."""
    data: Path | None = None
    """Where the capture is now, if it has moved since."""
    device: Device = "auto"
    """Where to render; auto takes a GPU if there is one."""
    pose_steps: int = 100
    """Steps that refine each held-out camera against its photo, where the method learned its cameras."""
    rcc: bool = False
    """Also film an orbit, and measure by how much its colours flicker (reprojective colour consistency)."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""

    def __post_init__(self) -> None:
        if self.pose_steps < 0:
            raise InputError("--pose-steps", f"is {self.pose_steps}; expected 0 or more")


def run(args: list[str]) -> int:
    """Score a run, and keep scores and pictures in its `eval` folder."""
    options = parse(EvalOptions, "eval", "Compare a trained scene with the photos held out.", args)
    method, scene = open_run(options.run, options.data, options.device)
    result = score(
        results_folder(options.run), method, scene, pose_steps=options.pose_steps, quiet=options.quiet
    )
    steady = measure_consistency(method, scene, quiet=options.quiet) if options.rcc else None
    if options.json:
        print_json({**result, **({} if steady is None else {"rcc": steady})})
    else:
        print_scores(result)
        print_consistency(steady)
    return 0
