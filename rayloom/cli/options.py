"""Options of commands, read from the fields of dataclasses and the docstrings under them."""

from typing import Annotated, TypeVar

import tyro

T = TypeVar("T")

Word = Annotated[T, tyro.conf.Positional]
"""An argument without a dash."""

Flat = Annotated[T, tyro.conf.arg(name="")]
"""A record whose fields are options themselves, without a prefix."""


def parse(kind: type[T], command: str, description: str, args: list[str]) -> T:
    """The options in `args`; exits with a message and code 2 if they make no sense, with 0 after --help."""
    return tyro.cli(
        kind,
        prog=f"rayloom {command}",
        description=description,
        args=args,
        # One spelling for a switch: --json, not also --no-json.
        config=(tyro.conf.FlagCreatePairsOff,),
    )
