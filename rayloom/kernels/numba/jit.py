"""How the CPU kernels are compiled: without the GIL, without a check on bounds, and cached on disk.

Each kernel is a function of its module, so that its machine code can be cached; what varies between
calls is an argument. The compiler is numba's; nothing else is needed on the user's machine.
"""

import hashlib
import inspect
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
import numba.extending
import numpy as np
from llvmlite import binding
from numba.core.event import Event, Listener, register

F = TypeVar("F", bound=Callable[..., Any])

FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}
"""Freedoms of floating-point arithmetic that the kernels grant. Not among them: nnan and ninf, under
which a kernel could not be trusted to pass a NaN on to the check of the losses."""

f32 = np.float32


def kernel(function: F) -> F:
    """The function compiled on its first call, from the cache on disk where that is possible."""
    return _compiled(function, {})


def inner(function: F) -> F:
    """The same for a function that only other kernels call, and that allocates nothing.

    It does without counting references to arrays: the counts are atomic, and in a tile of 16 samples
    they took as long as the arithmetic.
    """
    return _compiled(function, {"_nrt": False})


def inlined(function: F) -> F:
    """The same for a function that becomes part of its callers: to pass many arrays takes time."""
    return _compiled(function, {"_nrt": False, "forceinline": True})


def intrinsic(emitter: Callable[..., Any]) -> Any:  # noqa: ANN401  It is called by kernels only.
    """A function for use in kernels whose LLVM instructions the emitter writes."""
    return numba.extending.intrinsic(inspect.unwrap(emitter))


def _compiled(function: F, options: dict[str, Any]) -> F:
    # The tests wrap functions to check annotations; what is compiled is the function itself.
    function = inspect.unwrap(function)
    options |= {"nogil": True, "fastmath": FAST, "error_model": "numpy", "boundscheck": False}
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        _note_missing_cache()
        uncached: Any = numba.njit(**options)(function)
        return uncached
    # Numba's cache looks for changes in the file of the function alone; the kernels call each other
    # across files, so all of them count.
    index = compiled._cache._cache_file
    index._source_stamp = (index._source_stamp, _fingerprint())
    return compiled


@cache
def host_lanes() -> int:
    """How many float32 a vector register of this machine holds; 1 where there is none."""
    features = binding.get_host_cpu_features()
    for lanes, names in ((16, ("avx512f",)), (8, ("avx2",)), (4, ("neon", "asimd", "sse2"))):
        if any(features.get(name, False) for name in names):
            return lanes
    return 4 if binding.get_process_triple().startswith(("aarch64", "arm64")) else 1


@cache
def _fingerprint() -> str:
    """A digest of the sources of all kernels."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _note_missing_cache() -> None:
    logging.getLogger("rayloom").warning(
        "no folder for compiled kernels can be written, so they are compiled anew in every process; "
        "set NUMBA_CACHE_DIR to a folder that can"
    )


@cache
def _note_compilation() -> None:
    logging.getLogger("rayloom").info(
        "compiling kernels for this processor, which happens once per machine and can take a minute"
    )


class _Compilation(Listener):
    """Hears when numba compiles, which it does not where the cache on disk has the kernel already."""

    def on_start(self, event: Event) -> None:
        details: Any = event.data
        if details["dispatcher"].py_func.__module__.startswith(__package__):
            _note_compilation()

    def on_end(self, event: Event) -> None:
        pass


register("numba:compile", _Compilation())
