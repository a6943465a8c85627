"""Which claims a method makes, and what was measured last."""

import dataclasses
import importlib
import json
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from rayloom import claims
from rayloom.claims.records import Claim, Result
from rayloom.errors import InputError
from rayloom.files import whole_file

FOLDER = Path(__file__).parent


def claims_of(method: str) -> tuple[Claim, ...]:
    """The claims of a method; none where it has no claims module."""
    stem = method.replace("-", "_")
    if not (FOLDER / f"{stem}.py").exists():
        return ()
    return importlib.import_module(f"{claims.__name__}.{stem}").CLAIMS


def results_path(method: str, folder: Path = FOLDER) -> Path:
    """Where the results of a method are kept."""
    return folder / f"{method.replace('-', '_')}.toml"


def read_results(path: Path) -> dict[str, Result]:
    """Kept results by claim; none where there is no file. Raises InputError for a broken one."""
    if not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        results = msgspec.convert(values.get("result", []), list[Result])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(path, str(error)) from error
    return {result.claim: result for result in results}


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Keep results, ordered as given; raises InputError where the file cannot be written."""
    with whole_file(path) as part:
        part.write_text("\n".join(map(_toml, results)), encoding="utf-8")


def record(path: Path, claims: Sequence[Claim], result: Result) -> list[str]:
    """Keep a result of one of a method's claims beside those of the others, in the order of the claims.

    Returns the names of results that were dropped because their claims no longer exist. Raises InputError
    where the file is broken or cannot be written.
    """
    # Measuring takes minutes: what the file held before may be older than what it holds now.
    results = read_results(path) | {result.claim: result}
    names = [claim.name for claim in claims]
    write_results(path, [results[name] for name in names if name in results])
    return [name for name in results if name not in names]


def _toml(result: Result) -> str:
    values = {name: value for name, value in dataclasses.asdict(result).items() if value not in (None, ())}
    return "[[result]]\n" + "".join(f"{name} = {_literal(value)}\n" for name, value in values.items())


def _literal(value: object) -> str:
    """A number, a string, or numbers in TOML."""
    if isinstance(value, tuple):
        return repr(list(value))
    if not isinstance(value, str):
        return repr(value)
    # JSON's escapes are TOML's, but for what TOML wants escaped and what it does not let be escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
