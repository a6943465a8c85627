"""`rayloom inspect`: what is understood of a capture, before anything is trained."""

from dataclasses import dataclass, field
from pathlib import Path

from rayloom.cli.options import Flat, Word, parse
from rayloom.cli.output import note, print_json, warn
from rayloom.data.scene import DataConfig


@dataclass(frozen=True)
class InspectOptions:
    """Options of `rayloom inspect`."""

    data: Word[Path]
    """Folder or file of the capture."""
    plot: Path | None = None
    """Write a picture of the cameras and the scene box to this PNG."""
    json: bool = False
    """Print JSON on stdout."""
    data_config: Flat[DataConfig] = field(default_factory=DataConfig)


def run(args: list[str]) -> int:
    """Read a capture and say what was found."""
    options = parse(InspectOptions, "inspect", "Say what is understood of a folder of photos.", args)
    from rayloom.data.inspection import describe_scene, inspect_scene, plot_scene
    from rayloom.data.prepare import load_scene

    scene = load_scene(options.data, options.data_config)
    if options.json:
        print_json(inspect_scene(scene))
    else:
        print("\n".join(describe_scene(scene)))
    if options.json:
        warn(scene.warnings)
    if options.plot is not None:
        plot_scene(scene, options.plot)
        note(f"picture: {options.plot}")
    return 0
