"""Losses that are no numbers any more, or far too large ones: noticed at once, by the name of the term."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rayloom.data.formats.json_files import read_json
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.kernels.processes import average

STEPS_PER_LOOK = 16
"""Reading losses waits for the device, so that not every step does."""
EXPLODED, AT_LEAST = 100.0, 10.0
"""A loss has exploded if it is so many times that of the first look, and no smaller than this."""
REPORT = "divergence.json"


@dataclass(frozen=True)
class Divergence:
    """Where and how training went wrong."""

    step: int
    term: str
    """The first bad term, or all that were bad in the same step."""
    value: float

    @property
    def is_explosion(self) -> bool:
        """Whether the value is still a number."""
        return math.isfinite(self.value)


class Diverged(InputError):
    """Training has left all sense; it should go back to a checkpoint, or end."""

    def __init__(self, divergence: Divergence) -> None:
        what = f"grew to {divergence.value:.3g}" if divergence.is_explosion else f"became {divergence.value}"
        super().__init__(
            f"training, step {divergence.step}", f"{divergence.term} {what}; a lower --lr may help"
        )
        self.divergence = divergence


class Watch:
    """Looks at the losses of every step, some steps at a time."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, tuple[str, ...], Tensor]] = []
        self.usual: float | None = None
        """Mean size of the loss at the first look."""

    def add(self, step: int, terms: Mapping[str, Tensor | float]) -> None:
        """Remember the terms of a step, and look if it is time. Raises `Diverged`."""
        values = [
            torch.as_tensor(value, dtype=torch.float32).detach().reshape(()) for value in terms.values()
        ]
        self.waiting.append((step, tuple(terms), torch.stack(values)))
        if len(self.waiting) >= STEPS_PER_LOOK:
            self.look()

    def look(self) -> None:
        """Look at the steps since the last time. Raises `Diverged` for the first that is bad.

        The terms are means over all processes that train together: what one of them finds, all do.
        """
        average([values for _, _, values in self.waiting])
        steps = [(step, names, values.tolist()) for step, names, values in self.waiting]
        self.waiting = []
        for step, names, values in steps:
            bad = [pair for pair in zip(names, values, strict=True) if not math.isfinite(pair[1])]
            if bad:
                raise Diverged(Divergence(step, " and ".join(name for name, _ in bad), bad[0][1]))
        if steps:
            self._look_at_size(steps)

    def _look_at_size(self, steps: list[tuple[int, tuple[str, ...], list[float]]]) -> None:
        size = sum(abs(sum(values)) for _, _, values in steps) / len(steps)
        if self.usual is None:
            self.usual = size
        if size >= max(EXPLODED * self.usual, AT_LEAST):
            limit = max(EXPLODED * self.usual, AT_LEAST)
            step, names, values = next((s for s in steps if abs(sum(s[2])) >= limit), steps[-1])
            value, name = max(zip(map(abs, values), names, strict=True))
            raise Diverged(Divergence(step, name, value))


def check_finite(named: Mapping[str, Tensor], step: int) -> None:
    """Raise `Diverged` with the names of tensors that hold anything but numbers: they must not be kept."""
    bad = [name for name, value in named.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise Diverged(Divergence(step, f"parameter {', '.join(bad[:3])}{more}", math.nan))


def report(run: Path, divergence: Divergence, back_to: int | None, lr_share: float) -> None:
    """Add to the run's `divergence.json` what happened, and what became of it: None for the end.

    `lr_share` is the factor on all rates with which it happened.
    """
    path = run / REPORT
    known: list[dict[str, Any]] = []
    # What happened before is no reason to lose what happens now.
    with suppress(InputError):
        known = [entry for entry in read_json(path, list) if isinstance(entry, dict)]
    value = divergence.value if divergence.is_explosion else str(divergence.value)
    entry = asdict(divergence) | {"value": value, "lr_share": lr_share, "back_to_step": back_to}
    with whole_file(path) as part:
        part.write_text(json.dumps([*known, entry], indent=2) + "\n")
