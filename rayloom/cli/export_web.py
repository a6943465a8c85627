"""`rayloom export RUN web`: bake a trained scene into one web page."""

import hashlib
import math
import time

from rayloom.baking.files import read_page, write_page
from rayloom.baking.fitting import bake_page
from rayloom.baking.player import Player
from rayloom.cli.export import ExportOptions
from rayloom.cli.opening import open_run
from rayloom.cli.output import note, print_json
from rayloom.cli.scoring import held_out_psnr
from rayloom.data.scene import Scene
from rayloom.training.runs import WEIGHTS, read_config

PARTS = "bake"
"""Folder in the run that keeps what an interrupted bake has done."""
OBJECT_MB, ROOM_MB = 15.0, 40.0
SECONDS_PER_LINE = 2.0


def export(options: ExportOptions) -> int:
    """Bake, write the page, and compare it with the field on a few held-out views."""
    config = read_config(options.run)
    method, scene = open_run(options.run, options.data, options.device)
    made = bake_page(
        method,
        scene,
        config.data_config,
        name=config.method,
        title=options.title or scene.root.name,
        max_mb=_limit(options, scene),
        resolution=options.resolution,
        parts=options.run / PARTS,
        settings={"weights": hashlib.sha256((options.run / WEIGHTS).read_bytes()).hexdigest()},
        tell=_Teller(quiet=options.quiet),
    )
    write_page(made.text, options.file)
    note("comparing the page with the field", quiet=options.quiet)
    field, baked = held_out_psnr(method, scene), held_out_psnr(Player(read_page(options.file)), scene)
    if options.json:
        result = {"page": str(options.file), "megabytes": made.megabytes, "resolution": made.resolution}
        print_json(result | {"psnr": {"field": field, "page": baked}})
        return 0
    scores = "" if field is None or baked is None else f"; {baked:.2f} dB where the field has {field:.2f} dB"
    print(f"{options.file}: {made.megabytes:.1f} MB, {made.resolution} voxels across{scores}")
    return 0


def _limit(options: ExportOptions, scene: Scene) -> float:
    """Megabytes at most; as many as it takes where the resolution alone was given."""
    if options.max_mb is not None:
        return options.max_mb
    if options.resolution is not None:
        return math.inf
    return OBJECT_MB if scene.info.kind == "object" else ROOM_MB


class _Teller:
    """Says on stderr how baking goes, now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet, self.stage, self.told_at = quiet, "", 0.0

    def __call__(self, stage: str, share: float) -> None:
        now = time.monotonic()
        if stage != self.stage or now - self.told_at > SECONDS_PER_LINE:
            note(f"{stage}: {share:.0%}", quiet=self.quiet)
            self.stage, self.told_at = stage, now
