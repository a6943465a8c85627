"""Variants of loom beside loom itself: see `__main__`."""
