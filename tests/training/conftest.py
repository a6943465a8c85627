import os

import pytest


@pytest.fixture(autouse=True)
def _no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether content survives a power cut cannot be seen here, and waiting for the disk takes minutes."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
