"""A run folder: what was trained, on what, with which settings; plain JSON that needs no torch."""

import dataclasses
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from rayloom import __version__
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.scene_info import SceneInfo
from rayloom.training.config import TrainConfig
from rayloom.training.records import Record

CONFIG, WEIGHTS, METRICS, EVALUATION = "config.json", "weights.safetensors", "metrics.jsonl", "eval"

T = TypeVar("T")


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
    """The folder `out`, made if need be, or the next free one of `parent/1`, `parent/2`, ..."""
    if out is not None:
        refuse_used(out)
        out.mkdir(parents=True, exist_ok=True)
        return out
    n = 1
    while True:
        try:
            (parent / str(n)).mkdir(parents=True)
        except FileExistsError:
            n += 1
        else:
            return parent / str(n)


def refuse_used(out: Path) -> None:
    """Raise InputError if `out` is a folder that holds anything, or a file."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists and is not empty; expected a new or empty folder")


def default_parent(data: Path, method: str) -> Path:
    """Where the runs of a method on a capture go: `outputs/<capture>/<method>`."""
    capture = data.resolve()
    return Path("outputs") / (capture if capture.is_dir() else capture.parent).name / Path(method).stem


def write_config(run: Path, config: RunConfig) -> None:
    """Write the run's `config.json`."""
    with whole_file(run / CONFIG) as part:
        part.write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")


def append_record(run: Path, record: Record) -> None:
    """Add a line to the run's `metrics.jsonl`."""
    with (run / METRICS).open("a") as file:
        file.write(json.dumps(dataclasses.asdict(record)) + "\n")


def read_records(run: Path) -> list[Record]:
    """The lines of the run's `metrics.jsonl`; none where training ended before the first."""
    path = run / METRICS
    lines = path.read_text().splitlines() if path.exists() else []
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
    version = values.get("version") if isinstance(values, dict) else None
    if isinstance(version, str) and not _compatible(version):
        raise InputError(path, f"version: the run was made by rayloom {version}; this is {__version__}")
    return decode(RunConfig, values, path)


def decode(kind: type[T], values: object, where: object) -> T:
    """A record from plain values; raises InputError naming each key that is unknown, missing or wrong."""
    _check_keys(kind, values, where, "")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise InputError(where, str(error)) from error


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
    except json.JSONDecodeError as error:
        raise InputError(where, f"not valid JSON: {error}") from error


def _compatible(version: str) -> bool:
    """Before 1.0 a change of the minor number may change what a run means; later, of the major number."""
    here, there = __version__.split("."), version.split(".")
    return here[:2] == there[:2] if here[0] == "0" else here[0] == there[0]
