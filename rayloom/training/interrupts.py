"""Ending a long job with Ctrl-C or SIGTERM without losing what it has done."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE_SECONDS = 3.0
"""How long a step may go on after a signal; whoever sent it may soon lose patience and kill the process."""


class Interrupted(KeyboardInterrupt):
    """A step took too long to wait for its end; what it has done is lost, what was kept before it is not."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.signal = number


class Interruption:
    """Which signal asked for the end of a job; 0 as long as none did."""

    signal: int = 0

    def __bool__(self) -> bool:
        return self.signal != 0


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Watch for Ctrl-C and SIGTERM; a second one does what it does elsewhere.

    Raises `Interrupted` in the block if this does not end soon after the signal.
    """
    interruption = Interruption()
    # Python lets only the main thread decide what a signal does.
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    previous = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, _: FrameType | None) -> None:
        interruption.signal = number
        _restore(previous)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, lose_patience)
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)

    def lose_patience(*_: object) -> NoReturn:
        raise Interrupted(interruption.signal)

    alarm = signal.getsignal(signal.SIGALRM) if hasattr(signal, "SIGALRM") else None
    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        if interruption and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm or signal.SIG_DFL)
        _restore(previous)


@contextmanager
def sigterm_exits() -> Iterator[None]:
    """Let SIGTERM end the process with exit code 143 as Ctrl-C does with 130, by an exception."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous or signal.SIG_DFL)


def _exit(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _restore(handlers: Mapping[signal.Signals, object]) -> None:
    """Give signals their handlers back; one that Python did not set is the system's."""
    for number, handler in handlers.items():
        signal.signal(number, handler or signal.SIG_DFL)  # pyright: ignore[reportArgumentType]
