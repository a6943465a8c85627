"""Moving the photos of a scene out of memory."""

from dataclasses import replace

from rayloom.data.pixels.images import on_disk
from rayloom.data.scene import Scene


def spilled(scene: Scene) -> Scene:
    """The same scene with all its photos, at every scale, mapped from a file; it goes with the process.

    Raises InputError where no such file can be written.
    """
    count = len(scene.names)
    images = on_disk([image for scale in scene.scales for image in scale.images], scene.root)
    first, *others = (images[start : start + count] for start in range(0, len(images), count))
    coarser = tuple(
        replace(scale, images=copies) for scale, copies in zip(scene.coarser, others, strict=True)
    )
    return replace(scene, images=first, coarser=coarser)
