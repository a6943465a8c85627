"""The one place where a kernel's implementation is chosen, per call, by device and dtype.

A kernel is a function of this package: its body is the reference in plain torch, which is the
definition. A faster version is the function of the same name in the module of the same name under
`kernels/numba/` (CPU, float32) or `kernels/triton/` (CUDA, float32). To add one, write that file;
nothing is registered.
"""

import importlib
import importlib.util
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

Implementation = Literal["auto", "torch", "numba", "triton"]
"""`auto` takes the fastest that fits the tensors; the others force one."""

PACKAGES = {"cpu": "numba", "cuda": "triton"}
"""What is fastest on each type of device."""

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
    """The version of `kernel` to call instead of its reference for these tensors, or None.

    Triton can also be forced upon tensors of the CPU, where its kernels are interpreted.
    """
    if implementation == "torch" or (implementation == "auto" and _reference_only.get()):
        return None
    device = _device(tensors)
    package = PACKAGES.get(device) if implementation == "auto" else implementation
    suits = package is not None and _suits(package, device)
    found = _find(package, kernel.__module__, kernel.__name__) if suits else None
    assert found or implementation == "auto", f"{kernel.__name__} has no {package} version for these tensors"
    return found


def numba_suits(*tensors: Tensor | None) -> bool:
    """Whether kernels called with `auto` are numba's for these tensors."""
    return not _reference_only.get() and _device(tensors) == "cpu" and numba_available()


def numba_available() -> bool:
    """Whether numba can be imported; where it cannot, a log message says so once."""
    return _lack("numba") is None


def _device(tensors: Sequence[Tensor | None]) -> str:
    """The type of device that holds all tensors; empty if they lie apart or are not float32."""
    kinds = {(t.device.type, t.dtype) for t in tensors if t is not None}
    (device, dtype) = kinds.pop() if len(kinds) == 1 else ("", None)
    return device if dtype == torch.float32 else ""


def _suits(package: str, device: str) -> bool:
    """Whether a package can work on a type of device here."""
    fits = PACKAGES.get(device) == package or (package, device) == ("triton", "cpu")
    return fits and _lack(package) is None and (device != "cpu" or package == "numba" or _interpreted())


def _interpreted() -> bool:
    """Whether Triton interprets its kernels, which then need neither a GPU nor a compiler."""
    return importlib.import_module("rayloom.kernels.triton.jit").INTERPRETED


@cache
def _lack(package: str) -> str | None:
    """What keeps a package from working here, told to the log on the first call."""
    if importlib.util.find_spec(package) is None:
        lack = f"{package} is not installed"
    elif error := _import_error(package):
        lack = f"{package} cannot be imported ({error})"
    elif package == "triton" and not (_c_compiler() or _interpreted()):
        lack = "triton finds no C compiler to build its launchers with"
    else:
        return None
    logging.getLogger("rayloom").warning(f"{lack}, so the slower kernels in torch are used")
    return lack


def _import_error(package: str) -> ImportError | None:
    """What goes wrong when an installed package is imported, as with a numba too old for this numpy."""
    try:
        importlib.import_module(package)
    except ImportError as error:
        return error
    return None


def _c_compiler() -> str | None:
    """The compiler that Triton would take."""
    return os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")


@cache
def _find(package: str, module: str, name: str) -> Callable[..., Any] | None:
    """The function `name` of `rayloom.kernels.<package>.<module>`, or None where there is no such file."""
    path = f"rayloom.kernels.{package}.{module.rpartition('.')[2]}"
    if importlib.util.find_spec(path) is None:
        return None
    return getattr(importlib.import_module(path), name, None)
