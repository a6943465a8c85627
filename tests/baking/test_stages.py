"""Long jobs go on where they stopped, as long as nothing else has changed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rayloom.baking.stages import Stages
from rayloom.errors import InputError


def test_a_result_is_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> torch.Tensor:
        made.append(1)
        return torch.arange(6, dtype=torch.uint8).view(2, 3)

    for _ in range(2):
        kept = Stages(tmp_path / "parts", {"a": 1}).kept("numbers", make)
        assert kept.dtype == torch.uint8
        assert kept.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(made) == 1
    Stages(tmp_path / "parts", {"a": 2}).kept("numbers", make)
    assert len(made) == 2


def test_what_was_half_written_is_not_there(tmp_path: Path) -> None:
    stages = Stages(tmp_path / "parts", {})
    with pytest.raises(ZeroDivisionError):
        stages.kept("broken", lambda: torch.zeros(1 // 0))
    assert stages.kept("broken", lambda: torch.ones(1)).tolist() == [1]


@pytest.mark.parametrize("keep", [0, 5, 100, 130])
def test_what_was_torn_off_is_made_again(tmp_path: Path, keep: int) -> None:
    stages = Stages(tmp_path / "parts", {})
    stages.kept("numbers", lambda: torch.arange(9))
    file = tmp_path / "parts" / "numbers.npy"
    file.write_bytes(file.read_bytes()[:keep])
    assert stages.kept("numbers", lambda: torch.arange(9)).tolist() == list(range(9))
    assert np.load(file).tolist() == list(range(9))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Stages(tmp_path / "file" / "parts", {})
