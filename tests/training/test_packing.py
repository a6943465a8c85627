import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rayloom.errors import InputError
from rayloom.training.packing import is_plain, pack, unpack

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
tensors = st.lists(st.integers(0, 9), max_size=4).map(torch.tensor) | st.just(torch.tensor(1.5))
trees = st.recursive(
    scalars | tensors,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(), inner, max_size=3),
    max_leaves=8,
)


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and a == b


@given(trees)
def test_a_tree_comes_back_through_json(tree: Any) -> None:
    assert is_plain(tree)
    packed_tensors, packed = pack(tree)
    assert equal(unpack(packed_tensors, json.loads(json.dumps(packed)), "here"), tree)


def test_arrays_become_tensors_and_tuples_lists() -> None:
    found = unpack(*pack({"a": (np.arange(3), np.float32(0.5))}), "here")
    assert equal(found, {"a": [torch.arange(3), 0.5]})


def test_packed_tensors_share_no_memory() -> None:
    tensor = torch.zeros(3)
    tensors, _ = pack([tensor, tensor])
    tensor += 1
    assert [value.tolist() for value in tensors.values()] == [[0, 0, 0]] * 2


@pytest.mark.parametrize("value", [object(), {"a": object()}, [torch.nn.Linear(1, 1)], {(1, 2): 3}])
def test_objects_are_not_plain(value: object) -> None:
    assert not is_plain(value)


@pytest.mark.parametrize(
    "packed",
    [{}, {"tensor": "gone"}, {"items": 3}, {"items": [[1]]}, {"items": [[[], 1]]}, {"items": ["ab"]}],
)
def test_what_was_never_packed_is_refused(packed: object) -> None:
    with pytest.raises(InputError, match="here: is no state of a training"):
        unpack({}, packed, "here")
