"""What all tests share: seeds, hypothesis profiles, and the way to the shared captures and weights."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The workers of pytest-xdist already share the cores; torch's own threads would only get in their way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("default", deadline=None, derandomize=bool(os.environ.get("CI")), max_examples=30)
settings.load_profile("default")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Every test starts from the same random state."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Gives the folder of a shared capture by name, or skips the test and says why."""
    root = Path(os.environ.get("RAYLOOM_DATA", PROJECT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (root / name).exists():
            pytest.skip(f"the capture {name!r} is not at {root}; set RAYLOOM_DATA")
        return root / name

    return find


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, drawing by software; for one file of tests, since it cannot be started twice at a time."""
    from rayloom.bench.browser import NoBrowserError  # noqa: PLC0415
    from rayloom.bench.browser import browser as chromium  # noqa: PLC0415

    with ExitStack() as stack:
        try:
            started = stack.enter_context(chromium())
        except NoBrowserError as error:
            pytest.skip(str(error))
        yield started
