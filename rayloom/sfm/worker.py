"""COLMAP in a process of its own, so that neither Ctrl-C nor a crash in its C++ is ours.

`python -m rayloom.sfm.worker` reads a job from stdin and ends with it, or as soon as stdin is closed, so
that no worker outlives who asked for it. What COLMAP says goes to stderr.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from rayloom.sfm.jobs import Job

SECONDS_BETWEEN_LOOKS = 0.2


class JobError(Exception):
    """COLMAP could not do a job; the message is its last words."""


def run_job(job: Job, log: Path, on_look: Callable[[int], None]) -> None:
    """Do the job in a worker, whose words are added to the file `log`.

    `on_look` is called a few times a second with the number of cameras that the worker has placed. Raises
    JobError if COLMAP fails or crashes; on KeyboardInterrupt the worker ends too.
    """
    placed = log.with_suffix(".placed")
    start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as said, placed.open("wb") as dots:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "rayloom.sfm.worker"],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=dots,
            stderr=said,
            # The worker finds this very package, however it came to be importable here.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert worker.stdin is not None
        try:
            worker.stdin.write(msgspec.json.encode(job) + b"\n")
            while worker.poll() is None:
                on_look(placed.stat().st_size)
                time.sleep(SECONDS_BETWEEN_LOOKS)
            on_look(placed.stat().st_size)
        except BrokenPipeError:
            worker.wait()
        finally:
            worker.kill()
            worker.wait()
            worker.stdin.close()
    if worker.returncode != 0:
        raise JobError(_last_words(log, start) or f"COLMAP ended with code {worker.returncode}")


def _last_words(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def main() -> None:
    """Do the job that stdin tells of."""
    # Ctrl-C reaches every process of a terminal; the one that asked for the job decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    msgspec.json.decode(line, type=Job).run()


def _end_with_stdin() -> None:
    # Past Python's own buffer, whose lock would be held when the interpreter shuts down.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
