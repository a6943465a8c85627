"""Trees of plain values as tensors, which safetensors keeps, and JSON, which says where they belong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from rayloom.errors import InputError

Tree = Any
"""None, numbers, words, tensors and arrays, and lists and dictionaries of these."""

SCALARS = (bool, int, float, str, type(None), np.generic)


def is_plain(value: object) -> bool:
    """Whether a value is a tree."""
    if isinstance(value, Mapping):
        return all(isinstance(key, SCALARS) and is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, (*SCALARS, Tensor, np.ndarray))


def pack(tree: Tree, *, copied: bool = True) -> tuple[dict[str, Shaped[Tensor, "..."]], object]:
    """All tensors by their place in the tree, and the tree as JSON with places instead of them.

    Arrays become tensors and tuples lists; dictionaries become lists of pairs, whose keys stay numbers.
    Tensors that are to be written must be `copied`: safetensors refuses those that share memory.
    """
    tensors: dict[str, Tensor] = {}

    def packed(value: Tree, place: str) -> object:
        if isinstance(value, Tensor | np.ndarray):
            tensor = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            here = tensor.detach().cpu().contiguous()
            tensors[place] = here.clone() if copied else here
            return {"tensor": place}
        if isinstance(value, Mapping):
            return {"items": [[key, packed(item, f"{place}.{key}")] for key, item in value.items()]}
        if isinstance(value, list | tuple):
            return [packed(item, f"{place}.{i}") for i, item in enumerate(value)]
        assert isinstance(value, SCALARS), f"{place}: {type(value).__name__} is not plain"
        return value.item() if isinstance(value, np.generic) else value

    return tensors, packed(tree, "state")


def unpack(tensors: Mapping[str, Shaped[Tensor, "..."]], packed: object, where: object) -> Tree:
    """The tree that was packed; raises InputError with `where` for what `pack` never writes."""
    if isinstance(packed, list):
        return [unpack(tensors, item, where) for item in packed]
    if isinstance(packed, SCALARS):
        return packed
    if isinstance(packed, dict) and isinstance(name := packed.get("tensor"), str) and name in tensors:
        return tensors[name]
    pairs = packed.get("items") if isinstance(packed, dict) else None
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        raise InputError(where, "is no state of a training; expected what `rayloom train` wrote")
    return {key: unpack(tensors, item, where) for key, item in pairs}


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], SCALARS)
