"""Whether a window that was sent somewhere is not there yet, is there, or has left again."""

import time
from collections.abc import Callable
from typing import Literal

PATIENCE_SECONDS = 2.0
"""How long what a window said before it was sent away may still be under way."""


class Arrival:
    """Follows a window from when it is sent to a place; its reports may be older than that.

    Made when the window is sent. Without this, a report of where it had been would count as leaving.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._sent, self._arrived = clock, clock(), False

    def after(self, *, at_the_place: bool) -> Literal["coming", "there", "gone"]:
        """What a report that the window is at the place, or elsewhere, tells."""
        self._arrived |= at_the_place
        if at_the_place:
            return "there"
        late = self._clock() - self._sent > PATIENCE_SECONDS
        return "gone" if self._arrived or late else "coming"
