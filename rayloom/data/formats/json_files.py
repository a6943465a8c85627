"""JSON files decoded into typed records, with errors that name file, place and field."""

import json
import re
from pathlib import Path
from typing import TypeVar

import msgspec

from rayloom.errors import InputError

T = TypeVar("T")


def read_json(path: Path, kind: type[T]) -> T:
    """The file as a record of type `kind`; fields that the record does not have are passed over.

    Raises InputError where the file is no JSON or a field has the wrong type.
    """
    content = read_object(path)
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise _told(path, str(error)) from error
    except UnicodeEncodeError as error:
        raise InputError(path, f"expected text, found {error.object[:40]!a}") from error


def read_object(path: Path) -> object:
    """What the JSON file holds, unchecked; raises InputError where it is no JSON."""
    # The standard library's parser also takes NaN and Infinity, as other tools write them. The
    # checks that follow then name the field, which says more than a syntax error.
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(path, f"broken JSON at {place}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"broken JSON: no Unicode text at byte {error.start}") from error
    except RecursionError as error:
        raise InputError(path, "broken JSON: brackets are nested too deeply") from error
    except ValueError as error:
        raise InputError(path, f"broken JSON: {error}") from error
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error


def _told(path: Path, message: str) -> InputError:
    """The InputError for a message of msgspec, for example "Expected `float`, got `str` - at `$.w`"."""
    problem, _, field = message.partition(" - at `$")
    field = field.rstrip("`").lstrip(".")
    problem = re.sub(r"^Expected (.*), got (.*)$", r"expected \1, found \2", problem).replace("`", "")
    where = f"{path}: {field}" if field else str(path)
    return InputError(where, problem[:1].lower() + problem[1:])
