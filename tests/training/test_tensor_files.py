from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rayloom.errors import InputError
from rayloom.training.runs import WEIGHTS
from rayloom.training.tensor_files import write_tensors
from rayloom.training.weights import save_weights


def test_what_was_written_is_there(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(5.0), "b": torch.zeros(0, 3, dtype=torch.uint8)}
    write_tensors(tmp_path / "tensors", tensors)
    found = load_file(tmp_path / "tensors")
    assert found.keys() == tensors.keys()
    assert all(found[name].equal(tensor) for name, tensor in tensors.items())


def test_what_the_system_refuses_is_its_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as found:
        write_tensors(tmp_path / "missing" / "tensors", {"a": torch.zeros(2)})
    assert found.value.strerror == "No such file or directory"


def test_weights_that_cannot_be_written_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder should be")
    with pytest.raises(InputError, match=f"{WEIGHTS}: the file cannot be written"):
        save_weights(tmp_path / "run", torch.nn.Linear(2, 2))
