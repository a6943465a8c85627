"""What commands print: results on stdout, everything else on stderr."""

import json
import math
import sys
from collections.abc import Iterable, Sequence

from rayloom.errors import printable


def print_json(value: object) -> None:
    """A value on stdout as JSON; numbers that JSON has no word for become null."""
    print(json.dumps(_plain(value), indent=2, allow_nan=False))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows on stdout, as columns that are as wide as they need to be."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def warn(messages: Iterable[str]) -> None:
    """Each message in a line on stderr."""
    for message in messages:
        # Names of files are in them.
        print(f"warning: {printable(message)}", file=sys.stderr)


def note(message: str, *, quiet: bool = False) -> None:
    """A line on stderr that says what is going on, unless quiet."""
    if not quiet:
        print(message, file=sys.stderr)


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
