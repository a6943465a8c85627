"""Result files that are whole or absent, never half written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rayloom.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name `path` when the block ends well.

    Missing folders are made. If the block fails, what was at `path` before is still there. Raises
    InputError where the file cannot be written.
    """
    part = path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise InputError(path, f"the file cannot be written ({error.strerror or error})") from error
    finally:
        if part.is_file():
            part.unlink()
