"""`rayloom export RUN mesh`: the surface of a trained scene, in colour."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rayloom.cli.export import ExportOptions, FrameName, Teller, check_file, check_positive
from rayloom.cli.memory import pictures_within
from rayloom.cli.opening import open_run
from rayloom.cli.options import parse
from rayloom.cli.output import print_json
from rayloom.errors import InputError

TEXTURED = (".glb", ".obj")
"""Endings of files that can hold a picture."""


@dataclass(frozen=True)
class MeshOptions(ExportOptions):
    """Options of `rayloom export RUN mesh`; the ending of --out, .glb, .ply or .obj, decides the format, and
    by default RUN/mesh.glb is written.
    """

    frame: FrameName = "input"
    """Frame and units: those of the capture's files, or those of training, z up and about one unit large."""
    resolution: int = 256
    """Cells along the longest side of the scene's box."""
    level: float | None = None
    """Density, per training unit, from which on matter is solid; by default the one whose surface lies
    nearest to what the training cameras see."""
    smoothing: float = 1.0
    """Blur density by so many cells first, as fields are rough; 0 takes it as it is."""
    faces: int | None = 100_000
    """Faces at most; None keeps all."""
    min_part: float = 0.01
    """Leave out parts smaller than this share of the largest one, by area; 1 keeps only that."""
    color: Literal["vertices", "texture", "none"] = "vertices"
    """Colours at the vertices, or in a picture laid around the surface, which takes minutes longer."""
    texture_size: int = 1024
    """Texels along a side of the picture, about."""

    def __post_init__(self) -> None:
        check_file(self.file, TEXTURED if self.color == "texture" else (*TEXTURED, ".ply"))
        check_positive(self, "level", "faces", "min_part")
        if not 0 <= self.smoothing <= 8:
            raise InputError("--smoothing", f"is {self.smoothing}; expected 0 to 8 cells")
        if not 8 <= self.resolution <= 2048:
            raise InputError("--resolution", f"is {self.resolution}; expected 8 to 2048")
        if not 64 <= self.texture_size <= 16384:
            raise InputError("--texture-size", f"is {self.texture_size}; expected 64 to 16384")

    @property
    def file(self) -> Path:
        """The file to write."""
        return self.out or self.run / "mesh.glb"


def run(args: list[str]) -> int:
    """Find the surface, colour it, write it and say what it is like."""
    options = parse(MeshOptions, "export RUN mesh", "The surface of the scene, in colour.", args)
    method, scene = open_run(options.run, options.data, options.device, options.memory)
    pictures_within(method, scene, options.memory, scored=False)
    from rayloom.export.frames import field_cameras, out_from_field
    from rayloom.export.manifold import is_watertight
    from rayloom.export.mesh import MeshSettings, check_packages, make_mesh, moved
    from rayloom.export.mesh_files import write_mesh

    check_packages()
    settings = MeshSettings(
        resolution=options.resolution,
        level=options.level,
        smoothing=options.smoothing,
        faces=options.faces,
        least_part=options.min_part,
        color=options.color,
        texture_size=options.texture_size,
    )
    made = make_mesh(method, field_cameras(method, scene), settings, Teller(quiet=options.quiet))
    write_mesh(moved(made.mesh, out_from_field(method, scene, raw=options.frame == "input")), options.file)
    result = {
        "mesh": str(options.file),
        "frame": options.frame,
        "vertices": len(made.surface.vertices),
        "faces": len(made.surface.faces),
        "parts": made.num_parts,
        "watertight": is_watertight(made.surface),
        "level": made.level,
    }
    if options.json:
        print_json(result)
    else:
        closed = "watertight" if result["watertight"] else "not watertight"
        parts = "1 part" if made.num_parts == 1 else f"{made.num_parts} parts"
        print(f"{options.file}: {result['faces']} faces in {parts}, {closed}; level {made.level:.3g}")
    return 0
