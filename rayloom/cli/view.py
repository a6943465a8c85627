"""`rayloom view`: walk through a trained scene, or through what was understood of a capture, in a browser."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rayloom.cli.opening import Device, open_run, results_folder
from rayloom.cli.options import Flat, Word, parse
from rayloom.cli.output import note, warn
from rayloom.cli.render import FILM, film_files
from rayloom.data.scene import DataConfig, Scene
from rayloom.errors import InputError
from rayloom.training.runs import CONFIG, empty_folder

if TYPE_CHECKING:
    from rayloom.cameras.path_files import CameraPath
    from rayloom.method import Method
    from rayloom.viewing.looking import Looker
    from rayloom.viewing.path_panel import Film

PORT = 7007

T = TypeVar("T")


@dataclass(frozen=True)
class ViewOptions:
    """Options of `rayloom view`."""

    path: Word[Path]
    """Run folder that `rayloom train` wrote, a page of `rayloom export`, or folder or file of a capture."""
    host: str | None = None
    """Address to serve others at, 0.0.0.0 for all of this machine's; they need the token that is printed.
    By default this machine only."""
    port: int = PORT
    """Port to serve at; 0 takes any that is free."""
    out: Path | None = None
    """Folder for camera paths and videos; by default that of the run, or this folder for a capture."""
    data: Path | None = None
    """Where the capture of a run is now, if it has moved since."""
    device: Device = "auto"
    """Where to render; auto takes a GPU if there is one."""
    quiet: bool = False
    """Print nothing but the address."""
    data_config: Flat[DataConfig] = field(default_factory=DataConfig)


def run(args: list[str]) -> int:
    """Serve until Ctrl-C."""
    options = parse(ViewOptions, "view", "Walk through a scene in a browser.", args)
    if not options.path.exists():
        raise InputError(options.path, "does not exist; expected a run folder, a page or a capture")
    return _view_run(options) if is_trained(options.path) else _view_capture(options)


def is_trained(path: Path) -> bool:
    """Whether something is a run or a page, and no capture."""
    return path.suffix == ".html" or (path / CONFIG).is_file()


@contextmanager
def watched(
    wanted: bool, method: "Method[Any]", scene: Scene, run: Path, *, port: int = PORT, quiet: bool
) -> Iterator[Callable[[Callable[[T], None]], Callable[[T], None]]]:
    """Show a method while it trains, if wanted; yields what adds this to a listener to the training."""
    if not wanted:
        yield lambda listener: listener
        return
    from rayloom.viewing.looking import Looker
    from rayloom.viewing.path_panel import PathPlace
    from rayloom.viewing.turns import BetweenSteps
    from rayloom.viewing.viewer import Viewer

    turns = BetweenSteps()
    looker = Looker(method, turns)
    place = PathPlace(run / "paths", film_in(run, looker))
    viewer = Viewer(scene, looker, place, port=port, title=f"rayloom: {run.name}", changing=True)
    note(f"view: {viewer.url}", quiet=quiet)

    def seen(listener: Callable[[T], None]) -> Callable[[T], None]:
        def listen(record: T) -> None:
            listener(record)
            turns.give()

        return listen

    try:
        yield seen
    finally:
        viewer.close()


def film_in(folder: Path, looker: "Looker") -> "Film":
    """Films paths for a viewer, as `rayloom render` does, into the next free `<folder>/render/<name>/<n>`."""
    from rayloom.cli.filming import depth_bounds, write_frame, write_videos

    def film(
        path: "CameraPath", name: str, tell: Callable[[int, int], None], stopped: Callable[[], bool]
    ) -> Path:
        try:
            out = empty_folder(None, folder / "render" / name)
        except OSError as error:
            raise InputError(
                folder, f"cannot be written ({error.strerror}); expected a free folder"
            ) from error
        bounds = looker.exclusively(lambda: depth_bounds(looker.method, path.cameras, looker.device))
        for i in range(len(path.cameras)):
            image = looker.look(path.cameras.image_rays(i), stopped)
            write_frame(image, out, f"{i:04d}", bounds)
            tell(i + 1, len(path.cameras))
        write_videos(out, film_files(out / FILM), path.fps)
        return out / FILM

    return film


def _view_run(options: ViewOptions) -> int:
    method, scene = open_run(options.path, options.data, options.device)
    from rayloom.data.batches import scene_cameras
    from rayloom.viewing.looking import Looker
    from rayloom.viewing.turns import OwnThread

    looker = Looker(method, OwnThread())
    # Kernels are compiled now, and not while somebody waits for a first picture.
    looker.look(scene_cameras(scene)[:1].image_rays(0).map(lambda tensor: tensor[::16, ::16]))
    return _serve(options, scene, looker, options.out or results_folder(options.path))


def _view_capture(options: ViewOptions) -> int:
    from rayloom.data.prepare import load_scene

    scene = load_scene(options.path, options.data_config)
    warn(scene.warnings)
    return _serve(options, scene, None, options.out or Path())


def _serve(options: ViewOptions, scene: Scene, looker: "Looker | None", folder: Path) -> int:
    from rayloom.viewing.path_panel import PathPlace
    from rayloom.viewing.viewer import Viewer

    place = PathPlace(folder / "paths", None if looker is None else film_in(folder, looker))
    title = f"rayloom: {options.path.resolve().name}"
    viewer = Viewer(scene, looker, place, host=options.host, port=options.port, title=title)
    try:
        print(viewer.url, flush=True)
        note("open this address in a browser; Ctrl-C ends", quiet=options.quiet)
        threading.Event().wait()
    except KeyboardInterrupt:
        note("closed", quiet=options.quiet)
    finally:
        viewer.close()
    return 0
