"""Structure from motion: from bare photos or a video to a capture with cameras, and a report."""

# The wheel of pycolmap exports a zlib of its own; unless the system's is loaded first, PNGs end the process.
import zlib
