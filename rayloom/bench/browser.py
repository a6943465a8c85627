"""Pages in headless Chromium, which draws by software: for figures, tests and the pictures of the docs."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image as PILImage

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]

PATIENCE_MS = 180_000
"""For whatever a busy machine takes long for."""


class NoBrowserError(Exception):
    """There is no browser here; says what is missing."""


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium as playwright drives it. Raises `NoBrowserError` where one of the two is not installed."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  Not everybody has it.
    except ImportError as error:
        raise NoBrowserError("playwright is not installed; expected pip install playwright") from error
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise NoBrowserError("no Chromium is installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE_MS)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def scene_tab(chromium: Any, file: Path, width: int, height: int) -> Iterator[Any]:  # noqa: ANN401
    """A tab with the page of a baked scene, ready, without buttons; what it asked for is in `tab.asked`."""
    tab = chromium.new_page(viewport={"width": width, "height": height})
    try:
        tab.set_default_timeout(PATIENCE_MS)
        tab.asked = []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.goto(file.resolve().as_uri())
        tab.evaluate("rayloom.ready")
        tab.evaluate("rayloom.setInterface(false)")
        yield tab
    finally:
        tab.close()


def screenshot(tab: Any) -> UInt8[Array, "h w 3"]:  # noqa: ANN401
    """What the tab shows."""
    with PILImage.open(io.BytesIO(tab.screenshot())) as picture:
        return np.asarray(picture.convert("RGB"))
