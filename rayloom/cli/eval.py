"""`rayloom eval`: compare a trained scene with the photos held out."""

from dataclasses import dataclass
from pathlib import Path

from rayloom.cli.opening import Device, open_run
from rayloom.cli.options import Word, parse
from rayloom.cli.output import print_json
from rayloom.cli.scoring import print_scores, score


@dataclass(frozen=True)
class EvalOptions:
    """Options of `rayloom eval`."""

    run: Word[Path]
    """Run folder that `rayloom train` wrote."""
    data: Path | None = None
    """Where the capture is now, if it has moved since."""
    device: Device = "auto"
    """Where to render; auto takes a GPU if there is one."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""


def run(args: list[str]) -> int:
    """Score a run, and keep scores and pictures in its `eval` folder."""
    options = parse(EvalOptions, "eval", "Compare a trained scene with the photos held out.", args)
    method, scene = open_run(options.run, options.data, options.device)
    result = score(options.run, method, scene, quiet=options.quiet)
    if options.json:
        print_json(result)
    else:
        print_scores(result)
    return 0
