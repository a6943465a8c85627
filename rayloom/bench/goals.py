"""What is asked of known captures on two cores: quality, seconds of a frame, and what a web page may cost."""

from rayloom.baking.fitting import MEGABYTES
from rayloom.bench.rows import Bar
from rayloom.data.scene import Scene

_PSNR = {
    ("blender_chair_400", 30): 32.5,
    ("blender_chair_400", 60): 33.5,
    ("blender_chair_400", 300): 35.0,
    ("blender_chair_800", 120): 33.0,
}
"""At least, in dB on held-out views, by folder and seconds of training."""

_FRAME_SECONDS = {
    ("blender_chair_400", 400, 400): 0.2,
    ("blender_chair_400", 800, 800): 0.8,
    ("fox", 540, 960): 1.5,
}
"""At most, by folder, width and height."""

_PAGE_LOSS = {"blender_chair_400": 0.7, "fox": 1.5}
"""At most, in dB on held-out views, below the field that was baked, by folder."""

_PATIENCE_SECONDS = 900
_PATIENCE_LOSS = {"fox": 0.4, "cafe_table_360": 0.4, "desk_colmap": 0.4}
"""At most, in dB on held-out views, below what training for 15 minutes gives, by folder."""

PEAK_MEMORY = Bar("value", 2048.0)
"""At most, in MiB, while a capture of 100 photos of 400 x 400 pixels is trained."""
COMPILE_COLD = Bar("value", 20.0)
"""At most, in seconds."""
COMPILE_CACHED = Bar("value", 2.0)
"""At most, in seconds."""


def psnr_goal(scene: Scene, seconds: float) -> Bar | None:
    """What the default method should reach; None where nothing was set."""
    threshold = _PSNR.get((scene.root.name, round(seconds)))
    return None if threshold is None else Bar("value", threshold)


def frame_goal(scene: Scene, width: int, height: int) -> Bar | None:
    """What a frame may take; None where nothing was set."""
    threshold = _FRAME_SECONDS.get((scene.root.name, width, height))
    return None if threshold is None else Bar("value", threshold)


def loss_goal(scene: Scene) -> Bar | None:
    """By how much a web page may be worse than its field; None where nothing was set."""
    threshold = _PAGE_LOSS.get(scene.root.name)
    return None if threshold is None else Bar("value", threshold)


def patience_goal(scene: Scene, long_seconds: float) -> Bar | None:
    """By how much a short training may be worse than a long one; None where nothing was set."""
    if scene.root.name not in _PATIENCE_LOSS or round(long_seconds) != _PATIENCE_SECONDS:
        return None
    return Bar("value", _PATIENCE_LOSS[scene.root.name])


def size_goal(scene: Scene) -> Bar:
    """How large a web page may be."""
    return Bar("value", MEGABYTES[scene.info.kind])
