import math
from typing import Any

import pytest

from rayloom.errors import InputError
from rayloom.training.config import DEFAULT_SECONDS, TrainConfig


def test_without_a_limit_the_default_time_limits() -> None:
    assert TrainConfig().fraction(step=10**9, seconds=DEFAULT_SECONDS / 2) == 0.5


def test_steps_limit_whatever_the_time() -> None:
    assert TrainConfig(steps=10).fraction(step=5, seconds=1e9) == 0.5
    assert TrainConfig(steps=10).fraction(step=20, seconds=0.0) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seconds": 1.0, "steps": 1}, "--seconds, --steps: both were given"),
        ({"steps": 0}, "--steps: is 0"),
        ({"seconds": -1.0}, "--seconds: is -1.0"),
        ({"seconds": math.nan}, "--seconds: is nan"),
        ({"seed": -1}, "--seed: is -1"),
        ({"eval_every": math.inf}, "--eval-every: is inf"),
        ({"checkpoint_every": -1.0}, "--checkpoint-every: is -1.0"),
        ({"keep_checkpoints": 0}, "--keep-checkpoints: is 0"),
        ({"deterministic": True}, "--deterministic: has no number of steps"),
        ({"deterministic": True, "steps": 3, "device": "cuda"}, "--deterministic: holds for the CPU only"),
    ],
)
def test_values_out_of_range_are_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        TrainConfig(**values)
