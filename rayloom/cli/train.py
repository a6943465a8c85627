"""`rayloom train`: learn a scene from photos."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, fields, make_dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom import __version__, methods
from rayloom.cli.memory import built_within, keep_estimate
from rayloom.cli.options import Flat, parse
from rayloom.cli.output import note, print_json, warn
from rayloom.cli.picture import check_method
from rayloom.cli.process import capture_of
from rayloom.cli.scoring import held_out_psnr, print_scores, score
from rayloom.cli.view import watched
from rayloom.data.scene import DataConfig, Scene
from rayloom.errors import InputError
from rayloom.paper import MethodConfig
from rayloom.training.budget import within_share
from rayloom.training.config import TrainConfig
from rayloom.training.memory import peak_memory_mb
from rayloom.training.records import Outcome, Record
from rayloom.training.runs import RunConfig, package_versions

if TYPE_CHECKING:
    from rayloom.method import Method

DEFAULT_METHOD = "loom"


@dataclass(frozen=True)
class Shown:
    """What is shown of a training, begun or resumed."""

    no_eval: bool = False
    """Leave out the evaluation on held-out views at the end."""
    view: bool = False
    """Show the scene in a browser while it is learnt; somebody who looks takes up to a tenth of the time."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Shown):
    """Options of `rayloom train` besides those of the method."""

    data: Path
    """Folder or file of the capture; or bare photos or a video, whose cameras are estimated first; or a
    single picture, for the methods that learn one."""
    out: Path | None = None
    """Run folder, new or empty; by default the next free outputs/<capture>/<method>/<n>."""
    train: Flat[TrainConfig] = field(default_factory=TrainConfig)
    data_config: Flat[DataConfig] = field(default_factory=DataConfig)


def run(args: list[str]) -> int:
    """Train the chosen method, keep it in a run folder and say how good it is; or go on with such a run."""
    from rayloom.training.interrupts import sigterm_exits

    with sigterm_exits(), _with_others():
        if any(word.partition("=")[0] == "--resume" for word in args):
            from rayloom.cli.resuming import resume

            return resume(args)
        return _begin(args)


