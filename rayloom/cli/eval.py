"""`rayloom eval`: compare a trained scene with the photos held out."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.cli.consistency import measure_consistency, print_consistency
from rayloom.cli.memory import pictures_within
from rayloom.cli.opening import Device, open_run, results_folder
from rayloom.cli.options import Word, parse
from rayloom.cli.output import note, print_json
from rayloom.cli.scoring import print_scores, score
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.training.runs import read_config

if TYPE_CHECKING:
    from rayloom.method import Method
    from rayloom.training.agreement import Agreement


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
    against: Path | None = None
    """Also compare with this run or page of the same scene: what is lost where RUN was made from it."""
    memory: float | None = None
    """GB that the process may need at its peak, besides files that it maps."""
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
    data = _data(options)
    method, scene = open_run(options.run, data, options.device, options.memory, of_picture=True)
    pictures_within(method, scene, options.memory, scored=True)
    result = score(
        results_folder(options.run), method, scene, pose_steps=options.pose_steps, quiet=options.quiet
    )
    steady = measure_consistency(method, scene, quiet=options.quiet) if options.rcc else None
    compared = _compared(options, data, method, scene)
    if options.json:
        against = None if compared is None else {"run": str(options.against), **asdict(compared)}
        more = {"rcc": steady, "against": against}
        print_json({**result, **{name: value for name, value in more.items() if value is not None}})
    else:
        print_scores(result)
        print_consistency(steady)
        if compared is not None:
            _print_compared(options, compared)
    return 0


def _print_compared(options: EvalOptions, found: "Agreement") -> None:
    here, there, between = (f"{value:.2f} dB" for value in (found.first, found.second, found.between))
    print(f"{here} where {options.against} has {there}: {found.loss:.2f} dB lost; {between} between both")


def _data(options: EvalOptions) -> Path | None:
    """Where the capture lies: a page does not know, but a run that it is compared with does."""
    runs = [run for run in (options.run, options.against) if run is not None and not run.is_file()]
    return options.data or (Path(read_config(runs[0]).data) if options.against and runs else None)


def _compared(
    options: EvalOptions, data: Path | None, method: "Method[Any]", scene: Scene
) -> "Agreement | None":
    """How the pictures of the other run or page compare; None where none is named."""
    from rayloom.training.agreement import agreement

    if options.against is None:
        return None
    other, _ = open_run(options.against, data, options.device, of_picture=True)
    return agreement(
        method,
        other,
        scene,
        lambda done, total: note(f"comparing view {done} of {total}", quiet=options.quiet),
    )
