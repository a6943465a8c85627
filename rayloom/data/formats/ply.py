"""Points in PLY files, ASCII or binary."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.errors import InputError

_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}


def read_points(path: Path) -> NDArray[np.float64]:
    """The vertices of a PLY file, n x 3; raises InputError where it is damaged or of another layout."""
    try:
        header, _, body = path.read_bytes().partition(b"end_header")
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    body = body.partition(b"\n")[2]
    lines = [line.split() for line in header.decode("ascii", "replace").splitlines()]
    if not lines or lines[0] != ["ply"] or not body:
        raise InputError(path, "not a PLY file; expected a header from `ply` to `end_header`")
    order = next((line[1] for line in lines if line[0:1] == ["format"] and len(line) > 1), "")
    if order not in _ORDERS:
        raise InputError(path, f"expected one of the formats {', '.join(_ORDERS)}; found {order!a}")
    count, properties = _vertex_layout(lines, path)
    try:
        if order == "ascii":
            rows = [line.split() for line in body.splitlines()[:count]]
            columns = [[float(row[names]) for row in rows] for names in _xyz(properties)]
            points = np.array(columns).T.reshape(-1, 3)
        else:
            layout = np.dtype([(name, _ORDERS[order] + kind) for name, kind in properties])
            table = np.frombuffer(body, layout, count)
            points = np.stack([table[axis].astype(np.float64) for axis in "xyz"], axis=-1)
    except (ValueError, IndexError) as error:
        raise InputError(path, f"the vertices are damaged ({error})") from error
    if len(points) != count:
        raise InputError(path, f"the header tells of {count} vertices, found {len(points)}")
    return points


def write_points(path: Path, points: NDArray[np.float64]) -> None:
    """Write n x 3 points as a binary PLY file of doubles."""
    axes = "".join(f"property double {axis}\n" for axis in "xyz")
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n{axes}end_header\n"
    path.write_bytes(header.encode() + points.astype("<f8").tobytes())


def _vertex_layout(lines: list[list[str]], path: Path) -> tuple[int, list[tuple[str, str]]]:
    """Number of vertices, and name and type of their properties."""
    elements = [index for index, line in enumerate(lines) if line[:1] == ["element"]]
    # Vertices come first in every file of points; what follows them is passed over.
    start = elements[0] if elements else 0
    match lines[start]:
        case ["element", "vertex", number] if number.isdecimal() and len(number) < 12:
            count = int(number)
        case _:
            raise InputError(path, "expected `element vertex` and a number as the first element")
    end = elements[1] if len(elements) > 1 else len(lines)
    properties: list[tuple[str, str]] = []
    for line in lines[start + 1 : end]:
        match line:
            case ["property", kind, name] if kind in _TYPES and name not in dict(properties):
                properties.append((name, _TYPES[kind]))
            case ["property", *rest]:
                raise InputError(path, f"expected numbers as vertex properties; found {' '.join(rest)!a}")
    if not {"x", "y", "z"} <= dict(properties).keys():
        raise InputError(path, "expected the vertex properties x, y and z")
    return count, properties


def _xyz(properties: list[tuple[str, str]]) -> list[int]:
    names = [name for name, _ in properties]
    return [names.index(axis) for axis in "xyz"]
