"""Which images train and which are held out."""

from rayloom.data.capture import Capture, Split
from rayloom.data.scene import DataConfig

_INTERVAL = 8


def assign_splits(capture: Capture, config: DataConfig) -> tuple[tuple[Split, ...], tuple[str, ...]]:
    """The split of each frame, and warnings.

    By itself the capture's own split holds; frames that it leaves out train. Captures without one hold out
    every eighth image by name, from the first.
    """
    if len(capture.frames) == 1:
        return ("train",), ("There is one image: it trains, and evaluation is on the same image.",)
    own: tuple[Split | None, ...] = tuple(frame.split for frame in capture.frames)
    if config.split == "auto" and "train" in own and ("test" in own or "val" in own):
        return _own(own)
    if config.split == "none":
        everything: tuple[Split, ...] = ("train",) * len(own)
        return everything, ("No image is held out: evaluation is on images that train.",)
    held_out = _held_out(capture, config)
    return tuple("test" if i in held_out else "train" for i in range(len(own))), ()


def _own(own: tuple[Split | None, ...]) -> tuple[tuple[Split, ...], tuple[str, ...]]:
    split: tuple[Split, ...] = tuple(item or "train" for item in own)
    if "test" in split:
        return split, ()
    warning = "The capture names no test images: evaluation is on its validation images."
    return tuple("test" if item == "val" else item for item in split), (warning,)


def _held_out(capture: Capture, config: DataConfig) -> set[int]:
    by_name = sorted(range(len(capture.frames)), key=lambda i: capture.frames[i].name)
    if config.split == "last-10-percent":
        return set(by_name[-max(1, round(0.1 * len(by_name))) :])
    return set(by_name[::_INTERVAL])