def _with_others() -> AbstractContextManager[None]:
    """With the other processes, if torchrun started this one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return nullcontext()
    # Where one process fails, torch would tell of each socket that the others lose.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from rayloom.training.distributed import joined

    return joined()


def _begin(args: list[str]) -> int:
    return train_method(*parsed(args))


def parsed(args: list[str]) -> tuple[str, str, TrainOptions, MethodConfig]:
    """Name, preset, options and settings of the method that are meant; raises or exits as `parse`."""
    word, rest = split_method(args)
    name, preset = split_preset(word or DEFAULT_METHOD)
    summary = methods.describe(name)
    if preset not in summary.presets:
        raise InputError(
            f"preset {preset!r}", f"{name} has none of this name; expected {', '.join(summary.presets)}"
        )
    _check_names(summary)
    method_field = ("method", Flat[summary.config_class], field(default=summary.presets[preset]))
    kind = make_dataclass("Options", [method_field], bases=(TrainOptions,), frozen=True)
    options = parse(kind, f"train {word or '[METHOD[@PRESET]]'}", _description(summary), rest)
    return name, preset, options, options.method


def split_method(args: list[str]) -> tuple[str | None, list[str]]:
    """The word that names the method, wherever it stands, and the other arguments.

    It is the first word that is not the value of an option.
    """
    is_value = False
    for i, word in enumerate(args):
        if not word.startswith("-") and not is_value:
            return word, args[:i] + args[i + 1 :]
        is_value = word.startswith("--") and "=" not in word and word.replace("_", "-") not in _SWITCHES
    return None, args


def split_preset(word: str) -> tuple[str, str]:
    """Method and preset of `METHOD`, `METHOD@PRESET`, `FILE.py` or `FILE.py@PRESET`; files by full path."""
    name, preset = (word, "default") if methods.is_file(word) or "@" not in word else word.rsplit("@", 1)
    return str(Path(name).resolve()) if methods.is_file(name) else name, preset


def _description(summary: methods.MethodSummary) -> str:
    return (
        f"{Path(summary.name).stem}: {summary.paper.title} ({summary.paper.year}).\n\n"
        f"Presets: {', '.join(summary.presets)}. Methods: {', '.join(methods.names())}, "
        f"or the path of a FILE.py; without a word, {DEFAULT_METHOD}. "
        "rayloom train --resume RUN goes on with a run that was interrupted."
    )


def _option_names(kind: Any) -> set[str]:  # noqa: ANN401
    return {f"--{item.name.replace('_', '-')}" for item in fields(kind)}


_COMMON = {"--resume"} | _option_names(TrainOptions) | _option_names(TrainConfig) | _option_names(DataConfig)
_SWITCHES = {"--help"} | {
    f"--{item.name.replace('_', '-')}"
    for kind in (TrainOptions, TrainConfig, DataConfig)
    for item in fields(kind)
    if item.type is bool
}


def _check_names(summary: methods.MethodSummary) -> None:
    """Raise InputError if a setting of the method has the name of an option that every method has."""
    taken = sorted(_option_names(summary.config_class) & _COMMON)
    if taken:
        raise InputError(
            summary.name, f"its settings {', '.join(taken)} are options of `rayloom train` already"
        )


def train_method(name: str, preset: str, options: TrainOptions, values: MethodConfig) -> int:
    """The exit code of training a method in a new run, and of scoring it."""
    from rayloom.data.prepare import load_scene
    from rayloom.training import runs
    from rayloom.training.distributed import leads, shared
    from rayloom.training.fit import build
    from rayloom.training.locking import locked

    if options.out is not None and leads():
        runs.refuse_used(options.out)
    capture = _capture(options)
    if capture == options.data:
        parent = runs.default_parent(options.data, name)
    else:
        parent = capture.parent / Path(name).stem
        options = replace(options, data=capture)
    scene = load_scene(options.data, within_share(options.data_config, options.train.memory))
    warn(scene.warnings)
    check_method(name, options.data, scene)
    method_class = methods.load(name)
    # The parsed record holds the right values, but only the loaded class has the functions.
    config = type(method_class.presets[preset])(
        **{item.name: getattr(values, item.name) for item in fields(values)}
    )
    make, scale = partial(build, method_class, config, scene.info, options.train), options.data_config.scale
    method, scene, estimate = built_within(make, scene, options.train, options, scale=scale)
    run = Path(shared(str(runs.empty_folder(options.out, parent)) if leads() else None))
    note(f"run: {run}", quiet=options.quiet)
    with locked(run) if leads() else nullcontext():
        if leads():
            runs.write_config(run, _run_config(name, preset, config, options, scene))
            keep_estimate(run, estimate, options.train.memory)
        return learn_and_report(run, name, method, scene, options.train, options)


def _capture(options: TrainOptions) -> Path:
    """The capture, made of bare photos or a video if need be; several processes do not make one."""
    from rayloom.kernels.processes import num_processes
    from rayloom.sfm.sources import is_bare

    if num_processes() > 1 and is_bare(options.data):
        raise InputError(options.data, "has no cameras; expected those of `rayloom process` under torchrun")
    return capture_of(options.data, quiet=options.quiet)


def learn_and_report(
    run: Path,
    name: str,
    method: "Method[Any]",
    scene: Scene,
    config: TrainConfig,
    options: Shown,
    start: Any = None,  # noqa: ANN401
) -> int:
    """The exit code after training, from the state of a checkpoint if there is a `start`, and scoring."""
    from rayloom.training import runs
    from rayloom.training.checkpoints import Checkpoints
    from rayloom.training.distributed import leads
    from rayloom.training.fit import fit
    from rayloom.training.interrupts import Interrupted
    from rayloom.training.progress import ProgressDisplay
    from rayloom.training.weights import save_weights

    checkpoints = Checkpoints(run, config.keep_checkpoints)
    try:
        with (
            watched(options.view and leads(), method, scene, run, quiet=options.quiet) as seen,
            ProgressDisplay(quiet=options.quiet) as display,
        ):

            def on_record(record: Record) -> None:
                runs.append_record(run, record)
                display.update(record)

            listen, look = seen(on_record), partial(held_out_psnr, method, scene)
            outcome = fit(method, scene, config, listen, look, checkpoints, start)
    except Interrupted as stop:
        note(f"{run}: ended in the middle of a step; --resume goes on from the last checkpoint")
        return 128 + stop.signal
    if leads():
        save_weights(run, method)
    scored = leads() and not (options.no_eval or outcome.interrupted)
    result = score(run, method, scene, quiet=options.quiet) if scored else None
    _report(run, name, outcome, result, json=options.json)
    return 128 + outcome.signal if outcome.interrupted else 0


def _run_config(
    name: str, preset: str, config: MethodConfig, options: TrainOptions, scene: Scene
) -> RunConfig:
    return RunConfig(
        version=__version__,
        method=name,
        preset=preset,
        method_config=asdict(config),
        data=str(options.data.resolve()),
        data_config=options.data_config,
        train_config=options.train,
        scene=scene.info,
        raw_from_world=tuple(map(tuple, scene.raw_from_world.tolist())),
        packages=package_versions(),
    )


def _report(run: Path, name: str, outcome: Outcome, result: Any, *, json: bool) -> None:  # noqa: ANN401
    if json:
        took = {key: value for key, value in asdict(outcome).items() if key not in ("interrupted", "signal")}
        memory = {"peak_memory_mb": peak_memory_mb()}
        print_json({"run": str(run), "method": name} | took | memory | {"eval": result})
        return
    print(f"{run}: {outcome.steps} steps in {outcome.seconds:.1f} s")
    if result is not None:
        print_scores(result)
