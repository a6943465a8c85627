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
    from rayloom.data.synthetic import Rig, World

Kind = Literal[
    "object", "shiny", "sparse", "moving", "car", "chair", "unbounded", "panorama", "forward-facing", "room"
]
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


def run(args: list[str]) -> int:
    """Render the photos and write them."""
    options = parse(WorldOptions, "world", "Make a capture of an invented scene.", args)
    refuse_used(options.out)
    from rayloom.data.formats.writers import write_capture
    from rayloom.data.synthetic import make_capture

    note(f"photographing {options.views} views of {options.size} x {options.size}")
    world, rig = _world(options.kind, options.seed)
    made = make_capture(world, rig, num_views=options.views, size=options.size, seed=options.seed)
    written = options.format or made.capture.format
    write_capture(made.capture, options.out, FORMATS.get(written, written))
    if options.json:
        print_json({"out": str(options.out), "kind": options.kind, "format": written, "views": options.views})
    else:
        print(options.out)
    return 0


def _world(kind: Kind, seed: int) -> "tuple[World, Rig]":
    """A world and where its photographer stands."""
    from rayloom.data import synthetic

    dome, low = synthetic.Dome(), math.radians(5)
    close = synthetic.Dome(distance=1.6, low_rad=low, high_rad=math.radians(45), fov_rad=1.1)
    makers: dict[Kind, tuple[Callable[[int], World], Rig]] = {
        "object": (synthetic.object_world, dome),
        "shiny": (synthetic.shiny_world, dome),
        "sparse": (synthetic.sparse_world, dome),
        "moving": (synthetic.moving_world, dome),
        "car": (partial(synthetic.family_world, kind="car"), dome),
        "chair": (partial(synthetic.family_world, kind="chair"), dome),
        "unbounded": (synthetic.unbounded_world, synthetic.Dome(high_rad=math.radians(50))),
        "panorama": (synthetic.panorama_world, close),
        "forward-facing": (synthetic.unbounded_world, synthetic.Facing()),
        "room": (synthetic.room_world, synthetic.Inside()),
    }
    maker, rig = makers[kind]
    return maker(seed), rig
