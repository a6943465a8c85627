"""Turns: everybody's, in order, and while a method trains in a share of the time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest

from rayloom.viewing.turns import MOST_AT_ONCE, SHARE, BetweenSteps, OwnThread, Turns


class Clock:
    """Shows what it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_own_thread_returns_what_work_returns_and_does_it_in_one_thread():
    turns = OwnThread()
    names: list[str] = []
    assert turns.take(lambda: 3) == 3
    askers = [
        in_thread(lambda: turns.take(lambda: names.append(threading.current_thread().name))) for _ in range(8)
    ]
    for asker in askers:
        asker.join()
    turns.close()
    assert len(names) == 8
    assert len(set(names)) == 1


@pytest.mark.parametrize("make", [OwnThread, BetweenSteps])
def test_after_the_end_there_are_no_turns(make: Callable[[], Turns]):
    turns = make()
    turns.close()
    with pytest.raises(CancelledError):
        turns.take(lambda: 3)


@pytest.mark.parametrize("make", [OwnThread, BetweenSteps])
def test_an_error_is_the_askers(make: Callable[[], Turns]):
    turns, met = make(), []

    def ask() -> None:
        try:
            turns.take(lambda: 1 / 0)
        except ZeroDivisionError as error:
            met.append(error)

    asker = in_thread(ask)
    while asker.is_alive():
        if isinstance(turns, BetweenSteps):
            turns.give()
        time.sleep(0.001)
    turns.close()
    assert len(met) == 1


def test_nobody_waits_at_the_end_for_a_turn_that_does_not_come():
    turns = BetweenSteps()
    met: list[BaseException] = []

    def ask() -> None:
        try:
            turns.take(lambda: 3)
        except CancelledError as error:
            met.append(error)

    asker = in_thread(ask)
    turns.close()
    asker.join(timeout=20)
    assert len(met) == 1


@pytest.mark.parametrize("step", [0.003, 0.05, 1.0])
@pytest.mark.parametrize("work_seconds", [0.001, 0.04, 0.7])
def test_looking_takes_its_share_of_the_time_and_no_more(
    step: float, work_seconds: float, monkeypatch: pytest.MonkeyPatch
):
    # On a busy machine the asking thread may take its time.
    monkeypatch.setattr("rayloom.viewing.turns._SECONDS_TO_ASK", 5.0)
    clock = Clock()
    turns = BetweenSteps(clock=clock)
    stop = threading.Event()

    def spend() -> None:
        clock.now += work_seconds

    def ask() -> None:
        while not stop.is_set():
            try:
                turns.take(spend)
            except CancelledError:
                return

    asker = in_thread(ask)
    # Training, which spends its time in steps, and says after each that there may be turns.
    looked = longest = 0.0
    while clock.now < 12.0:
        clock.now += step
        before = clock.now
        while turns._waiting.empty():
            time.sleep(1e-4)
        turns.give()
        looked += clock.now - before
        longest = max(longest, clock.now - before)
    stop.set()
    turns.close()
    asker.join()
    assert longest < MOST_AT_ONCE + work_seconds + 1e-9
    assert looked <= SHARE * clock.now + longest
    # What is earned is given: a tenth of the time that is not spent on looking.
    assert looked >= SHARE * (clock.now - looked) - MOST_AT_ONCE


def test_training_loses_nothing_while_nobody_looks():
    clock = Clock()
    turns = BetweenSteps(clock=clock)
    for _ in range(100):
        clock.now += 1.0
        turns.give()
    began = time.perf_counter()
    for _ in range(1000):
        turns.give()
    assert time.perf_counter() - began < 0.5
