"""Options of commands, read from the fields of dataclasses and the docstrings under them."""

import io
import sys
from contextlib import redirect_stderr
from functools import partial
from typing import Annotated, Any, TypeVar

import tyro

from rayloom.errors import InputError

T = TypeVar("T")

Word = Annotated[T, tyro.conf.Positional]
"""An argument without a dash."""

Flat = Annotated[T, tyro.conf.arg(name="")]
"""A record whose fields are options themselves, without a prefix."""


def parse_known(kind: type[T], command: str, description: str, args: list[str]) -> tuple[T, list[str]]:
    """The options in `args`, as `parse` does, and the words that are none of them."""
    return _parse(kind, command, description, args, strangers=True)


def parse(kind: type[T], command: str, description: str, args: list[str]) -> T:
    """The options in `args`; exits with a message and code 2 if they make no sense, with 0 after --help.

    Raises the InputError of a record that refuses its values.
    """
    return _parse(kind, command, description, args)


def _parse(
    kind: type[Any], command: str, description: str, args: list[str], *, strangers: bool = False
) -> Any:  # noqa: ANN401
    said = io.StringIO()
    # One spelling for a switch: --json, not also --no-json.
    config = (tyro.conf.FlagCreatePairsOff,)
    cli = partial(
        tyro.cli, kind, prog=f"rayloom {command}", description=description, args=args, config=config
    )
    try:
        with redirect_stderr(said):
            return cli(return_unknown_args=True) if strangers else cli()
    except SystemExit as end:
        # Tyro draws a box around the words of an exception; an InputError speaks for itself.
        error: BaseException | None = end
        while error is not None:
            if isinstance(error, InputError):
                raise error from None
            error = error.__context__
        sys.stderr.write(said.getvalue())
        raise
