"""From photos to held-out views, a table, a film and a web page that shows the scene in any browser.

Without --data it makes a capture of rayloom's own scene world. Then it trains the smallest NeRF as a
baseline, and `rayloom weave` does the rest: it trains `loom` for the same number of seconds, scores it on
views that neither has seen, bakes the scene into a web page, films an orbit, and writes an index of all.

Usage:

    python examples/01_demo.py
    python examples/01_demo.py --data path/to/capture --seconds 120
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

COLUMNS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "lpips_alex": "LPIPS (alex)", "lpips_vgg": "LPIPS (vgg)"}


def rayloom(*words: object) -> dict[str, Any]:
    """What a rayloom command prints as JSON; its progress goes to the terminal."""
    command = [sys.executable, "-m", "rayloom", *map(str, words), "--json"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if finished.returncode != 0:
        sys.exit(finished.returncode)
    return json.loads(finished.stdout)


def free_folder(parent: Path, name: str) -> Path:
    """A folder that does not exist yet, since rayloom overwrites no run."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Mean scores on the held-out views, a line for each method."""
    lines = ["method".ljust(12) + "".join(title.rjust(14) for title in COLUMNS.values())]
    for name, run in rows.items():
        scores = run["eval"]["mean"]
        cells = ["-" if scores[key] is None else f"{scores[key]:.3f}" for key in COLUMNS]
        lines.append(name.ljust(12) + "".join(cell.rjust(14) for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Make or take a capture, train a baseline, weave, compare."""
    parser = argparse.ArgumentParser(description="Weave a scene with loom, and compare with a small NeRF.")
    parser.add_argument("--data", type=Path, help="a capture; by default one is made")
    parser.add_argument("--out", type=Path, default=Path("outputs/demo"), help="where everything goes")
    parser.add_argument("--seconds", type=float, default=60, help="training time of each method")
    args = parser.parse_args()

    data = args.data or args.out / "capture"
    if args.data is None and not data.exists():
        rayloom("world", "--out", data, "--views", 100, "--size", 200)
    seconds = ("--seconds", args.seconds)
    baseline = free_folder(args.out, "nerf-tiny")
    nerf = rayloom("train", "nerf@tiny", "--data", data, *seconds, "--out", baseline)
    small = ("--frames", 60, "--max-mb", 5)
    woven = rayloom("weave", data, "--out", free_folder(args.out, "loom"), *seconds, *small)

    print(f"\nheld-out views after {args.seconds:g} s of training")
    print(table({"loom": woven, "nerf@tiny": nerf}))
    print(f"\nside by side: {Path(woven['run']) / 'eval'}")
    places = {"orbit video": woven["videos"]["rgb"], "web page": woven["page"], "everything": woven["index"]}
    for name, place in places.items():
        print(f"{name + ':':13} {Path(place).resolve()}")


if __name__ == "__main__":
    main()
