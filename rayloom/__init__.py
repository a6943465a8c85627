"""rayloom weaves photographs into neural radiance fields."""

__version__ = "0.1.0"
