"""Files of tensors that are on disk when they are said to be; `durable` is the same without torch."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from jaxtyping import Shaped
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from rayloom.training import durable


def write_tensors(path: Path, tensors: Mapping[str, Shaped[Tensor, "..."]]) -> None:
    """A new file of tensors that share no memory, straight from where they lie. Raises OSError."""
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        if (found := re.search(r"\(os error (\d+)\)", str(error))) is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error
    durable.flush(path)
