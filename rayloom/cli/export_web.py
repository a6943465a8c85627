"""`rayloom export RUN web`: bake a trained scene into one web page."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rayloom.cli.baking import bake_run
from rayloom.cli.export import ExportOptions, check_file, check_positive
from rayloom.cli.memory import pictures_within
from rayloom.cli.opening import open_run
from rayloom.cli.options import parse
from rayloom.cli.output import note, print_json
from rayloom.cli.scoring import held_out_psnr
from rayloom.errors import InputError

if TYPE_CHECKING:
    from rayloom.baking.fitting import Page


@dataclass(frozen=True)
class WebOptions(ExportOptions):
    """Options of `rayloom export RUN web`; by default RUN/scene.html is written."""

    max_mb: float | None = None
    """Size of the page at most, in megabytes; by default 15 for an object and 40 for other scenes."""
    resolution: int | None = None
    """Voxels along the longest side of an object's box, or across contracted space; by default as many as
    the size allows."""
    title: str = ""
    """Of the page; by default the name of the capture."""

    def __post_init__(self) -> None:
        check_file(self.file, (".html",))
        check_positive(self, "max_mb")
        if self.resolution is not None and not 16 <= self.resolution <= 2048:
            raise InputError("--resolution", f"is {self.resolution}; expected 16 to 2048")

    @property
    def file(self) -> Path:
        """The file to write."""
        return self.out or self.run / "scene.html"


def run(args: list[str]) -> int:
    """Bake, write the page, and compare it with the field on a few held-out views."""
    options = parse(WebOptions, "export RUN web", "One page that shows the scene in a browser.", args)
    method, scene = open_run(options.run, options.data, options.device, options.memory)
    pictures_within(method, scene, options.memory, scored=False)
    from rayloom.baking.files import read_page
    from rayloom.baking.player import Player

    made = bake_run(
        options.run, method, scene, options.file, title=options.title, max_mb=options.max_mb,
        resolution=options.resolution, quiet=options.quiet,
    )  # fmt: skip
    note("comparing the page with the field", quiet=options.quiet)
    field, baked = held_out_psnr(method, scene), held_out_psnr(Player(read_page(options.file)), scene)
    _report(options, made, field, baked)
    return 0


def _report(options: WebOptions, made: "Page", field: float | None, baked: float | None) -> None:
    """What was made, and how good it is."""
    if options.json:
        result = {"page": str(options.file), "megabytes": made.megabytes, "resolution": made.resolution}
        print_json(result | {"psnr": {"field": field, "page": baked}})
        return
    scores = "" if field is None or baked is None else f"; {baked:.2f} dB where the field has {field:.2f} dB"
    print(f"{options.file}: {made.megabytes:.1f} MB, {made.resolution} voxels across{scores}")
