"""`rayloom export RUN points`: a trained scene as a cloud of points."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rayloom.cli.export import ExportOptions, FrameName, Teller, check_file, check_positive
from rayloom.cli.memory import pictures_within
from rayloom.cli.opening import open_run
from rayloom.cli.options import parse
from rayloom.cli.output import print_json
from rayloom.errors import InputError


@dataclass(frozen=True)
class PointOptions(ExportOptions):
    """Options of `rayloom export RUN points`; by default RUN/points.ply is written."""

    frame: FrameName = "input"
    """Frame and units: those of the capture's files, or those of training, z up and about one unit large."""
    points: int = 1_000_000
    """Number of points, fewer where the photos show fewer."""
    opacity: float = 0.9
    """Least opacity of a pixel that becomes a point."""
    reach: float = 8.0
    """Farthest distance of a point from the middle of the scene, in radii of the region of interest."""

    def __post_init__(self) -> None:
        check_file(self.file, (".ply",))
        check_positive(self, "points", "reach")
        if not 0 < self.opacity <= 1:
            raise InputError("--opacity", f"is {self.opacity}; expected a number above 0, at most 1")

    @property
    def file(self) -> Path:
        """The file to write."""
        return self.out or self.run / "points.ply"


def run(args: list[str]) -> int:
    """Render depth and colour from the training cameras, and write where the rays end."""
    options = parse(PointOptions, "export RUN points", "Points with colours and normals.", args)
    method, scene = open_run(options.run, options.data, options.device, options.memory)
    pictures_within(method, scene, options.memory, scored=False)
    from rayloom.data.placement.orientation import scale_of
    from rayloom.export.frames import field_cameras, out_from_field, world_from_field
    from rayloom.export.point_cloud import make_points, write_points

    cloud = make_points(
        method,
        field_cameras(method, scene),
        options.points,
        opacity=options.opacity,
        reach=options.reach / scale_of(world_from_field(method, scene)),
        tell=partial(Teller(quiet=options.quiet), "looking from all cameras"),
    )
    write_points(cloud, options.file, out_from_field(method, scene, raw=options.frame == "input"))
    if options.json:
        print_json({"file": str(options.file), "frame": options.frame, "points": len(cloud)})
    else:
        print(f"{options.file}: {len(cloud)} points")
    return 0
