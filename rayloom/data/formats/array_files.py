"""NumPy files read with care: no pickles, and errors that name the file."""

import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.errors import InputError

LARGEST_UNPACKED = 1 << 30
"""Bytes that an array of an archive may take in memory, where its file is smaller than that."""

# What NumPy's and Python's parsers raise for damaged files; a MemoryError comes from a damaged shape.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    KeyError,
    OverflowError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npy(path: Path) -> NDArray[np.float64]:
    """The array of an .npy file in double precision; raises InputError where it is none of numbers."""
    try:
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            return _numbers(np.lib.format.read_array(file, allow_pickle=False), str(path))
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(path, f"not a readable .npy file ({_first_line(error)})") from error


def npz_keys(path: Path) -> set[str]:
    """Names of the arrays in an .npz file; empty where it is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except _DAMAGE:
        return set()


def read_npz(path: Path, keys: tuple[str, ...]) -> Mapping[str, NDArray[np.generic]]:
    """The arrays named by `keys`; raises InputError where one is missing or damaged."""
    found = npz_keys(path)
    for key in keys:
        if key not in found:
            listed = ", ".join(sorted(found)) or "nothing readable"
            raise InputError(path, f"expected the arrays {', '.join(keys)}; found {listed}")
    return {key: _member(path, key) for key in keys}


def _member(path: Path, key: str) -> NDArray[np.generic]:
    """One array of an archive; raises InputError where it is damaged or much larger than its file."""
    where = f"{path}: {key}"
    try:
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path) as archive:
            name = key if key in archive.namelist() else f"{key}.npy"
            size, limit = archive.getinfo(name).file_size, max(LARGEST_UNPACKED, path.stat().st_size)
            if size > limit:
                raise InputError(where, f"unpacks to {size:,} bytes; expected at most {limit:,}")
            with archive.open(name) as file:
                return np.lib.format.read_array(file, allow_pickle=False)
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(where, f"not a readable array ({_first_line(error)})") from error


def _numbers(array: NDArray[np.generic], where: str) -> NDArray[np.float64]:
    if array.dtype.kind not in "fiu":
        raise InputError(where, f"expected numbers, found dtype {array.dtype}")
    return array.astype(np.float64)


def _first_line(error: BaseException) -> str:
    """What an error says, cut to what one line of a message can hold."""
    lines = str(error).splitlines()
    return lines[0][:120] if lines else type(error).__name__
