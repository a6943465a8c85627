"""A run folder: what was trained, on what, with which settings; plain JSON that needs no torch."""

import dataclasses
import importlib.metadata
import json
import logging
import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from rayloom import __version__
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.scene_info import SceneInfo
from rayloom.training import durable
from rayloom.training.config import TrainConfig
from rayloom.training.records import Record

CONFIG, WEIGHTS, METRICS, EVALUATION = "config.json", "weights.safetensors", "metrics.jsonl", "eval"
_LATER_SETTINGS = {"checkpoint_every": 0.0, "keep_checkpoints": 2, "deterministic": False, "memory": None}
"""Of training, which runs from before there were checkpoints do not have."""

_LATER_FACTS = {"num_labels": 0}
"""Of scenes, which runs from before there were labels do not have."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunConfig:
    """Everything that a trained model is rebuilt from, less its weights."""

    version: str
    """Of rayloom."""
    method: str
    """Name, or path of the file that defines it."""
    preset: str
    method_config: dict[str, Any]
    data: str
    """Path of the capture."""
    data_config: DataConfig
    train_config: TrainConfig
    scene: SceneInfo
    raw_from_world: tuple[tuple[float, ...], ...]
    """Similarity, 4 x 4, from the training frame to the frame and units of the capture."""
    packages: dict[str, str]
    """Versions of what computed the weights."""

    def __post_init__(self) -> None:
        if [len(row) for row in self.raw_from_world] != [4] * 4:
            raise InputError("raw_from_world", "is no 4 x 4 matrix")


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide numbers."""
    packages = ("torch", "numpy", "numba")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def empty_folder(out: Path | None, parent: Path) -> Path:
    """The folder `out`, made if need be, or the next free one of `parent/1`, `parent/2`, ...

    Raises InputError if `out` holds anything, and where no folder can be made.
    """
    if out is not None:
        refuse_used(out)
        _make_folder(out, exist_ok=True)
        return out
    n = 1
    while True:
        try:
            _make_folder(parent / str(n), exist_ok=False)
        except FileExistsError:
            n += 1
        else:
            return parent / str(n)


def _make_folder(folder: Path, *, exist_ok: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        raise
    except OSError as error:
        raise InputError(folder, f"cannot be written ({error.strerror or error})") from error


def refuse_used(out: Path) -> None:
    """Raise InputError if `out` is a folder that holds anything, or a file."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists and is not empty; expected a new or empty folder")


def default_parent(data: Path, method: str) -> Path:
    """Where runs of a method on a capture go: `outputs/<capture>/<method>`; a picture goes by its name."""
    capture = data.resolve()
    if capture.is_file():
        is_part = capture.suffix in (".json", ".npy", ".npz")
        return Path("outputs") / (capture.parent.name if is_part else capture.stem) / Path(method).stem
    return Path("outputs") / capture.name / Path(method).stem


def write_config(run: Path, config: RunConfig) -> None:
    """Write the run's `config.json`."""
    with whole_file(run / CONFIG) as part:
        part.write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")
        durable.flush(part)


def append_record(run: Path, record: Record) -> None:
    """Add a line to the run's `metrics.jsonl`; where the disk has no room, say so once, and go without."""
    path = run / METRICS
    size = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a") as file:
            file.write(json.dumps(dataclasses.asdict(record)) + "\n")
    except OSError as error:
        _say_once(f"{path}: records are lost ({error.strerror or error}); training goes on")
        if path.exists():
            os.truncate(path, size)


@cache
def _say_once(message: str) -> None:
    _log.warning(message)


def forget_records_after(run: Path, step: int) -> None:
    """Leave out what the run's `metrics.jsonl` says of later steps, which are about to be done again."""
    kept = [record for record in read_records(run) if record.step <= step]
    with whole_file(run / METRICS) as part:
        part.write_text("".join(json.dumps(dataclasses.asdict(record)) + "\n" for record in kept))


def read_records(run: Path) -> list[Record]:
    """The lines of the run's `metrics.jsonl`; none where training ended before the first.

    A last line without an end is left out: the process was killed while it was written.
    """
    path = run / METRICS
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    lines = text.splitlines(keepends=True)
    lines = [line for line in lines if line.endswith("\n")]
    return [
        decode(Record, _parse(line, f"{path}:{i}"), f"{path}:{i}") for i, line in enumerate(lines, start=1)
    ]


def read_config(run: Path) -> RunConfig:
    """The run's `config.json`.

    Raises InputError if the folder is not a run, if it comes from another version, and with the name of
    any key that is missing, unknown or of the wrong type.
    """
    path = run / CONFIG
    if not path.is_file():
        raise InputError(run, f"is not a run folder; expected {CONFIG} in it")
    values = _parse(path.read_text(encoding="utf-8", errors="replace"), path)
    check_version(values.get("version") if isinstance(values, dict) else None, path)
    return decode(RunConfig, _with_later_settings(values), path)


def check_version(version: object, where: object) -> None:
    """Raise InputError if something comes from a version whose runs may mean something else."""
    if isinstance(version, str) and not _compatible(version):
        raise InputError(where, f"version: the run was made by rayloom {version}; this is {__version__}")


def _with_later_settings(values: object) -> object:
    """The content of a config as it would be today: settings that came later did not matter then."""
    later = {"train_config": _LATER_SETTINGS, "scene": _LATER_FACTS}
    if isinstance(values, dict):
        known = {name: part for name in later if isinstance(part := values.get(name), dict)}
        return {**values, **{name: {**later[name], **part} for name, part in known.items()}}
    return values


def decode(kind: type[T], values: object, where: object) -> T:
    """A record from plain values; raises InputError naming each key that is unknown, missing or wrong."""
    _check_keys(kind, values, where, "")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise InputError(where, str(error)) from error
    except UnicodeEncodeError as error:
        raise InputError(where, f"expected text, found {error.object[:40]!a}") from error


def _check_keys(kind: Any, values: object, where: object, prefix: str) -> None:  # noqa: ANN401
    """Refuse what msgspec lets pass: a dataclass takes unknown keys, and defaults for missing ones."""
    # An optional record, `NDCFrame | None`, counts as the record.
    kind = next((part for part in (kind, *get_args(kind)) if dataclasses.is_dataclass(part)), None)
    if kind is None or not isinstance(values, dict):
        return
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    unknown, missing = sorted(values.keys() - fields), sorted(fields.keys() - values)
    if unknown or missing:
        problems = [f"unknown key {prefix}{key}" for key in unknown]
        problems += [f"missing key {prefix}{key}" for key in missing]
        raise InputError(where, ", ".join(problems))
    for name, field_type in fields.items():
        _check_keys(field_type, values[name], where, f"{prefix}{name}.")


def _parse(text: str, where: object) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        # Not only bad grammar: numbers of thousands of digits, and brackets by the thousand.
        raise InputError(where, f"not valid JSON: {error}") from error


def _compatible(version: str) -> bool:
    """Before 1.0 a change of the minor number may change what a run means; later, of the major number."""
    here, there = __version__.split("."), version.split(".")
    return here[:2] == there[:2] if here[0] == "0" else here[0] == there[0]
