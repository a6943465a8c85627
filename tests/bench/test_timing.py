import time

import pytest

from rayloom.bench.timing import LEAST_REPEATS, Effort, best_seconds, median_seconds, seconds_of


def test_a_call_takes_at_least_as_long_as_it_sleeps():
    assert seconds_of(lambda: time.sleep(0.02)) >= 0.02


def test_the_best_leaves_out_the_first_call_and_slow_ones():
    waits = iter([0.2, 0.1, 0.0, *[0.1] * 50])
    assert best_seconds(lambda: time.sleep(next(waits)), Effort(seconds=0.0)) < 0.1


def test_a_median_does_not_follow_one_slow_call():
    waits = iter([0.0, 0.0, 0.3, *[0.0] * 50])
    (found,) = median_seconds([lambda: time.sleep(next(waits))], Effort(seconds=0.0))
    assert found < 0.15


def test_calls_take_turns_after_each_was_warmed_up():
    order: list[str] = []
    median_seconds([lambda: order.append("a"), lambda: order.append("b")], Effort(seconds=0.0))
    assert order == ["a", "b"] * (1 + LEAST_REPEATS)


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_effort_is_how_long_calls_are_repeated(seconds: float):
    calls: list[int] = []
    began = time.perf_counter()
    best_seconds(lambda: calls.append(1), Effort(seconds=seconds))
    assert time.perf_counter() - began >= seconds
    assert len(calls) >= 1 + LEAST_REPEATS
