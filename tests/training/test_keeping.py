import errno
import os
from pathlib import Path
from typing import Any

import pytest

from rayloom.errors import InputError
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.config import TrainConfig
from rayloom.training.divergence import Diverged
from rayloom.training.loop import train
from tests.methods.ball import OBJECT, BallBatches
from tests.training.test_loop import one_color

OFTEN = TrainConfig(steps=60, checkpoint_every=1e-9)


class Failing(Checkpoints):
    """A disk that is full at some steps."""

    full: range = range(0)

    def save(self, state: Any, step: int, score: float) -> None:
        if step in self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().save(state, step, score)


def failing(folder: Path, full: range) -> Failing:
    checkpoints = Failing(folder, 2)
    checkpoints.full = full
    return checkpoints


def test_a_checkpoint_is_written_before_the_first_step_and_after_the_last(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 5)
    train(one_color(), BallBatches(OBJECT), TrainConfig(steps=7), checkpoints=checkpoints)
    assert checkpoints.steps() == [0, 7]


def test_checkpoints_come_as_often_as_asked_for(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 3)
    train(one_color(), BallBatches(OBJECT), OFTEN, checkpoints=checkpoints)
    assert checkpoints.steps()[-3:] == [58, 59, 60]


def test_a_disk_that_is_full_from_the_start_is_told_before_training(tmp_path: Path) -> None:
    method = one_color()
    with pytest.raises(InputError, match=r"no checkpoint can be written.*No space left"):
        train(method, BallBatches(OBJECT), OFTEN, checkpoints=failing(tmp_path, range(100)))
    assert method.calls == []


def test_a_disk_that_runs_full_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = failing(tmp_path, range(20, 40))
    outcome = train(one_color(), BallBatches(OBJECT), OFTEN, checkpoints=checkpoints)
    assert outcome.steps == 60
    assert (
        "no checkpoint after step 20 (No space left on device); the last one is after step 19" in caplog.text
    )
    assert checkpoints.steps()[-1] == 60


def test_weights_that_are_no_numbers_never_push_out_good_ones(tmp_path: Path) -> None:
    class Spoilt(type(one_color())):
        def after_step(self, progress: Any) -> bool:
            if progress.step == 10:
                self.painted.data[1] = float("nan")
            return False

    method = Spoilt(one_color().config, OBJECT)
    checkpoints = Checkpoints(tmp_path, 1)
    with pytest.raises(Diverged, match="parameter painted became nan"):
        train(method, BallBatches(OBJECT), OFTEN, checkpoints=checkpoints)
    found = checkpoints.newest()
    assert found is not None
    assert found[0] == 10
    assert found[1]["weights"]["painted"].isfinite().all()
