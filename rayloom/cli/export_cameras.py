"""`rayloom export RUN cameras`: photos and poses for other tools."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rayloom.cli.export import ExportOptions, FrameName
from rayloom.cli.opening import open_run
from rayloom.cli.options import parse
from rayloom.cli.output import note, print_json
from rayloom.training.runs import read_config, refuse_used

WRITERS = {"transforms": "transforms", "colmap": "colmap-binary", "colmap-text": "colmap-text"}
"""The writer of each format."""


@dataclass(frozen=True)
class CameraOptions(ExportOptions):
    """Options of `rayloom export RUN cameras`; --out is a new or empty folder, by default RUN/cameras."""

    format: Literal["transforms", "colmap", "colmap-text"] = "transforms"
    """transforms.json as nerfstudio reads it, or a COLMAP model, binary or text; photos come along."""
    frame: FrameName = "input"
    """Frame and units: those of the capture's files, or those of training, z up and about one unit large."""

    def __post_init__(self) -> None:
        refuse_used(self.folder)

    @property
    def folder(self) -> Path:
        """The folder to write."""
        return self.out or self.run / "cameras"


def run(args: list[str]) -> int:
    """Write the capture with the poses that the run ended with."""
    options = parse(CameraOptions, "export RUN cameras", "Photos with poses for other tools.", args)
    config = read_config(options.run)
    method, scene = open_run(options.run, options.data, options.device)
    from rayloom.data.formats.detect import read_capture
    from rayloom.export.camera_files import camera_capture, write_cameras

    capture = read_capture(options.data or Path(config.data), config.data_config)
    capture = camera_capture(method, scene, capture, raw=options.frame == "input")
    note(f"writing {len(capture.frames)} photos and their cameras", quiet=options.quiet)
    write_cameras(capture, options.folder, WRITERS[options.format])
    learned = method.learned_cameras() is not None
    if options.json:
        result = {"folder": str(options.folder), "format": options.format, "frame": options.frame}
        print_json(result | {"cameras": len(capture.frames), "learned": learned})
    else:
        poses = "training poses as learned" if learned else "poses as given"
        print(f"{options.folder}: {len(capture.frames)} cameras, {poses}")
    return 0
