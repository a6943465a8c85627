"""Commands of rayloom in processes of their own, soon after they are asked for.

They begin as copies of an interpreter that has imported everything and has no threads but its main one. A
copy of the tests' own interpreter may wait for ever: for a lock of a thread, or a pool of threads, that was
not copied with it.
"""

import faulthandler
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess

from rayloom.cli.main import run as rayloom

PATIENCE_SECONDS = 120.0
HEAVY = [f"rayloom.{name}" for name in ("cli.train", "cli.process", "cli.export_web", "data.prepare")]
HEAVY += ["rayloom.training.fit", "rayloom.sfm.process", "rayloom.baking.fitting"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(HEAVY)


def begun(args: list[str]) -> ForkServerProcess:
    """A process that runs a command; it ends with the tests at the latest."""
    child = _context.Process(target=_run, args=(args,), daemon=True)
    child.start()
    return child


def _run(args: list[str]) -> None:
    os.setsid()
    # Where it is, should it never come to an end.
    faulthandler.register(signal.SIGUSR1, file=2)
    sys.exit(rayloom(args))


def exit_code(child: ForkServerProcess) -> int:
    """How it ended, once it has."""
    child.join(PATIENCE_SECONDS)
    if child.exitcode is None:
        _say_where(child)
    assert child.exitcode is not None, "it never ended"
    return child.exitcode


def wait_for(true: Callable[[], bool], child: ForkServerProcess) -> None:
    """Wait until something is true that the process brings about; fail as soon as it cannot any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert child.is_alive() or true(), f"it ended with {child.exitcode} before that"
        if time.monotonic() > deadline:
            _say_where(child)
            raise AssertionError("it never came")
        time.sleep(0.002)


def kill(child: ForkServerProcess) -> None:
    """Send SIGKILL, of which a process hears nothing."""
    child.kill()
    child.join()


def _say_where(child: ForkServerProcess) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGUSR1)
    time.sleep(0.5)
