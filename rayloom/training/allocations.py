"""Counting memory from inside: what an object holds, and what a piece of work takes while it runs."""

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_NEITHER = (str, bytes, int, float, complex, bool, type, type(None), ModuleType, FunctionType, np.generic)


class Allocations(TorchDispatchMode):
    """While it is on, the bytes of the tensors that torch meets until they are gone, and the most so far.

    A tensor that was there before counts from its first use, one over an array of numpy's likewise. What
    torch's libraries take as working memory within an operation is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def begin_peak(self) -> None:
        """Forget the peak so far."""
        self.peak = self.now

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Call an operation of torch, and count what it is given and what it gives."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, result)):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        address, size = storage.data_ptr(), storage.nbytes()
        if size == 0 or address in self._known:
            return
        self._known.add(address)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, address, size).atexit = False

    def _forget(self, address: int, size: int) -> None:
        self._known.discard(address)
        self.now -= size


def held_bytes(*roots: object, known: set[int] | None = None) -> int:
    """Bytes of all tensors and arrays that hang on some objects, with their gradients, each memory once.

    Memory whose address is in `known` does not count, and what was found is added to it. Arrays that are
    mapped from files take no memory of their own and are known from then on.
    """
    known = set() if known is None else known
    total, seen, waiting = 0, set[int](), list(roots)
    while waiting:
        node = waiting.pop()
        if isinstance(node, _NEITHER) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Tensor | np.ndarray):
            address, size, mapped = _owner(node)
            if address not in known:
                known.add(address)
                total += 0 if mapped else size
            if isinstance(node, Tensor) and node.is_leaf:
                waiting.append(node.grad)
        else:
            waiting += _children(node)
    return total


def _children(node: object) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    if isinstance(node, list | tuple | set | frozenset):
        return list(node)
    if isinstance(node, partial):
        return [node.func, *node.args, *node.keywords.values()]
    if isinstance(node, MethodType):
        return [node.__self__]
    return list(getattr(node, "__dict__", {}).values())


def _owner(value: Tensor | np.ndarray) -> tuple[int, int, bool]:
    """Address and size of the memory that a value looks at, and whether it is mapped from a file."""
    if isinstance(value, Tensor):
        storage = value.untyped_storage()
        return storage.data_ptr(), storage.nbytes(), False
    while isinstance(value.base, np.ndarray):
        value = value.base
    return value.ctypes.data, value.nbytes, isinstance(value, np.memmap)
