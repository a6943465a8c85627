"""What a method file declares about itself: the paper it comes from and its settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A citation, and tags by which the documentation groups methods."""

    title: str
    year: int
    arxiv: str = ""
    """Number on arxiv.org, empty where there is none."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class MethodConfig:
    """Settings that every method has; a method's own dataclass adds its own."""

    rays_per_step: int = 1024
    """Rays in one optimisation step."""
    rays_per_chunk: int = 4096
    """Rays rendered at once outside of training; changes memory, not the result."""
    lr: float = 5e-4
    """Learning rate at the start."""
    lr_final: float = 5e-5
    """Learning rate at the end, to which it falls exponentially."""
    lr_hold: float = 0.0
    """Share of the run before the learning rate begins to fall."""
    lr_warmup: float = 0.0
    """Share of the run over which the learning rate rises from a hundredth."""
    clip_norm: float = 0.0
    """Largest norm of the gradient of each parameter group; 0 leaves gradients as they are."""
