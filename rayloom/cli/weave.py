"""`rayloom weave`: from photos to a trained scene, its scores, a web page, a film and a page about them."""

import io
import json
import shutil
import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom import methods
from rayloom.cli.baking import bake_run
from rayloom.cli.memory import pictures_within
from rayloom.cli.opening import open_page, open_run, results_folder
from rayloom.cli.options import Flat, Word, parse
from rayloom.cli.output import note, print_json
from rayloom.cli.process import find_cameras, in_words
from rayloom.cli.render import FILM, camera_path, check_path, film, film_files
from rayloom.cli.scoring import print_scores, score
from rayloom.cli.weave_page import Woven, page
from rayloom.data.formats.json_files import read_json
from rayloom.data.scene import DataConfig, Scene
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sfm.config import ProcessConfig
from rayloom.training import runs
from rayloom.training.config import TrainConfig
from rayloom.training.interrupts import sigterm_exits

if TYPE_CHECKING:
    from rayloom.cameras.path_files import CameraPath
    from rayloom.method import Method
    from rayloom.sfm.report import Report
    from rayloom.training.evaluate import EvalResult

METHOD, PRESET = "loom", "default"
SETTINGS, INDEX = "weave.json", "index.html"
CAPTURE, RUN, PAGE, FILM_FOLDER = "process", "run", "scene.html", "film"
FILM_SIDE = 960
"""Pixels of a film's longer side at most: that of large photos would take hours and fit no screen."""


@dataclass(frozen=True)
class WeaveOptions:
    """Options of `rayloom weave`."""

    photos: Word[Path]
    """Folder of photos, or a video; or a capture, whose cameras are known."""
    out: Path
    """New or empty folder for everything, or one in which an interrupted weave left its work."""
    path: str | None = None
    """Where the camera of the film goes: orbit, spiral, interpolate, still, test, or a camera path FILE.json;
    by default orbit, and spiral where all photos look one way."""
    frames: int = 120
    """Of the film, where its path is no file."""
    max_mb: float | None = None
    """Size of the web page at most, in megabytes; by default 15 for an object and 40 for other scenes."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""
    train: Flat[TrainConfig] = field(default_factory=TrainConfig)
    data_config: Flat[DataConfig] = field(default_factory=DataConfig)

    def __post_init__(self) -> None:
        if self.path is not None:
            check_path(self.path)
            if self.path.endswith(".json") and not Path(self.path).is_file():
                raise InputError("--path", f"is {self.path}; expected a file that is there")
        if self.frames < 1:
            raise InputError("--frames", f"is {self.frames}; expected a positive number")
        if self.max_mb is not None and not 0 < self.max_mb < float("inf"):
            raise InputError("--max-mb", f"is {self.max_mb}; expected a positive number")

    def settings(self) -> dict[str, Any]:
        """What the content of the folder comes from, as plain values."""
        own = {"photos": str(self.photos.resolve()), "path": self.path, "frames": self.frames}
        return own | {"max_mb": self.max_mb, "train": asdict(self.train), "data": asdict(self.data_config)}


def run(args: list[str]) -> int:
    """Do what is not done yet, stage after stage, and write the page about it."""
    about = "From photos to a trained scene, its scores, a web page, a film, and a page about all of them."
    options = parse(WeaveOptions, "weave", about, args)
    _check_folder(options)
    with sigterm_exits():
        return _weave(options)


def _weave(options: WeaveOptions) -> int:
    """The exit code of all stages together."""
    capture, report = _capture(options)
    if ended := _learn(options, capture):
        note("interrupted; the same command goes on", quiet=options.quiet)
        return ended
    method, scene = open_run(options.out / RUN, capture, options.train.device, options.train.memory)
    pictures_within(method, scene, options.train.memory, scored=True)
    result = _scored(options, method, scene)
    baked = _baked(options, method, scene)
    videos = _filmed(options, method, scene)
    woven = _woven(options, scene, report, result, baked, videos)
    with whole_file(options.out / INDEX) as part:
        # Names of files may hold bytes that are no text.
        part.write_text(page(woven), encoding="utf-8", errors="replace")
    _report(options, woven, videos)
    return 0


def _check_folder(options: WeaveOptions) -> None:
    """Raise InputError unless the folder is free, or holds this very weave."""
    path = options.out / SETTINGS
    if not path.is_file():
        runs.refuse_used(options.out)
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(path, f"is damaged ({error}); expected a new folder") from error
    for name, value in options.settings().items():
        known = before.get(name) if isinstance(before, dict) else None
        if known != value:
            found = f"{path.name} says {name} = {json.dumps(known)}, not {json.dumps(value)}"
            raise InputError(options.out, f"{found}; expected the same photos and options, or a new folder")


def _begin(options: WeaveOptions) -> None:
    """Mark the folder as this weave's."""
    if not (options.out / SETTINGS).is_file():
        with whole_file(options.out / SETTINGS) as part:
            part.write_text(json.dumps(options.settings(), indent=2) + "\n")


def _capture(options: WeaveOptions) -> "tuple[Path, Report | None]":
    """The capture; where it had to be made from bare photos, with the report on their cameras."""
    from rayloom.data.formats.detect import read_capture
    from rayloom.sfm.sources import is_bare

    if not is_bare(options.photos):
        # What is wrong with it is told before anything is written.
        read_capture(options.photos, options.data_config)
        _begin(options)
        return options.photos, None
    _begin(options)
    note("cameras: looking for them", quiet=options.quiet)
    report = find_cameras(options.photos, options.out / CAPTURE, ProcessConfig(), quiet=options.quiet)
    note(in_words(report), quiet=options.quiet)
    return options.out / CAPTURE, report


