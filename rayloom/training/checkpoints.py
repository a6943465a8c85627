"""Checkpoints: all of a training at one moment, in folders that are whole or not there, and prove it.

    RUN/checkpoints/step-000001200/tensors.safetensors   all numbers
                                   state.json            where they belong, and the rest
                                   SHA256SUMS            of both, for `sha256sum --check`

A folder is written under another name, flushed to the disk and then renamed: whatever ends the process leaves
the new checkpoint whole, or those before it.
"""

import hashlib
import json
import logging
import shutil
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError

from rayloom import __version__
from rayloom.errors import InputError
from rayloom.training import durable
from rayloom.training.packing import Tree, pack, unpack
from rayloom.training.runs import check_version
from rayloom.training.tensor_files import write_tensors

FOLDER, TENSORS, STATE, SUMS = "checkpoints", "tensors.safetensors", "state.json", "SHA256SUMS"

_log = logging.getLogger(__name__)


class Checkpoints:
    """Those of a run: the last few, and the best."""

    def __init__(self, run: Path, keep: int) -> None:
        self.run, self.folder, self.keep = run, run / FOLDER, keep

    def save(self, state: Tree, step: int, score: float) -> None:
        """Write a checkpoint, then remove those that are neither among the last nor of the highest score.

        Raises OSError where it cannot be written, with all others as they were.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._clean()
        target = self._path(step)
        part = self.folder / f".{target.name}.part"
        tensors, packed = pack(state)
        about = {"version": __version__, "step": step, "score": score, "state": packed}
        try:
            part.mkdir()
            write_tensors(part / TENSORS, tensors)
            durable.write(part / STATE, (json.dumps(about) + "\n").encode())
            sums = {name: _sum(part / name) for name in (TENSORS, STATE)}
            durable.write(part / SUMS, _sums_text(sums).encode())
            durable.flush(part)
            # One of the same step is there after a damaged later one made training go back.
            durable.remove_folder(target)
            durable.rename(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._prune()

    def newest(self) -> tuple[int, Tree] | None:
        """Step and state of the last checkpoint that is whole; None if the run has none at all.

        Says which ones are damaged. Raises InputError if all are, or if another version wrote it.
        """
        steps = self.steps()
        for step in reversed(steps):
            path = self._path(step)
            if (damage := _damage(path)) is None:
                return step, _read(path)
            _log.warning("%s is damaged (%s); going back to the checkpoint before it", path, damage)
        if steps:
            raise InputError(self.folder, f"all {len(steps)} checkpoints are damaged; expected a whole one")
        return None

    def steps(self) -> list[int]:
        """The steps after which there are checkpoints, damaged or not, in order."""
        names = [path.name for path in self.folder.glob("step-*") if path.is_dir()]
        return sorted(int(name[5:]) for name in names if name[5:].isdigit())

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:09d}"

    def _prune(self) -> None:
        """Remove what need not be kept; of equal scores the later one counts as better."""
        steps = self.steps()
        old = steps[: -self.keep]
        scores = {step: _score(self._path(step)) for step in steps}
        best = max(steps, key=lambda step: (scores[step], step))
        for step in old:
            if step != best:
                durable.remove_folder(self._path(step))

    def _clean(self) -> None:
        """Remove what a process left that was killed while it wrote or removed a checkpoint."""
        for path in self.folder.glob(".step-*"):
            shutil.rmtree(path, ignore_errors=True)


def _damage(path: Path) -> str | None:
    """What is wrong with the files of a checkpoint, by their checksums; None if they are what was written."""
    sums: dict[str, str] = {}
    for name in (TENSORS, STATE):
        try:
            sums[name] = _sum(path / name)
        except OSError as error:
            return f"{name}: {error.strerror or error}"
    try:
        written = (path / SUMS).read_bytes()
    except OSError as error:
        return f"{SUMS}: {error.strerror or error}"
    if written == _sums_text(sums).encode():
        return None
    wrong = [name for name, total in sums.items() if f"{total}  {name}\n".encode() not in written]
    return f"{' and '.join(wrong) or SUMS}: not what was written, by the checksum"


def _read(path: Path) -> Tree:
    try:
        about = json.loads((path / STATE).read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(path / STATE, f"is no JSON: {error}") from error
    if not isinstance(about, dict) or not {"version", "state"} <= about.keys():
        raise InputError(path / STATE, "is no state of a training; expected what `rayloom train` wrote")
    check_version(about["version"], path / STATE)
    try:
        tensors = safetensors.torch.load_file(path / TENSORS)
    except SafetensorError as error:
        raise InputError(path / TENSORS, f"cannot be read: {error}") from error
    return unpack(tensors, about["state"], path / STATE)


def _score(path: Path) -> float:
    """The score of a checkpoint; less than any other where it cannot be read."""
    try:
        return float(json.loads((path / STATE).read_bytes())["score"])
    except (OSError, ValueError, KeyError, TypeError):
        return float("-inf")


def _sum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sums_text(sums: dict[str, str]) -> str:
    return "".join(f"{total}  {name}\n" for name, total in sums.items())
