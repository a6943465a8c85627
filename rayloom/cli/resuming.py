"""`rayloom train --resume`: go on with a run that was interrupted, or whose process was killed."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rayloom.cli.memory import built_within, keep_estimate
from rayloom.cli.opening import scene_of_run, untrained
from rayloom.cli.options import parse
from rayloom.cli.output import note, warn
from rayloom.cli.train import Shown, learn_and_report
from rayloom.errors import InputError
from rayloom.training import runs


@dataclass(frozen=True, kw_only=True)
class ResumeOptions(Shown):
    """Options of `rayloom train --resume`; everything else is as the run was begun with."""

    resume: Path
    """Run folder to go on with."""
    data: Path | None = None
    """Where the capture lies now, if it has moved."""


def resume(args: list[str]) -> int:
    """Go on from the last checkpoint that is whole."""
    from rayloom.training.checkpoints import Checkpoints
    from rayloom.training.distributed import leads, shared
    from rayloom.training.locking import locked

    about = "Go on with a run that was interrupted, or whose process was killed, with the settings it has."
    options = parse(ResumeOptions, "train", about, args)
    run = options.resume
    config = runs.read_config(run)
    with locked(run) if leads() else nullcontext():
        checkpoints = Checkpoints(run, config.train_config.keep_checkpoints)
        found = shared(checkpoints.newest() if leads() else None)
        if found is None:
            raise InputError(run, "has no checkpoints; expected a run that was interrupted")
        step, start = found
        scene = scene_of_run(run, config, options.data, config.train_config.memory)
        warn(scene.warnings)
        make, scale = partial(untrained, run, config), config.data_config.scale
        method, scene, estimate = built_within(make, scene, config.train_config, options, scale=scale)
        if leads():
            keep_estimate(run, estimate, config.train_config.memory)
            runs.forget_records_after(run, step)
        note(f"run: {run}, from step {step}", quiet=options.quiet)
        return learn_and_report(run, config.method, method, scene, config.train_config, options, start)
