"""How a method is trained, whichever method it is."""

import math
from dataclasses import dataclass
from typing import Literal

from rayloom.errors import InputError
from rayloom.training.budget import check_memory

DEFAULT_SECONDS = 120.0


@dataclass(frozen=True)
class TrainConfig:
    """When training ends, and what surrounds it. Raises InputError for values out of range."""

    seconds: float | None = None
    """Training time; 120 where neither this nor the number of steps is given. Time that goes into
    compiling kernels and looking at held-out views does not count."""
    steps: int | None = None
    """Number of optimisation steps, instead of a time."""
    seed: int = 0
    """Start of every random number: initial weights, pixels and jitter."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU if there is one."""
    eval_every: float = 0.0
    """Seconds of training between looks at a few held-out views; 0 never looks before the end."""
    checkpoint_every: float = 30.0
    """Seconds of training between checkpoints, from which `--resume` goes on; 0 keeps the first and last."""
    keep_checkpoints: int = 2
    """How many of the last checkpoints are kept; the best is kept besides."""
    deterministic: bool = False
    """Train on one core, so that the same seed gives the same bits, resumed or not. Needs --steps."""
    memory: float | None = None
    """GB that the process may need at its peak, besides files that it maps: what it will need is told before
    training, photos beyond their share stay on the disk, and what does not fit is refused."""

    def __post_init__(self) -> None:
        if self.seconds is not None and self.steps is not None:
            raise InputError("--seconds, --steps", "both were given; expected one of them")
        _check(
            "--seconds", self.seconds, self.seconds is None or 0 < self.seconds < math.inf, "a positive time"
        )
        _check("--steps", self.steps, self.steps is None or self.steps > 0, "a positive number")
        _check("--seed", self.seed, 0 <= self.seed < 2**63, "a number from 0 to 2^63 - 1")
        _check("--eval-every", self.eval_every, 0 <= self.eval_every < math.inf, "a time, or 0")
        every, keep = self.checkpoint_every, self.keep_checkpoints
        _check("--checkpoint-every", every, 0 <= every < math.inf, "a time, or 0")
        _check("--keep-checkpoints", keep, keep > 0, "a positive number")
        check_memory(self.memory)
        if self.deterministic and self.steps is None:
            raise InputError("--deterministic", "has no number of steps; expected --steps, as times vary")
        if self.deterministic and self.device == "cuda":
            raise InputError("--deterministic", "holds for the CPU only; expected --device cpu")

    def fraction(self, step: int, seconds: float) -> float:
        """The share of training that is over after so many steps and seconds, at most 1."""
        if self.steps is not None:
            return min(step / self.steps, 1.0)
        return min(seconds / (self.seconds or DEFAULT_SECONDS), 1.0)


def _check(option: str, value: object, fits: bool, expected: str) -> None:
    if not fits:
        raise InputError(option, f"is {value}; expected {expected}")
