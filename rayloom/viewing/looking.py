"""Rendering in slices that are short enough to take turns, and knowing how fast that goes."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from rayloom.method import Method
from rayloom.types import Image, Rays
from rayloom.viewing.turns import Turns

SLICE_SECONDS = 0.04
COARSEST = 32
"""Side in pixels of the largest blocks that pictures begin with."""

_FIRST_SLICE = 512
_LARGEST_SLICE = 1 << 16

T = TypeVar("T")


class Cancelled(Exception):
    """Nobody wants the picture any more."""


class Looker:
    """Looks at a field that others may be looking at, or training."""

    def __init__(self, method: Method[Any], turns: Turns) -> None:
        self.method, self.turns = method, turns
        self.device = next(method.parameters()).device
        self.rays_per_second = _FIRST_SLICE / SLICE_SECONDS

    def look(self, rays: Rays, cancelled: Callable[[], bool] = lambda: False) -> Image:
        """The picture along `h w` rays, on the CPU; raises Cancelled soon after that is so."""
        height, width = rays.shape
        flat, parts, done = rays.reshape(height * width), [], 0
        while done < height * width:
            if cancelled():
                raise Cancelled
            size = min(max(int(self.rays_per_second * SLICE_SECONDS), 64), _LARGEST_SLICE)
            parts.append(self._slice(flat[done : done + size]))
            done += size
        rgb, opacity, depth = (
            torch.cat([getattr(part, name)[0] for part in parts]) for name in ("rgb", "opacity", "depth")
        )
        return Image(
            rgb=rgb.reshape(height, width, 3),
            opacity=opacity.reshape(height, width),
            depth=depth.reshape(height, width),
        )

    def exclusively(self, work: Callable[[], T]) -> T:
        """What some work on the method returns, done while nobody else uses it, in evaluation mode."""

        def in_evaluation() -> T:
            training = self.method.training
            self.method.eval()
            try:
                return work()
            finally:
                self.method.train(training)

        return self.turns.take(in_evaluation)

    def coarsest(self, num_rays: int, seconds: float) -> int:
        """The power of two by which rows and columns are thinned out to be rendered in so many seconds."""
        stride = 1
        while stride < COARSEST and num_rays / stride**2 > self.rays_per_second * seconds:
            stride *= 2
        return stride

    def _slice(self, rays: Rays) -> Image:
        """The picture along n rays, 1 x n."""
        image, seconds = self.exclusively(lambda: self._timed(rays))
        pace = rays.near.shape[0] / max(seconds, 1e-6)
        # Halfway, so that one slow slice does not make the next ones tiny.
        self.rays_per_second = 0.5 * (self.rays_per_second + pace)
        return image

    def _timed(self, rays: Rays) -> tuple[Image, float]:
        began = time.perf_counter()
        image = self.method.render_image(rays.reshape(1, -1).to(self.device))
        there = Image(image.rgb.cpu(), image.opacity.cpu(), image.depth.cpu())
        return there, time.perf_counter() - began
