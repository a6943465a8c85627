"""An orbit twice, side by side: by the field's own colours, and decoded from a fraction of the rays.

Opens a run of ReLS-NeRF, films the same orbit in both ways, and prints what a frame takes, in its two terms,
and how consistent the films are.

Usage:

    rayloom train rels-nerf --data DIR --out run
    python examples/05_latent_orbit.py run --out outputs/latent_orbit.mp4
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cli.filming import made_path
from rayloom.cli.opening import open_run
from rayloom.export.video import write_video
from rayloom.methods.rels_nerf import ReLSNeRF
from rayloom.metrics.pictures import eight_bit, side_by_side
from rayloom.metrics.rcc import reprojective_consistency
from rayloom.types import Image


def video(name: str) -> Path:
    """The name of a video; it is known before the filming whether it is one."""
    if not name.lower().endswith((".mp4", ".gif")):
        raise argparse.ArgumentTypeError(f"{name!r} is no name of a video; expected .mp4 or .gif at its end")
    return Path(name)


def main() -> None:
    """Film, print and write the video."""
    parser = argparse.ArgumentParser(description="Film an orbit of a run of ReLS-NeRF in both of its ways.")
    parser.add_argument("run", type=Path, help="run folder of rels-nerf")
    parser.add_argument("--frames", type=int, default=120, help="frames of the whole orbit")
    parser.add_argument("--scale", type=float, default=1.0, help="divides the resolution")
    parser.add_argument("--out", type=video, default=Path("outputs/latent_orbit.mp4"), help="the video")
    args = parser.parse_args()

    method, scene = open_run(args.run, None, "cpu")
    if not isinstance(method, ReLSNeRF):
        parser.error(f"{args.run} is a run of {type(method).__name__}; expected ReLSNeRF")
    film = made_path(scene, "orbit", args.frames, width=None, height=None, scale=args.scale)
    colors: list[Image] = []
    decoded: list[Image] = []
    seconds: list[tuple[float, float, float]] = []
    with torch.inference_mode():
        for i in range(len(film.cameras)):
            rays = film.cameras.image_rays(i)
            start = time.perf_counter()
            colors.append(method.color_image(rays))
            taken = time.perf_counter() - start
            # Both films are compared by one geometry, that of the field at full size.
            decoded.append(replace(colors[-1], rgb=method.render_image(rays).rgb))
            seconds.append((taken, method.cost.rays, method.cost.decoder))

    own, rays_term, decoder_term = (1e3 * median(column) for column in zip(*seconds, strict=True))
    print(f"colours: {own:.1f} ms a frame")
    total = rays_term + decoder_term
    print(
        f"decoded: {rays_term:.1f} ms for rays + {decoder_term:.1f} ms for the decoder: {own / total:.1f} x"
    )
    for name, frames in (("colours", colors), ("decoded", decoded)):
        print(f"RCC of {name}: {consistency(frames, film.cameras)}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_video(pairs(colors, decoded), args.out, film.fps)
    print(f"video: {args.out.resolve()}")


def consistency(frames: Sequence[Image], cameras: Cameras) -> str:
    """How consistent a film is; a field of few steps may be too thin for a surface that two frames see."""
    try:
        found = reprojective_consistency(frames, cameras)
    except ValueError as error:
        return f"unknown ({error})"
    return f"{found.rcc:.2f} dB, {found.kept:.0%} of pixels compared"


def pairs(colors: list[Image], decoded: list[Image]) -> Iterator[np.ndarray]:
    """Frames of both films under their names."""
    for left, right in zip(colors, decoded, strict=True):
        panels = [("colours", left), ("decoded", right)]
        yield side_by_side([(name, eight_bit(image.rgb.numpy())) for name, image in panels])


if __name__ == "__main__":
    main()
