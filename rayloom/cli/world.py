"""`rayloom world`: photograph an invented scene, for demonstrations and tests."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rayloom.cli.options import parse
from rayloom.cli.output import note, print_json
from rayloom.errors import InputError
from rayloom.training.runs import refuse_used

if TYPE_CHECKING:
    from rayloom.data.synthetic import Defects, Rig, World

Kind = Literal[
    "object", "shiny", "sparse", "moving", "car", "chair", "unbounded", "panorama", "forward-facing", "room"
]
Movement = Literal["slide", "spin", "bend"]
Format = Literal["blender", "transforms", "llff", "colmap", "colmap-text", "tiny"]

FORMATS = {"colmap": "colmap-binary"}
"""Writers whose name is not that of the option; binary is what COLMAP itself writes."""


@dataclass(frozen=True)
class WorldOptions:
    """Options of `rayloom world`."""

    out: Path
    """New or empty folder for the capture."""
    kind: Kind = "object"
    """What is photographed: a still life, the same in glaze, few things in much space, things that move, a
    car, a chair, a table on a plain, one before a far painting, the plain from one side only, or a room from
    within."""
    motion: Movement | None = None
    """What moves in the still life while the photos are taken: a ball slides, a block spins or a pole bends,
    there and back; --kind moving is a block that spins."""
    tint: float = 0.0
    """By how much exposure, colour and black level differ between photos that train: deviation of the
    logarithm of both gains, and a quarter of it for the offset."""
    occluders: float = 0.0
    """Share of the photos that train in which a striped square hides a part of the scene."""
    labels: bool = False
    """Write a picture of semantic classes beside each photo; for blender and transforms."""
    wrong_labels: float = 0.0
    """Share of the pixels of photos that train whose label is another one's."""
    labelled: float = 1.0
    """Share of the pixels of photos that train that have a label."""
    views: int = 100
    """Number of photos; every 8th is held out."""
    size: int = 200
    """Width and height in pixels."""
    format: Format | None = None
    """How the capture is written; by default blender for what has an empty background, else transforms."""
    seed: int = 0
    """Decides where things and cameras are."""
    json: bool = False
    """Print JSON on stdout."""

    def __post_init__(self) -> None:
        for name in ("views", "size"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name}", f"is {getattr(self, name)}; expected a positive number")
        if not 0 <= self.tint < math.inf:
            raise InputError("--tint", f"is {self.tint}; expected a number of at least 0")
        for name in ("occluders", "wrong_labels", "labelled"):
            if not 0 <= getattr(self, name) <= 1:
                option = f"--{name.replace('_', '-')}"
                raise InputError(option, f"is {getattr(self, name)}; expected a share from 0 to 1")
        if self.labels and self.format not in (None, "blender", "transforms"):
            raise InputError(
                "--labels", f"do not go with --format {self.format}, which has no place for them"
            )
        if self.motion is not None and self.kind not in ("object", "moving"):
            raise InputError("--motion", f"does not go with --kind {self.kind}; expected the still life")


def run(args: list[str]) -> int:
    """Render the photos and write them."""
    options = parse(WorldOptions, "world", "Make a capture of an invented scene.", args)
    refuse_used(options.out)
    from rayloom.data.formats.writers import write_capture
    from rayloom.data.synthetic import make_capture

    note(f"photographing {options.views} views of {options.size} x {options.size}")
    world, rig = _world(options.kind, options.motion, options.seed)
    made = make_capture(
        world,
        rig,
        num_views=options.views,
        size=options.size,
        seed=options.seed,
        defects=_defects(options),
        labels=options.labels,
    )
    written = options.format or made.capture.format
    write_capture(made.capture, options.out, FORMATS.get(written, written))
    if options.json:
        print_json({"out": str(options.out), "kind": options.kind, "format": written, "views": options.views})
    else:
        print(options.out)
    return 0


def _defects(options: WorldOptions) -> "Defects":
    """What goes wrong with photos and labels that train."""
    from rayloom.data.synthetic import Defects

    return Defects(
        exposure_sd=options.tint,
        tint_sd=options.tint,
        offset_sd=options.tint / 4,
        occluded_share=options.occluders,
        wrong_labels=options.wrong_labels,
        labelled_share=options.labelled,
    )


def _world(kind: Kind, motion: Movement | None, seed: int) -> "tuple[World, Rig]":
    """A world and where its photographer stands."""
    from rayloom.data import synthetic

    dome, low = synthetic.Dome(), math.radians(5)
    close = synthetic.Dome(distance=1.6, low_rad=low, high_rad=math.radians(45), fov_rad=1.1)
    makers: dict[Kind, tuple[Callable[[int], World], Rig]] = {
        "object": (synthetic.object_world, dome),
        "shiny": (synthetic.shiny_world, dome),
        "sparse": (synthetic.sparse_world, dome),
        "moving": (partial(synthetic.moving_world, part=motion or "spin"), dome),
        "car": (partial(synthetic.family_world, kind="car"), dome),
        "chair": (partial(synthetic.family_world, kind="chair"), dome),
        "unbounded": (synthetic.unbounded_world, synthetic.Dome(high_rad=math.radians(50))),
        "panorama": (synthetic.panorama_world, close),
        "forward-facing": (synthetic.unbounded_world, synthetic.Facing()),
        "room": (synthetic.room_world, synthetic.Inside()),
    }
    maker, rig = makers["moving" if motion else kind]
    return maker(seed), rig
