"""What holds for every file of a stranger: it is read, or refused in a sentence, quickly, in little memory.

Nothing else is written meanwhile, and nothing in the file is executed.
"""

import os
import random
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from rayloom.errors import InputError
from tests.fuzzing.mutations import Mutation

SECONDS, ASLEEP_SECONDS = 5.0, 60.0
"""Of the processor, for a case, and by the clock: others may be busy on this machine."""
MEGABYTES = 400
"""More than at the start that a case may take; a picture of as many pixels as are read takes as much."""
LONGEST = 2000
"""Letters of a sentence."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = {
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
}
_NEVER = {"pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"}
_NEVER |= {"socket.connect", "socket.bind", "socket.sendto", "ctypes.dlopen"}


class TooLong(BaseException):
    """Nobody may catch it on the way."""


@dataclass(frozen=True)
class Target:
    """Something that reads files of others, and how they are spoilt."""

    name: str
    spoil: Callable[[random.Random], None]
    """Write a case."""
    read: Callable[[], object]
    may_write: Path | None = None
    """Where reading leaves copies."""
    share: float = 1.0
    """Of the cases that others get; less where a case takes long."""
    file: Path | None = None
    """Whose bytes are a case, where there is one."""


def file_target(name: str, file: Path, mutations: Sequence[Mutation], read: Callable[[], object]) -> Target:
    """The cases of one file, which is whole now."""
    content = file.read_bytes()

    def spoil(chance: random.Random) -> None:
        file.write_bytes(chance.choice(mutations)(content, chance))

    return Target(name, spoil, read, file=file)


def attack(target: Target, cases: int, first: int = 0) -> int:
    """How many of so many cases are refused; fails on one that breaks the law, with its number."""
    refused = 0
    with _peak_memory(target.name) as check_memory:
        for number in range(first, first + cases):
            target.spoil(random.Random(f"{target.name} {number}"))
            where = f"case {number} of {target.name}"
            try:
                with _watched(where, target.may_write):
                    target.read()
            except InputError as error:
                refused += 1
                _check_sentence(where, str(error))
            except (Exception, TooLong) as error:
                raise AssertionError(f"{where}: {type(error).__name__}: {error}"[:LONGEST]) from error
            check_memory(where)
    return refused


def _check_sentence(where: str, text: str) -> None:
    assert 0 < len(text) <= LONGEST, f"{where}: a sentence of {len(text)} letters: {text[:300]}"
    odd = [letter for letter in text if not (letter.isprintable() or letter.isspace())]
    assert not odd, f"{where}: letters that may steer a terminal: {odd[:10]} in {text[:300]!a}"


class _Watch:
    """What the interpreter was asked to do that reading a file never needs."""

    def __init__(self) -> None:
        self.armed = False
        self.may_write: Path | None = None
        self.offences: list[str] = []

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event in _NEVER:
            self.offences.append(f"{event} {args!r}"[:300])
        elif event in _CHANGING or (event == "open" and isinstance(args[2], int) and args[2] & _WRITING):
            path = args[0]
            if not isinstance(path, str | bytes | os.PathLike) or not self._allowed(os.fsdecode(path)):
                self.offences.append(f"{event} {args!r}"[:300])

    def _allowed(self, path: str) -> bool:
        return self.may_write is not None and Path(os.path.realpath(path)).is_relative_to(self.may_write)


@cache
def _watch() -> _Watch:
    """The one of this process: what hears of every event can never be taken away again."""
    watch = _Watch()
    sys.addaudithook(watch.hear)
    return watch


@contextmanager
def _watched(where: str, may_write: Path | None) -> Iterator[None]:
    """A block that ends in time, changes nothing on disk, and starts nothing."""

    def lose_patience(*_: object) -> NoReturn:
        raise TooLong(f"took longer than {SECONDS} seconds of the processor, or slept")

    watch = _watch()
    watch.offences.clear()
    watch.may_write = may_write and may_write.resolve()
    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, SECONDS),
        (signal.SIGALRM, signal.ITIMER_REAL, ASLEEP_SECONDS),
    )
    before = [signal.signal(number, lose_patience) for number, _, _ in timers]
    for _, timer, seconds in timers:
        signal.setitimer(timer, seconds)
    watch.armed = True
    try:
        yield
    finally:
        watch.armed = False
        for (number, timer, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)
        assert not watch.offences, f"{where}: {watch.offences[:3]}"


@contextmanager
def _peak_memory(name: str) -> Iterator[Callable[[str], None]]:
    """A check that the process never took much more memory than it had at the beginning."""
    with suppress(OSError):
        # Linux forgets the highest figure so far.
        Path("/proc/self/clear_refs").write_text("5")
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def check(where: str) -> None:
        taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
        assert taken < MEGABYTES, f"{where}: {taken:.0f} MB more than at the start of {name}"

    yield check
