"""The one place where a kernel's implementation is chosen, per call, by device and dtype.

A kernel is a function of this package: its body is the reference in plain torch, which is the
definition. A faster version is the function of the same name in the module of the same name under
`kernels/numba/` (CPU, float32). To add one, write that file; nothing is registered.
"""

import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

Implementation = Literal["auto", "torch", "numba"]
"""`auto` takes the fastest that fits the tensors; the others force one."""

_reference_only: ContextVar[bool] = ContextVar("reference_only", default=False)


@contextmanager
def use_reference() -> Iterator[None]:
    """Within this context every kernel called with `auto` is the reference in torch."""
    token = _reference_only.set(True)
    try:
        yield
    finally:
        _reference_only.reset(token)


def faster(
    kernel: Callable[..., Any], implementation: Implementation, *tensors: Tensor | None
) -> Callable[..., Any] | None:
    """The version of `kernel` to call instead of its reference for these tensors, or None."""
    if implementation == "torch" or (implementation == "auto" and _reference_only.get()):
        return None
    found = _find("numba", kernel.__module__, kernel.__name__) if _on_cpu(tensors) else None
    if implementation == "numba":
        assert found is not None, f"{kernel.__name__} has no numba version for these tensors"
    return found


def numba_suits(*tensors: Tensor | None) -> bool:
    """Whether kernels called with `auto` are numba's for these tensors."""
    return not _reference_only.get() and _on_cpu(tensors) and numba_available()


def _on_cpu(tensors: Sequence[Tensor | None]) -> bool:
    return all(t is None or (t.device.type == "cpu" and t.dtype == torch.float32) for t in tensors)


def numba_available() -> bool:
    """Whether numba can be imported; where it cannot, a log message says so once."""
    return _numba_note() is None


@cache
def _numba_note() -> str | None:
    """Why there is no numba, told to the log on the first call."""
    if importlib.util.find_spec("numba") is not None:
        return None
    note = "numba is not installed, so the slower kernels in torch are used on the CPU"
    logging.getLogger("rayloom").warning(note)
    return note


@cache
def _find(package: str, module: str, name: str) -> Callable[..., Any] | None:
    """The function `name` of `rayloom.kernels.<package>.<module>`, or None where there is no such file."""
    path = f"rayloom.kernels.{package}.{module.rpartition('.')[2]}"
    if not numba_available() or importlib.util.find_spec(path) is None:
        return None
    return getattr(importlib.import_module(path), name, None)
