"""`rayloom bench`: how fast the engine is on this machine, beside what the machine allows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.bench.rows import COLUMNS, Report
from rayloom.claims.runner import device_description
from rayloom.cli.opening import Device
from rayloom.cli.options import Flat, Word, parse
from rayloom.cli.output import note, print_json, warn
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.files import check_writable, whole_file

if TYPE_CHECKING:
    import torch

    from rayloom.bench.timing import Effort
    from rayloom.data.scene import Scene
    from rayloom.data.synthetic import SyntheticCapture

WORDS = {
    "kernels": "the limits of the machine, and every kernel beside its own",
    "train": "the fused training step beside other forms, quality over time, and scaling",
    "render": "pictures in one kernel and composed",
    "share": "a scene baked into a web page beside its field",
    "patience": "what so short a training lacks beside a long one",
}
USUAL = ("kernels", "train", "render", "share")


@dataclass(frozen=True)
class BenchOptions:
    """Options of `rayloom bench`."""

    words: Word[tuple[str, ...]] = ()
    """What to measure: kernels, train, render, share, patience; all but patience where none is named."""
    data: Path | None = None
    """Capture to train on; by default photos of an invented object."""
    seconds: float = 30.0
    """Training time, for all but kernels."""
    long_seconds: float = 900.0
    """Training time that patience compares with."""
    out: Path = Path("outputs/bench")
    """Folder for bench-WORD-DEVICE.json and plots; what an earlier bench wrote there is replaced. Those of
    share and patience have the name of the capture too."""
    device: Device = "auto"
    """Where to measure; auto takes a GPU if there is one."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""
    data_config: Flat[DataConfig] = field(default_factory=DataConfig)

    def __post_init__(self) -> None:
        for word in self.words:
            if word not in WORDS:
                raise InputError(f"bench {word!r}", f"unknown; expected one of {', '.join(WORDS)}")
        for name, seconds in (("--seconds", self.seconds), ("--long-seconds", self.long_seconds)):
            if not 0 < seconds < float("inf"):
                raise InputError(name, f"is {seconds}; expected a positive time")


def run(args: list[str]) -> int:
    """Measure, keep figures and plots, and print them."""
    about = "Measure the engine beside the limits of this machine.\n\n"
    about += "\n".join(f"{word}: {what}." for word, what in WORDS.items())
    options = parse(BenchOptions, "bench", about, args)
    check_writable(options.out)
    from rayloom.bench.charts import draw_report
    from rayloom.bench.timing import Effort
    from rayloom.training.fit import choose_device

    device = choose_device(options.device)
    machine = machine_facts(device)
    found: dict[str, Any] = {}
    for report in measure(options, device, Effort()):
        found[report.word] = report.as_json(machine)
        with whole_file(options.out / f"bench-{report.word}-{device.type}.json") as part:
            part.write_text(json.dumps(found[report.word], indent=1, allow_nan=False) + "\n")
        draw_report(report, options.out, device.type)
        if not options.json:
            print_report(report)
    note(f"figures and plots: {options.out}", quiet=options.quiet)
    if options.json:
        print_json(found)
    return 0


def measure(options: BenchOptions, device: "torch.device", effort: "Effort") -> Iterator[Report]:
    """The reports that were asked for, each as soon as it is there; all share one trained field."""
    words = options.words or USUAL
    if "kernels" in words:
        from rayloom.bench.kernels import measure_kernels

        note("measuring the limits of the machine and every kernel", quiet=options.quiet)
        yield measure_kernels(device, effort)
    if set(words) <= {"kernels"}:
        return
    from rayloom.bench.frames import measure_rendering
    from rayloom.bench.training import measure_training, train_field

    scene, made = open_scene(options)
    if "patience" in words and not (scene.indices("test") or scene.indices("val")):
        raise InputError(scene.root, "holds no view out; expected one for patience to judge by")
    note(f"training for {options.seconds:g} s", quiet=options.quiet)
    trained = train_field(scene, options.seconds, device)
    if "train" in words:
        note("measuring forms of the training step, start-up and scaling", quiet=options.quiet)
        yield measure_training(trained, effort)
    if "render" in words:
        note("measuring pictures", quiet=options.quiet)
        yield measure_rendering(trained.method, scene, effort)
    if "share" in words:
        from rayloom.bench.sharing import measure_sharing

        note("baking a web page and measuring it", quiet=options.quiet)
        yield measure_sharing(trained.method, scene, options.data_config, effort, device, made)
    if "patience" in words:
        from rayloom.bench.patience import measure_patience

        note(f"training for {options.long_seconds:g} s", quiet=options.quiet)
        yield measure_patience(trained, options.long_seconds, effort)


def open_scene(options: BenchOptions) -> "tuple[Scene, SyntheticCapture | None]":
    """The capture that was named, else photos of an invented object, and the truth about that."""
    if options.data is not None:
        from rayloom.data.prepare import load_scene

        scene = load_scene(options.data, options.data_config)
        warn(scene.warnings)
        return scene, None
    from rayloom.data.prepare import prepare_scene
    from rayloom.data.synthetic import Dome, make_capture, object_world

    made = make_capture(object_world(0), Dome(), num_views=60, size=200)
    return prepare_scene(made.capture, options.data_config), made


def machine_facts(device: "torch.device") -> dict[str, Any]:
    """What figures depend on besides the code."""
    import torch

    from rayloom.bench.limits import probes_run
    from rayloom.kernels.threads import num_threads

    lanes = None
    if probes_run(device):
        from rayloom.kernels.numba.jit import host_lanes

        lanes = host_lanes()
    return {
        "cpu": device_description(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "device": device.type,
        "threads": num_threads(),
        "float32_lanes": lanes,
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }


def print_report(report: Report) -> None:
    """The rows as a table, and the slopes of the curves."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    # A pipe has no width of its own; rows should not be cut to that of a narrow window.
    console.width = console.width if console.is_terminal else 160
    table = Table(title=f"rayloom bench {report.word}", title_justify="left")
    for name in COLUMNS:
        table.add_column(name)
    for row in report.rows:
        table.add_row(*row.cells(), style="red" if row.met is False else None)
    console.print(table)
    for curve in report.curves:
        slope = "" if curve.slope is None else f"; slope {curve.slope:.2f} in log-log"
        points = ", ".join(f"{y:.4g} at {x:.4g}" for x, y in curve.points)
        console.print(f"{curve.y_label} over {curve.x_label}: {points}{slope}")
