"""The weights of a run, as safetensors."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.training.runs import WEIGHTS
from rayloom.training.tensor_files import write_tensors


def save_weights(run: Path, method: nn.Module) -> None:
    """Write parameters and buffers of a method into the run folder."""
    # A copy of each, because safetensors refuses tensors that share memory.
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in method.state_dict().items()}
    with whole_file(run / WEIGHTS) as part:
        write_tensors(part, state)


def load_weights(run: Path, method: nn.Module) -> None:
    """Put the run's weights into a method.

    Raises InputError for a broken file, and with the names of tensors that are missing, unknown or of
    another shape.
    """
    path = run / WEIGHTS
    try:
        state = safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(path, f"cannot be read: {error}") from error
    try:
        method.load_state_dict(state)
    except RuntimeError as error:
        details = " ".join(str(error).split())
        raise InputError(path, f"does not fit the method: {details}") from error