def _learn(options: WeaveOptions, capture: Path) -> int:
    """The exit code of the training: begun, gone on with from its last checkpoint, or done before."""
    from rayloom.cli.resuming import resume
    from rayloom.cli.train import TrainOptions, train_method
    from rayloom.training.checkpoints import Checkpoints
    from rayloom.training.locking import locked

    folder, quiet = options.out / RUN, options.quiet
    if _has_learnt(folder):
        note(f"training: done before, {folder}", quiet=quiet)
        return 0
    note(f"training: {METHOD}", quiet=quiet)
    # What these commands print as their results is progress here.
    with redirect_stdout(io.StringIO() if quiet else sys.stderr):
        if Checkpoints(folder, keep=1).steps():
            words = ["--resume", str(folder), "--data", str(capture), "--no-eval"]
            return resume([*words, *(["--quiet"] if quiet else [])])
        if folder.exists():
            with locked(folder):
                shutil.rmtree(folder)
        chosen = TrainOptions(
            data=capture,
            out=folder,
            no_eval=True,
            quiet=quiet,
            train=options.train,
            data_config=options.data_config,
        )
        return train_method(METHOD, PRESET, chosen, methods.describe(METHOD).presets[PRESET])


def _has_learnt(run: Path) -> bool:
    """Whether a training in this folder came to its end."""
    records = runs.read_records(run) if (run / runs.WEIGHTS).is_file() else []
    return bool(records) and records[-1].fraction >= 1


def _scored(options: WeaveOptions, method: "Method[Any]", scene: Scene) -> "EvalResult":
    """The scores on held-out views, measured now or before."""
    done = options.out / RUN / runs.EVALUATION / "eval.json"
    if done.is_file():
        note(f"scores: measured before, {done}", quiet=options.quiet)
        return _read_scores(done)
    note("scores: comparing held-out views with their photos", quiet=options.quiet)
    return score(options.out / RUN, method, scene, quiet=options.quiet)


def _baked(options: WeaveOptions, method: "Method[Any]", scene: Scene) -> "EvalResult":
    """Scores of the web page, which is baked now or was before, on a few held-out views."""
    from rayloom.training.evaluate import evaluate

    file = options.out / PAGE
    if file.is_file():
        note(f"web page: baked before, {file}", quiet=options.quiet)
    else:
        note("web page: baking", quiet=options.quiet)
        bake_run(options.out / RUN, method, scene, file, max_mb=options.max_mb, quiet=options.quiet)
    scores = results_folder(file) / runs.EVALUATION
    if (scores / "eval.json").is_file():
        return _read_scores(scores / "eval.json")
    note("web page: comparing it with the field", quiet=options.quiet)
    return evaluate(open_page(file), scene, out=scores, quick=True)


def _read_scores(path: Path) -> "EvalResult":
    """What an evaluation found before; raises InputError for another file."""
    from rayloom.training.evaluate import EvalResult

    return read_json(path, EvalResult)


def _filmed(options: WeaveOptions, method: "Method[Any]", scene: Scene) -> dict[str, str]:
    """The videos, made now or before."""
    folder = options.out / FILM_FOLDER
    videos = film_files(folder / FILM)
    if all(Path(video).is_file() for video in videos.values()):
        note(f"film: made before, {folder}", quiet=options.quiet)
        return videos
    note("film: rendering", quiet=options.quiet)
    return film(method, _film_path(options, scene), folder, folder / FILM, quiet=options.quiet)


def _film_path(options: WeaveOptions, scene: Scene) -> "CameraPath":
    word = options.path or ("spiral" if scene.info.kind == "forward-facing" else "orbit")
    longest = max(max(camera.width, camera.height) for camera in scene.intrinsics)
    return camera_path(scene, word, options.frames, scale=max(1.0, longest / FILM_SIDE))


def _woven(
    options: WeaveOptions,
    scene: Scene,
    report: "Report | None",
    result: "EvalResult",
    baked: "EvalResult",
    videos: dict[str, str],
) -> Woven:
    """All of it, for the page."""
    run = options.out / RUN
    last = runs.read_records(run)[-1]
    return Woven(
        folder=options.out,
        title=scene.root.absolute().name if report is None else options.photos.resolve().stem,
        kind=scene.info.kind,
        num_photos=len(scene.names),
        cameras=f"known, in the format {scene.format}" if report is None else in_words(report),
        warnings=scene.warnings,
        training=f"{METHOD}, {last.step} steps in {last.seconds:.0f} s",
        run=run,
        page=options.out / PAGE,
        videos=[Path(video) for video in videos.values()],
        report=None if report is None else options.out / CAPTURE / "report.html",
        result=result,
        baked=baked,
    )


def _report(options: WeaveOptions, woven: Woven, videos: dict[str, str]) -> None:
    index = options.out / INDEX
    if not options.json:
        print_scores(woven.result)
        print(index)
        return
    made = {"index": str(index), "run": str(options.out / RUN), "page": str(options.out / PAGE)}
    print_json(made | {"psnr": woven.baked_psnr(), "videos": videos, "eval": woven.result})
