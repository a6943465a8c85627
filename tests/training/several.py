"""Processes that train together, without torchrun: children of the test, which have loaded what it has."""

import os
import sys
import threading
import traceback
from collections.abc import Callable

from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from rayloom.training.distributed import joined

SECONDS_AT_MOST, TOO_LATE = 240.0, 99
"""How long a process may take, and its exit code then."""


def together(count: int, work: Callable[[int], object]) -> list[int]:
    """The exit codes of so many processes that join and then do `work`, each with its number.

    They are less than 0 for a signal.
    """
    # As torchrun does it: a store that outlives them all.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    children = [_child(rank, count, store.port, work) for rank in range(count)]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _child(rank: int, count: int, port: int, work: Callable[[int], object]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    # A test fails rather than waits for ever.
    watchdog = threading.Timer(SECONDS_AT_MOST, os._exit, (TOO_LATE,))
    watchdog.daemon = True
    watchdog.start()
    try:
        os.setsid()
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        words = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": True}
        os.environ |= {name: str(value) for name, value in (place | words).items()}
        with joined():
            work(rank)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
