"""A command of rayloom as a job: begun, gone on with where it was cut off, or done already."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rayloom.data.formats.json_files import read_json
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.training.locking import locked

RESULT = "result.json"
TRIES = 3
"""How often a job is begun or gone on with whose process is killed."""
SECONDS_BETWEEN_LOOKS, SECONDS_TO_END = 0.1, 6.0


@dataclass(frozen=True)
class Job:
    """A command that prints JSON, and another one that goes on with it."""

    name: str
    begin: tuple[str, ...]
    resume: tuple[str, ...]
    folder: str | None = None
    """Where the first command begins a run. The second one goes on with it as soon as there is a checkpoint,
    and what the command printed is kept there; None where both commands are the same."""
    program: str = "rayloom.cli.worker"
    """Module that takes the commands, and ends with its stdin."""


@dataclass(frozen=True)
class Done:
    """What became of a job."""

    output: dict[str, Any] | None
    """What the command printed; None where it failed."""
    message: str = ""
    """The last words of a command that failed."""
    tries: int = 1
    """How often it was begun or gone on with; 0 for one that was done before."""


class Stopped(Exception):
    """Somebody asked for the end of all jobs."""


def run_job(job: Job, cores: Sequence[int] = (), is_stopped: Callable[[], bool] = lambda: False) -> Done:
    """Do a job, in a process of its own on these cores, or wherever there is room.

    A process that is killed is followed by another one, which goes on. Raises `Stopped`, and the process ends
    as it does after SIGTERM; raises InputError where another process trains in the folder.
    """
    if (known := _known(job)) is not None:
        return known
    done = Done(None)
    for tries in range(1, TRIES + 1):
        code, output, message = _run((job.program, *_command(job)), cores, is_stopped)
        done = Done(_parsed(output) if code == 0 else None, message, tries)
        if code >= 0:
            break
        done = Done(None, f"was ended by {signal.Signals(-code).name}, {tries} times", tries)
    if done.output is not None and job.folder is not None:
        with whole_file(Path(job.folder) / RESULT) as part:
            part.write_text(json.dumps(asdict(done), indent=2) + "\n")
    return done


def _known(job: Job) -> Done | None:
    """What was kept of a job that was done before."""
    path = None if job.folder is None else Path(job.folder) / RESULT
    if path is None or not path.is_file():
        return None
    try:
        return Done(read_json(path, Done).output, tries=0)
    except InputError:
        # It is done again where it can no longer be read.
        return None


def _command(job: Job) -> tuple[str, ...]:
    """What to call now. A run without a checkpoint has nothing to lose, and is begun anew."""
    if job.folder is None:
        return job.begin
    folder = Path(job.folder)
    deadline = time.monotonic() + SECONDS_TO_END
    while folder.is_dir():
        try:
            with locked(folder):
                if any((folder / "checkpoints").glob("step-*")):
                    return job.resume
                shutil.rmtree(folder)
        except InputError:
            # The process of a worker that was lost may take a moment to notice.
            if time.monotonic() > deadline:
                raise
            time.sleep(SECONDS_BETWEEN_LOOKS)
    return job.begin


def _run(
    command: Sequence[str], cores: Sequence[int], is_stopped: Callable[[], bool]
) -> tuple[int, str, str]:
    """Exit code, or less than 0 for a signal; what was printed, and the last line about what went wrong."""
    # The process ends with us, as soon as the other end of this is closed, however we end.
    theirs, ours = os.pipe()
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", *command],
            stdin=theirs,
            stdout=printed,
            stderr=said,
            # The process finds this very package, however it came to be importable here.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        os.close(theirs)
        try:
            if cores and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(child.pid, cores)
            while child.poll() is None:
                if is_stopped():
                    raise Stopped
                time.sleep(SECONDS_BETWEEN_LOOKS)
        finally:
            _end(child)
            os.close(ours)
        printed.seek(0)
        said.seek(0)
        return child.returncode, printed.read(), _last_words(said.read())


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let a process that still works keep what it has."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _parsed(output: str) -> dict[str, Any]:
    value = json.loads(output)
    return value if isinstance(value, dict) else {"output": value}


def _last_words(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")
