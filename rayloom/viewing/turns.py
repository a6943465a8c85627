"""Whose turn it is to ask the field: a viewer that has it alone, or one that shares it with training."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar, runtime_checkable

SHARE = 0.1
"""Of all time, what may go into looking while a method trains."""
MOST_AT_ONCE = 0.1
"""Seconds for which training waits at once, about."""

_SECONDS_TO_ASK = 0.005
"""Who has got a slice of a picture asks for the next one so soon."""

T = TypeVar("T")


@runtime_checkable
class Turns(Protocol):
    """Does one piece of work after the other, in the order in which threads ask for it."""

    def take(self, work: Callable[[], T]) -> T:
        """What the work returns, or raises; CancelledError where there are no turns any more."""
        ...

    def close(self) -> None:
        """Give no turns any more."""
        ...


class OwnThread:
    """Turns in a thread of their own: kernels and torch start their threads once, whoever asks."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="field")

    def take(self, work: Callable[[], T]) -> T:
        """What the work returns, or raises; CancelledError where there are no turns any more."""
        try:
            future = self._pool.submit(work)
        except RuntimeError:  # The pool has been shut down.
            future = Future()
            future.cancel()
        return future.result()

    def close(self) -> None:
        """Give no turns any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class BetweenSteps:
    """Turns between the steps of a training, in its thread, in a share of its time.

    Time earns turns, and turns use it up. What nobody uses is kept for a moment only, so that training does
    not wait for long at once.
    """

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = time.perf_counter) -> None:
        self._share, self._clock = share, clock
        self._waiting: queue.Queue[tuple[Future, Callable[[], object]]] = queue.Queue()
        self._earned, self._now = 0.0, clock()
        self._closed = False

    def take(self, work: Callable[[], T]) -> T:
        """What the work returns, or raises; CancelledError where there are no turns any more."""
        future: Future[T] = Future()
        self._waiting.put((future, work))
        if self._closed:
            self._cancel_all()
        return future.result()

    def give(self) -> None:
        """What training calls now and then: turns for those who wait, as far as they are earned."""
        now = self._clock()
        self._earned = min(self._earned + self._share * (now - self._now), MOST_AT_ONCE)
        patience = 0.0
        while self._earned > 0:
            try:
                future, work = self._waiting.get(timeout=patience)
            except queue.Empty:
                break
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)
            began, now, patience = now, self._clock(), _SECONDS_TO_ASK
            self._earned -= now - began
        self._now = now

    def close(self) -> None:
        """Give no turns any more."""
        self._closed = True
        self._cancel_all()

    def _cancel_all(self) -> None:
        while True:
            try:
                future, _ = self._waiting.get_nowait()
            except queue.Empty:
                return
            future.cancel()
