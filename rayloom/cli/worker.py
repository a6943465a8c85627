"""A command that another process has asked for: `python -m rayloom.cli.worker COMMAND ...`.

It ends as soon as its stdin is closed, so that no worker outlives who asked for it.
"""

import os
import sys
import threading

from rayloom.cli.main import main


def end_with_stdin() -> None:
    """Wait for the end of stdin, and end the process."""
    # Past Python's own buffer, whose lock would be held when the interpreter shuts down.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    main()
