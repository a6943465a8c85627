import io
import logging

import pytest
from rich.console import Console

from rayloom.training.progress import ProgressDisplay
from rayloom.training.records import Record


def shown(*, terminal: bool, quiet: bool = False) -> str:
    """What a display writes during a run of twelve seconds with a record a second."""
    file = io.StringIO()
    with ProgressDisplay(
        quiet=quiet, console=Console(file=file, force_terminal=terminal, width=200)
    ) as display:
        for second in range(1, 13):
            display.update(
                Record(
                    step=second * 10,
                    seconds=float(second),
                    fraction=second / 12,
                    loss=0.5,
                    psnr=21.5,
                    rays_per_second=1e5,
                    memory_mb=512.0,
                    held_out_psnr=19.25 if second == 3 else None,
                )
            )
    return file.getvalue()


def test_without_a_terminal_there_is_a_line_every_few_seconds_and_one_at_the_end() -> None:
    lines = shown(terminal=False).splitlines()
    assert [line.split()[2] for line in lines] == ["50", "100", "120"]
    assert "PSNR 21.50 dB  held-out 19.25 dB  100,000 rays/s  512 MB" in lines[-1]
    assert "7 s left" in lines[0]


def test_on_a_terminal_there_is_a_bar() -> None:
    assert "━" in shown(terminal=True)


def test_quiet_says_nothing() -> None:
    assert shown(terminal=False, quiet=True) == ""
    assert shown(terminal=True, quiet=True) == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_what_the_package_logs_is_shown_while_training_and_not_when_quiet(terminal: bool) -> None:
    log = logging.getLogger("rayloom")
    level = log.level
    for quiet in (False, True):
        file = io.StringIO()
        with ProgressDisplay(quiet=quiet, console=Console(file=file, force_terminal=terminal, width=200)):
            log.info("compiling [all] kernels")
            log.debug("too much")
        log.info("later")
        assert file.getvalue().count("compiling [all] kernels") == (not quiet)
        assert "later" not in file.getvalue()
        assert "too much" not in file.getvalue()
    assert log.level == level
    assert not log.handlers
