"""Results of a long job, kept as they come, so that the job can go on where it was interrupted."""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from rayloom.files import whole_file

SETTINGS = "settings.json"


class Stages:
    """A folder of results by name, all made with the same settings; other settings begin anew."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.folder = folder
        text = json.dumps(settings, sort_keys=True)
        known = folder / SETTINGS
        if known.is_file() and known.read_text() != text:
            shutil.rmtree(folder, ignore_errors=True)
        with whole_file(known) as part:
            part.write_text(text)

    def kept(self, name: str, make: Callable[[], Shaped[Tensor, "..."]]) -> Shaped[Tensor, "..."]:
        """The result of this name, made now if it is not there."""
        path = self.folder / f"{name}.npy"
        with suppress(OSError, ValueError, EOFError):
            # One that a power cut tore off is made again.
            return torch.from_numpy(np.load(path, allow_pickle=False))
        result = make()
        with whole_file(path) as part:
            np.save(part, result.numpy())
        return result
