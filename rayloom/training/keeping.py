"""When a training is kept, and what happens when the disk is full."""

import logging

from rayloom.errors import InputError
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.config import TrainConfig
from rayloom.training.distributed import leads
from rayloom.training.memory import give_back_free_memory
from rayloom.training.session import Session

_log = logging.getLogger(__name__)


class Keeper:
    """Writes the checkpoints of a session; does nothing where there are to be none."""

    def __init__(self, checkpoints: Checkpoints | None, session: Session, config: TrainConfig) -> None:
        self.checkpoints, self.session, self.every = checkpoints, session, config.checkpoint_every
        self.kept_at = session.clock.seconds
        self.kept_step: int | None = session.progress.step or None

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return 0 < self.every <= self.session.clock.seconds - self.kept_at

    def keep_first(self) -> None:
        """Write one before the first step, so that a disk without room for it is known in time.

        Raises InputError where it cannot be written.
        """
        if self.checkpoints is None:
            return
        try:
            self._save(self.checkpoints)
        except OSError as error:
            raise InputError(
                self.checkpoints.folder, f"no checkpoint can be written ({error.strerror or error})"
            ) from error

    def keep(self) -> None:
        """Write a checkpoint; where that fails, say so and let training go on. Raises `Diverged` before."""
        session = self.session
        # A state that is no good must not push out a good one.
        session.watch.look()
        session.recorder.tell(session.progress, session.clock)
        with session.clock.paused():
            if self.checkpoints is not None and session.progress.step != self.kept_step:
                try:
                    self._save(self.checkpoints)
                except OSError as error:
                    self._complain(error)
        self.kept_at = session.clock.seconds

    def _save(self, checkpoints: Checkpoints) -> None:
        step = self.session.progress.step
        # Every process looks at its state, so that all of them find it bad, or none.
        state = self.session.state()
        # What is left of steps would lie beside the copies that are written.
        give_back_free_memory()
        if leads():
            checkpoints.save(state, step, self.session.recorder.psnr)
        self.kept_step = step

    def _complain(self, error: OSError) -> None:
        assert self.checkpoints is not None, "only their files can fail"
        _log.warning(
            "%s: no checkpoint after step %d (%s); the last one is after step %s",
            self.checkpoints.folder,
            self.session.progress.step,
            error.strerror or error,
            self.kept_step or 0,
        )
