import os
import signal
from pathlib import Path

import pytest

from rayloom.errors import InputError
from rayloom.training.locking import locked


def test_a_second_trainer_is_refused(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(InputError, match="another process trains in this folder"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass


def test_a_trainer_that_was_killed_holds_no_lock(tmp_path: Path) -> None:
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        with locked(tmp_path):
            os.write(told, b"!")
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(InputError, match="another process"), locked(tmp_path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file.*cannot be written"), locked(tmp_path / "file" / "run"):
        pass
