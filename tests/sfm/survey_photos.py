"""Photos that need no picture: what the database and the models know of them."""

from pathlib import Path

from rayloom.sfm.photos import Photo


def invented(count: int, *, key: str | None = "one camera", focal_px: float | None = None) -> list[Photo]:
    """Photos of 64 x 48 pixels that share a camera, or with `key` None have one each."""
    return [
        Photo(
            f"{i}.png", Path(f"{i}.png"), 64, 48, focal_px, key or f"camera {i}", sharpness=1.0, texture=1.0
        )
        for i in range(count)
    ]
