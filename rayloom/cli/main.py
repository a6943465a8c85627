"""The commands by name, and how a command ends: exit code 0, 2 for bad input, 130 for Ctrl-C."""

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from rayloom import __version__
from rayloom.errors import InputError

COMMANDS = {
    "weave": "do all of it: from photos to scores, a web page and a film",
    "process": "find the cameras of bare photos or of a video",
    "inspect": "say what is understood of a folder of photos",
    "train": "learn a scene from photos",
    "eval": "compare a trained scene with the photos held out",
    "render": "film a trained scene along a camera path",
    "view": "walk through a trained scene or a capture in a browser",
    "export": "take a trained scene away: a web page, a mesh, points or cameras",
    "sweep": "train methods on captures with several seeds, some at a time",
    "methods": "list the methods",
    "claims": "list what the methods are claimed to do, or measure it",
    "bench": "measure the engine beside the limits of this machine",
    "world": "make a capture of an invented scene",
}

DISK_ERRORS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR),
    *(errno.ENAMETOOLONG, errno.EMFILE, errno.EFBIG),
}
"""What no command can do anything about: full disks, folders that may not be written, and the like."""

HELP = f"""usage: rayloom COMMAND [OPTIONS]

rayloom {__version__} weaves photographs into neural radiance fields.

{{commands}}

  rayloom COMMAND --help    explains a command
  rayloom train METHOD --help    explains the settings of a method
  rayloom --version

A first scene:
  rayloom world --out capture
  rayloom train --data capture
"""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(list(sys.argv[1:] if args is None else args)))


def run(args: list[str]) -> int:
    """The exit code of one command; bad input is told in one line on stderr."""
    try:
        return _dispatch(args)
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of stdout has gone, as in `rayloom methods | head`; at exit Python would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        print(f"error: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
        return 2


def _dispatch(args: list[str]) -> int:
    command, *rest = args or ["--help"]
    if command in ("-h", "--help", "help"):
        commands = "\n".join(f"  {name:8} {summary}" for name, summary in COMMANDS.items())
        print(HELP.format(commands=commands), end="")
        return 0
    if command in ("-V", "--version"):
        print(f"rayloom {__version__}")
        return 0
    if command not in COMMANDS:
        raise InputError(f"command {command!r}", f"unknown; expected one of {', '.join(COMMANDS)}")
    return importlib.import_module(f"rayloom.cli.{command}").run(rest)
