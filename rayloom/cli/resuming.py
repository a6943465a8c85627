"""`rayloom train --resume`: go on with a run that was interrupted, or whose process was killed."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom import methods
from rayloom.cli.opening import check_frame
from rayloom.cli.options import parse
from rayloom.cli.output import note, warn
from rayloom.cli.train import Shown, learn_and_report
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.training import runs

if TYPE_CHECKING:
    from rayloom.method import Method


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
    from rayloom.training.locking import locked

    about = "Go on with a run that was interrupted, or whose process was killed, with the settings it has."
    options = parse(ResumeOptions, "train", about, args)
    run = options.resume
    config = runs.read_config(run)
    with locked(run):
        found = Checkpoints(run, config.train_config.keep_checkpoints).newest()
        if found is None:
            raise InputError(run, "has no checkpoints; expected a run that was interrupted")
        step, start = found
        method, scene = _untrained(run, config, options.data)
        runs.forget_records_after(run, step)
        note(f"run: {run}, from step {step}", quiet=options.quiet)
        return learn_and_report(run, config.method, method, scene, config.train_config, options, start)


def _untrained(run: Path, config: runs.RunConfig, data: Path | None) -> "tuple[Method[Any], Scene]":
    """The method of a run as it was before the first step, and its scene, read again."""
    from rayloom.data.prepare import load_scene
    from rayloom.training.fit import build

    method_class = methods.load(config.method)
    where = f"{run / runs.CONFIG}: method_config"
    method_config = runs.decode(type(method_class.presets["default"]), config.method_config, where)
    scene = load_scene(data or Path(config.data), config.data_config)
    warn(scene.warnings)
    check_frame(scene, config.raw_from_world, run / runs.CONFIG)
    return build(method_class, method_config, config.scene, config.train_config), scene
