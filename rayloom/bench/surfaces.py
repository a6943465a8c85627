"""How near the mesh of a trained field is to the world that was photographed."""

from functools import partial
from typing import Any

import torch

from rayloom.bench.rows import Bar, Row
from rayloom.data.scene import Scene
from rayloom.data.synthetic import SyntheticCapture
from rayloom.errors import InputError
from rayloom.export.frames import field_cameras, out_from_field
from rayloom.export.manifold import is_watertight
from rayloom.export.mesh import MeshSettings, make_mesh, moved
from rayloom.method import Method
from rayloom.metrics.surfaces import SurfaceErrors, surface_errors

SETTINGS = MeshSettings(
    resolution=256, level=None, smoothing=1.0, faces=100_000, least_part=0.01, color="none", texture_size=64
)
"""Those of `rayloom export RUN mesh`, without colours."""
VIEWS = 8
"""Whose pixels say what is seen of the world."""
EXACT = Bar("value", 1e-3)


def surface_rows(field: Method[Any], scene: Scene, made: SyntheticCapture) -> list[Row]:
    """Errors of the mesh in units of the world, whose things lie in the unit ball; it is one piece."""
    try:
        found = make_mesh(field, field_cameras(field, scene), SETTINGS, lambda stage, share: None)
    except InputError as error:
        return [Row("mesh: Chamfer distance", None, "", note=str(error))]
    surface = moved(found.mesh, out_from_field(field, scene, raw=True)).surface
    train = scene.indices("train")
    views = (made.truth(train[len(train) * i // VIEWS]) for i in range(VIEWS))
    seen = torch.cat([view.points[view.mask] for view in views]).double().numpy()
    distance = partial(made.worlds[0].distance, time=0.0)
    errors = surface_errors(surface.vertices, surface.faces, distance, seen)
    closed = "watertight" if is_watertight(surface) else "not watertight"
    return [
        *_error_rows(errors, cell=2 / SETTINGS.resolution),
        Row("mesh: pieces", float(found.num_parts), "", bar=Bar("value", 1.0), better="lower", note=closed),
    ]


def _error_rows(errors: SurfaceErrors, cell: float) -> list[Row]:
    there, back = errors.accuracy / cell, errors.completeness / cell
    return [
        Row("mesh: Chamfer distance", errors.chamfer / cell, "cells", better="lower",
            note=f"to the world {there:.2f}, from what is seen of it {back:.2f}"),
        Row("mesh: normals off by", errors.normal_deg, "degrees", better="lower", note="median"),
        Row("mesh: too large by", abs(errors.scale), "", bar=EXACT, better="lower", note="share"),
        Row("mesh: beside its place by", errors.shift, "", bar=EXACT, better="lower", note="world units"),
    ]  # fmt: skip
