"""`rayloom render`: film a trained scene along a camera path, in colour, depth and opacity."""

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.cli.memory import pictures_within
from rayloom.cli.opening import Device, open_page, open_run, results_folder
from rayloom.cli.options import Word, parse
from rayloom.cli.output import note, print_json
from rayloom.cli.picture import is_picture_run, render_picture
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.sweeps.pools import check_workers
from rayloom.training.runs import empty_folder

if TYPE_CHECKING:
    from rayloom.cameras.path_files import CameraPath
    from rayloom.method import Method

FILM = "film.mp4"
MADE_PATHS = ("orbit", "spiral", "interpolate", "still")


def check_path(word: str) -> None:
    """Raise InputError unless the word names a camera path, or could be a file of one."""
    if word not in (*MADE_PATHS, "test") and not word.endswith(".json"):
        known = ", ".join((*MADE_PATHS, "test"))
        raise InputError("--path", f"is {word!r}; expected one of {known}, or a FILE.json")


@dataclass(frozen=True)
class RenderOptions:
    """Options of `rayloom render`."""

    run: Word[Path]
    """Run folder that `rayloom train` wrote, or a page of `rayloom export`."""
    path: str = "orbit"
    """Where the camera goes: orbit, spiral, interpolate (through all photos), still (nowhere, for scenes that
    move), test (the views held out), or a camera path FILE.json of the nerfstudio viewer."""
    time: float | None = None
    """Moment that every frame shows, from 0 to 1, of a capture with times; by default time runs as the camera
    goes."""
    out: Path | None = None
    """New or empty folder for videos and frames, or a new file.mp4 for the colour video, beside which depth
    and opacity go; by default the next free folder RUN/render/PATH/n. Of a run of a single picture, a new or
    empty folder for it, or a new file.png."""
    frames: int = 120
    """Number of frames of orbit, spiral, interpolate and still."""
    fps: float | None = None
    """Frames per second; by default the file's own, else 30."""
    width: int | None = None
    """Width in pixels of orbit, spiral, interpolate and still; by default that of the photos."""
    height: int | None = None
    """Height in pixels, likewise."""
    scale: float = 1.0
    """Divides the resolution."""
    data: Path | None = None
    """Where the capture is now, if it has moved since; a page orbits and follows a FILE.json without."""
    memory: float | None = None
    """GB that the process may need at its peak, besides files that it maps."""
    device: Device = "auto"
    """Where to render; auto takes a GPU if there is one."""
    workers: int = 1
    """How many processes render frames; they share the cores."""
    ray: bool = False
    """Render on Ray: on the cluster of RAY_ADDRESS, which must see the same files, or one of this machine."""
    part: str | None = None
    """K/N: only every N-th frame from the K-th on, into --out, beside those of other parts, and no video."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""

    def __post_init__(self) -> None:
        for name in ("frames", "fps", "width", "height", "scale"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"--{name}", f"is {value}; expected a positive number")
        if self.time is not None and not 0 <= self.time <= 1:
            raise InputError("--time", f"is {self.time}; expected a number from 0 to 1")
        check_path(self.path)
        check_workers(self.workers)
        if self.part is not None and (self.out is None or self.out.suffix == ".mp4"):
            raise InputError("--part", "has no folder for its frames; expected --out FOLDER")
        if self.path not in MADE_PATHS and (self.width or self.height):
            raise InputError("--width, --height", f"do not go with --path {self.path}; expected --scale")


def run(args: list[str]) -> int:
    """Render every frame and make the videos."""
    options = parse(RenderOptions, "render", "Film a trained scene along a camera path.", args)
    file = options.out if options.out is not None and options.out.suffix == ".mp4" else None
    if file is not None and file.exists():
        raise InputError(file, "exists; expected a new file")
    if is_picture_run(options.run):
        return _draw(options)
    method, path = _method_and_path(options)
    if options.part is not None:
        return _render_part(options, method, path)
    path = replace(path, fps=options.fps or path.fps)
    if file is not None:
        with tempfile.TemporaryDirectory() as folder:
            videos = _film_by_workers(options, method, path, Path(folder), file)
    else:
        folder = empty_folder(options.out, results_folder(options.run) / "render" / Path(options.path).stem)
        videos = _film_by_workers(options, method, path, folder, folder / FILM)
    if options.json:
        print_json(
            {"run": str(options.run), "path": options.path, "frames": len(path.cameras), "videos": videos}
        )
    else:
        print("\n".join(videos.values()))
    return 0


def _draw(options: RenderOptions) -> int:
    """Draw the picture that a run has learnt, as large as asked for."""
    folder = results_folder(options.run) / "render" / "picture"
    file = render_picture(
        options.run,
        folder,
        data=options.data,
        device=options.device,
        size=(options.width, options.height),
        scale=options.scale,
        out=options.out,
    )
    if options.json:
        print_json({"run": str(options.run), "picture": str(file)})
    else:
        print(file)
    return 0


def _render_part(options: RenderOptions, method: "Method[Any]", path: "CameraPath") -> int:
    from rayloom.cli.render_parts import numbers_of

    assert options.part is not None, "asked for"
    assert options.out is not None, "checked with the options"
    numbers = numbers_of(options.part, len(path.cameras))
    render_frames(method, path, options.out, numbers, quiet=options.quiet)
    if options.json:
        print_json({"run": str(options.run), "path": options.path, "frames": len(numbers), "videos": {}})
    return 0


def _film_by_workers(
    options: RenderOptions, method: "Method[Any]", path: "CameraPath", folder: Path, file: Path
) -> dict[str, str]:
    """As `film`, which then renders only what the workers have left out."""
    if options.workers > 1 or options.ray:
        from rayloom.cli.render_parts import render_parts

        render_parts(options, folder)
    return film(method, path, folder, file, quiet=options.quiet)


def _method_and_path(options: RenderOptions) -> "tuple[Method[Any], CameraPath]":
    """What is filmed, and along which path; a page can be filmed without its photos."""
    from rayloom.cli.filming import at_time, path_of_page

    size: dict[str, Any] = {"width": options.width, "height": options.height, "scale": options.scale}
    if not options.run.is_file() or options.data is not None:
        method, scene = open_run(options.run, options.data, options.device, options.memory)
        pictures_within(method, scene, options.memory, scored=False)
        path = camera_path(scene, options.path, options.frames, **size)
        return method, path if options.time is None else at_time(path, scene, options.time)
    if options.time is not None:
        raise InputError("--time", "a page stands still; expected a run")

    player = open_page(options.run)
    return player, path_of_page(player.baked.origin, options.path, options.frames, **size)


def camera_path(
    scene: Scene,
    word: str,
    frames: int,
    *,
    width: int | None = None,
    height: int | None = None,
    scale: float = 1.0,
) -> "CameraPath":
    """The path of this name, or in this file; sizes are for made paths, whose frames are so many."""
    from rayloom.cli.filming import held_out_path, made_path, path_from_file

    if word in MADE_PATHS:
        return made_path(scene, word, frames, width=width, height=height, scale=scale)
    if word == "test":
        return held_out_path(scene, scale)
    return path_from_file(scene, Path(word), scale)


def film(
    method: "Method[Any]", path: "CameraPath", folder: Path, file: Path, *, quiet: bool
) -> dict[str, str]:
    """Frames as PNG in `folder`, and videos of them: colour in `file`, the other channels beside it.

    Frames that lie there already are taken as they are. Gives the paths of the videos by channel.
    """
    from rayloom.cli.filming import write_videos

    render_frames(method, path, folder, range(len(path.cameras)), quiet=quiet)
    videos = film_files(file)
    write_videos(folder, videos, path.fps)
    return videos


def render_frames(
    method: "Method[Any]", path: "CameraPath", folder: Path, numbers: Iterable[int], *, quiet: bool
) -> None:
    """Frames as PNG in `folder`, less those that lie there already."""
    from rayloom.cli.filming import depth_bounds, has_frame, write_frame

    device, num_frames = next(method.parameters()).device, len(path.cameras)
    bounds = depth_bounds(method, path.cameras, device)
    for i in numbers:
        if not has_frame(folder, f"{i:04d}"):
            image = method.render_image(path.cameras.image_rays(i).to(device))
            write_frame(image, folder, f"{i:04d}", bounds)
        note(f"frame {i + 1} of {num_frames}", quiet=quiet)


def film_files(file: Path) -> dict[str, str]:
    """The videos of all channels, of which `file` has the colours."""
    others = {channel: str(file.with_stem(f"{file.stem}_{channel}")) for channel in ("depth", "opacity")}
    return {"rgb": str(file)} | others
