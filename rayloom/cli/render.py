"""`rayloom render`: film a trained scene along a camera path, in colour, depth and opacity."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.cli.opening import Device, open_run, results_folder
from rayloom.cli.options import Word, parse
from rayloom.cli.output import note, print_json
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.training.runs import empty_folder

if TYPE_CHECKING:
    from rayloom.cameras.path_files import CameraPath
    from rayloom.method import Method

MADE_PATHS = ("orbit", "spiral", "interpolate")


@dataclass(frozen=True)
class RenderOptions:
    """Options of `rayloom render`."""

    run: Word[Path]
    """Run folder that `rayloom train` wrote, or a page of `rayloom export`."""
    path: str = "orbit"
    """Where the camera goes: orbit, spiral, interpolate (through all photos), test (the views held out), or
    a camera path FILE.json of the nerfstudio viewer."""
    out: Path | None = None
    """New or empty folder for videos and frames, or a new file.mp4 for the colour video, beside which depth
    and opacity go; by default the next free folder RUN/render/PATH/n."""
    frames: int = 120
    """Number of frames of orbit, spiral and interpolate."""
    fps: float | None = None
    """Frames per second; by default the file's own, else 30."""
    width: int | None = None
    """Width in pixels of orbit, spiral and interpolate; by default that of the photos."""
    height: int | None = None
    """Height in pixels, likewise."""
    scale: float = 1.0
    """Divides the resolution."""
    data: Path | None = None
    """Where the capture is now, if it has moved since."""
    device: Device = "auto"
    """Where to render; auto takes a GPU if there is one."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""

    def __post_init__(self) -> None:
        for name in ("frames", "fps", "width", "height", "scale"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"--{name}", f"is {value}; expected a positive number")
        if self.path not in (*MADE_PATHS, "test") and not self.path.endswith(".json"):
            known = ", ".join((*MADE_PATHS, "test"))
            raise InputError("--path", f"is {self.path!r}; expected one of {known}, or a FILE.json")
        if self.path not in MADE_PATHS and (self.width or self.height):
            raise InputError("--width, --height", f"do not go with --path {self.path}; expected --scale")


def run(args: list[str]) -> int:
    """Render every frame and make the videos."""
    options = parse(RenderOptions, "render", "Film a trained scene along a camera path.", args)
    file = options.out if options.out is not None and options.out.suffix == ".mp4" else None
    if file is not None and file.exists():
        raise InputError(file, "exists; expected a new file")
    method, scene = open_run(options.run, options.data, options.device)
    path = _camera_path(options, scene)
    if file is not None:
        with tempfile.TemporaryDirectory() as folder:
            _render(method, path, Path(folder), quiet=options.quiet)
            videos = _write_videos(Path(folder), file, options.fps or path.fps)
    else:
        folder = empty_folder(options.out, results_folder(options.run) / "render" / Path(options.path).stem)
        _render(method, path, folder, quiet=options.quiet)
        videos = _write_videos(folder, folder / "film.mp4", options.fps or path.fps)
    if options.json:
        print_json(
            {"run": str(options.run), "path": options.path, "frames": len(path.cameras), "videos": videos}
        )
    else:
        print("\n".join(videos.values()))
    return 0


def _camera_path(options: RenderOptions, scene: Scene) -> "CameraPath":
    from rayloom.cli.filming import held_out_path, made_path, path_from_file

    if options.path in MADE_PATHS:
        size = {"width": options.width, "height": options.height}
        return made_path(scene, options.path, options.frames, **size, scale=options.scale)
    if options.path == "test":
        return held_out_path(scene, options.scale)
    return path_from_file(scene, Path(options.path), options.scale)


def _render(method: "Method[Any]", path: "CameraPath", folder: Path, *, quiet: bool) -> None:
    from rayloom.cli.filming import depth_bounds, write_frame

    device = next(method.parameters()).device
    bounds = depth_bounds(method, path.cameras, device)
    num_frames = len(path.cameras)
    for i in range(num_frames):
        image = method.render_image(path.cameras.image_rays(i).to(device))
        write_frame(image, folder, f"{i:04d}", bounds)
        note(f"frame {i + 1} of {num_frames}", quiet=quiet)


def _write_videos(folder: Path, file: Path, fps: float) -> dict[str, str]:
    """Colour into `file`, the other channels beside it; the paths by channel."""
    from rayloom.cli.filming import CHANNELS, read_frames
    from rayloom.export.video import write_video

    videos = {}
    for channel in CHANNELS:
        video = file if channel == "rgb" else file.with_stem(f"{file.stem}_{channel}")
        write_video(read_frames(folder, channel), video, fps)
        videos[channel] = str(video)
    return videos
