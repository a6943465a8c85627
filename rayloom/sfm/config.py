"""What a person may choose about structure from motion."""

from dataclasses import dataclass

from rayloom.errors import InputError


@dataclass(frozen=True)
class ProcessConfig:
    """How cameras are looked for."""

    features: int = 4096
    """Features per photo of the first attempt; later ones take more."""
    max_size: int = 1600
    """Pixels along the longer side beyond which features are found on a smaller copy of a photo."""
    frames: int = 120
    """Frames that are picked from a video, the sharpest of as many equal parts."""

    def __post_init__(self) -> None:
        for name, least in (("features", 100), ("max_size", 64), ("frames", 3)):
            if getattr(self, name) < least:
                option = name.replace("_", "-")
                raise InputError(f"--{option}", f"is {getattr(self, name)}; expected at least {least}")
