"""Make the pictures of the web page, of the page about it and of the viewer, which the docs show.

A scene is woven, of a still life unless --data names another capture, and headless Chromium looks at what
came of it. What an interrupted call has done is not done again.

Usage:

    python docs/make_pictures.py
    python docs/make_pictures.py --data path/to/capture --seconds 120
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rayloom.bench.browser import PATIENCE_MS, NoBrowserError, browser, scene_tab, screenshot

IMAGES = Path(__file__).parent / "images"
MOST_BYTES = 200_000
"""Of a picture in the docs."""
GAP = 8
"""Pixels between pictures in a row."""


def main() -> None:
    """Weave, look, and write into `docs/images`."""
    parser = argparse.ArgumentParser(description="Make the pictures of web page and viewer for the docs.")
    parser.add_argument("--data", type=Path, help="a capture; by default one is made")
    parser.add_argument("--out", type=Path, default=Path("outputs/pictures"), help="where the scene goes")
    parser.add_argument("--seconds", type=float, default=60, help="training time")
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    args = parser.parse_args()

    data, woven = args.data or args.out / "capture", args.out / "woven"
    if not data.exists():
        rayloom("world", "--out", data, "--views", 100, "--size", 300)
    rayloom("weave", data, "--out", woven, "--seconds", args.seconds, "--frames", 60)
    try:
        with browser() as chromium:
            keep(web_scene(chromium, woven / "scene.html"), args.images / "web-scene.jpg")
            keep(whole_page(chromium, woven / "index.html"), args.images / "weave.jpg")
            with viewer(woven / "run") as address:
                keep(viewed(chromium, address), args.images / "viewer.jpg")
    except NoBrowserError as error:
        sys.exit(f"error: {error}")


def rayloom(*words: object) -> None:
    """Run a rayloom command, whose progress goes to the terminal; ends where it fails."""
    finished = subprocess.run([sys.executable, "-m", "rayloom", *map(str, words)], check=False)
    if finished.returncode != 0:
        sys.exit(finished.returncode)


def web_scene(chromium: Any, file: Path) -> Image.Image:  # noqa: ANN401
    """Colour and depth of the view that the page begins with."""
    with scene_tab(chromium, file, 560, 420) as tab:
        # The first picture is a coarse one.
        tab.evaluate("rayloom.setMode('colour')")
        colour = screenshot(tab)
        tab.evaluate("rayloom.setMode('depth')")
        depth = screenshot(tab)
    gap = np.full((len(colour), GAP, 3), 255, np.uint8)
    return Image.fromarray(np.concatenate([colour, gap, depth], axis=1))


def whole_page(chromium: Any, file: Path) -> Image.Image:  # noqa: ANN401
    """The beginning of a page."""
    tab = chromium.new_page(viewport={"width": 1000, "height": 1300})
    tab.goto(file.resolve().as_uri(), wait_until="load", timeout=PATIENCE_MS)
    picture = Image.fromarray(screenshot(tab))
    tab.close()
    return picture


@contextmanager
def viewer(run: Path) -> Iterator[str]:
    """The address of a viewer of a run, which is served meanwhile."""
    command = [sys.executable, "-m", "rayloom", "view", str(run), "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        address = serving.stdout.readline().strip()
        if not address:
            sys.exit(serving.wait())
        try:
            yield address
        finally:
            serving.terminate()


def viewed(chromium: Any, address: str) -> Image.Image:  # noqa: ANN401
    """What the viewer shows once its picture has stayed the same for some seconds, or after a minute."""
    tab = chromium.new_page(viewport={"width": 1120, "height": 700})
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(address)
    tab.wait_for_selector("canvas")
    last, same = screenshot(tab), 0
    for _ in range(40):
        tab.wait_for_timeout(1500)
        now = screenshot(tab)
        same = same + 1 if np.array_equal(now, last) else 0
        last = now
        if same == 4:
            break
    tab.close()
    return Image.fromarray(last)


def keep(picture: Image.Image, path: Path) -> None:
    """Write a picture as finely as its room allows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in range(92, 30, -6):
        picture.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            break
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
