import signal
import time

import pytest

from rayloom.training import interrupts
from rayloom.training.interrupts import Interrupted, interruptible, sigterm_exits


def sleep_after(*numbers: signal.Signals) -> None:
    for number in numbers:
        signal.raise_signal(number)
    time.sleep(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as interruption:
        assert not interruption
        signal.raise_signal(number)
        assert interruption
    assert interruption.signal == number
    assert signal.getsignal(number) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_step_that_goes_on_for_too_long_is_ended(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts, "PATIENCE_SECONDS", 0.05)
    alarm = signal.getsignal(signal.SIGALRM)
    with pytest.raises(Interrupted) as end, interruptible():
        sleep_after(number)
    assert end.value.signal == number
    assert signal.getsignal(signal.SIGALRM) == alarm


def test_sigterm_is_an_exit_with_its_code() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end, sigterm_exits():
        signal.raise_signal(signal.SIGTERM)
    assert end.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_sigterm_is_not_held_back() -> None:
    with pytest.raises(SystemExit), sigterm_exits(), interruptible():
        sleep_after(signal.SIGTERM, signal.SIGTERM)
