"""From a trained field to a mesh: level, surface, parts, fewer faces, colours."""

import importlib.util
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.errors import InputError
from rayloom.export import surface as surfaces
from rayloom.export.colors import surface_colors
from rayloom.export.level import surface_level
from rayloom.export.manifold import apart
from rayloom.export.mesh_files import Mesh
from rayloom.export.parts import kept_parts, part_numbers
from rayloom.export.surface import Grid, Surface, Tell
from rayloom.export.texture import filled, texels, unwrap
from rayloom.export.visibility import Visibility
from rayloom.method import Method
from rayloom.scene_info import SceneInfo

PACKAGES = ("skimage", "scipy", "trimesh", "xatlas", "fast_simplification")
"""What the extra `mesh` installs."""


@dataclass(frozen=True)
class MeshSettings:
    """How a field becomes a mesh."""

    resolution: int
    """Cells along the longest side of the scene's box."""
    level: float | None
    """Density, per training unit, from which on matter is solid; None chooses it."""
    smoothing: float
    """Cells by which density is blurred first, 0 not at all."""
    faces: int | None
    """Faces at most; None keeps all."""
    least_part: float
    """Parts that are smaller than this share of the largest one, by area, are left out."""
    color: Literal["vertices", "texture", "none"]
    texture_size: int
    """Texels along a side of the picture, about."""


@dataclass(frozen=True)
class MadeMesh:
    """A mesh in the method's frame, and how it came about."""

    mesh: Mesh
    surface: Surface
    """That of the mesh before it was cut into charts."""
    level: float
    num_parts: int


def check_packages() -> None:
    """Raise InputError where the extra `mesh` is not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError("export mesh", f"needs {', '.join(missing)}; expected `pip install 'rayloom[mesh]'`")


@torch.no_grad()
def make_mesh(method: Method[Any], cameras: Cameras, settings: MeshSettings, tell: Tell) -> MadeMesh:
    """The mesh of a method's field, whose photos were taken by `cameras`, all in the method's frame.

    The surface of an object is closed; that of a scene without end is cut by the cube of the region of
    interest. Raises InputError where a method offers no density, and where the field is empty or solid.
    """
    grid = scene_grid(method.scene, settings.resolution)
    try:
        level = settings.level or surface_level(method, cameras, grid.width)
    except NotImplementedError as error:
        raise InputError(
            type(method).__name__, f"has no mesh: {error}; expected a method with density, such as loom"
        ) from error
    density = partial(_density, method)
    closed = method.scene.kind == "object"
    found = surfaces.extract(density, grid, level, closed=closed, tell=tell, smoothing=settings.smoothing)
    visibility = Visibility(cameras, _tensor(found.vertices), grid.width)
    tell("looking from all cameras", 0.0)
    seen = visibility.views(_tensor(found.vertices), _tensor(found.normals), 1).seen[:, 0]
    kept = kept_parts(found, seen.numpy(), settings.least_part)
    kept = decimated(kept, settings.faces)
    kept = kept_parts(kept, np.ones(len(kept.vertices), np.bool_), settings.least_part)
    mesh = _colored(method, visibility, kept, settings, tell)
    return MadeMesh(mesh, kept, level, int(part_numbers(kept).max()) + 1)


def scene_grid(scene: SceneInfo, resolution: int) -> Grid:
    """Cells over the box of a scene."""
    return Grid.of_box(np.array(scene.box_low), np.array(scene.box_high), resolution)


def decimated(surface: Surface, faces: int | None) -> Surface:
    """The surface with at most so many faces, by collapsing edges where this changes it least
    (Garland and Heckbert 1997).
    """
    if faces is None or len(surface.faces) <= faces:
        return surface
    from fast_simplification import simplify  # noqa: PLC0415

    # Errors are compared with fixed thresholds, so that the unit must not matter.
    middle = surface.vertices.mean(0)
    unit = np.abs(surface.vertices - middle).max()
    centred = (surface.vertices - middle) / unit
    vertices, triangles = simplify(centred, surface.faces.astype(np.int32), target_count=faces)[:2]
    fewer = Surface(middle + unit * vertices.astype(np.float64), triangles.astype(np.int64))
    # Collapsing lets sheets grow together; what comes off a part when they are taken apart is tiny.
    return apart(fewer)


def moved(mesh: Mesh, matrix: NDArray[np.float64]) -> Mesh:
    """The mesh under a similarity, 4 x 4."""
    vertices = mesh.surface.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    return replace(mesh, surface=Surface(vertices, mesh.surface.faces))


def _colored(
    method: Method[Any], visibility: Visibility, surface: Surface, settings: MeshSettings, tell: Tell
) -> Mesh:
    if settings.color == "none":
        return Mesh(surface)
    asked = partial(surface_colors, method, visibility, tell=partial(tell, "asking for colour"))
    if settings.color == "vertices":
        colors = asked(_tensor(surface.vertices), _tensor(surface.normals))
        return Mesh(surface, colors=np.rint(255 * colors.numpy()).astype(np.uint8))
    tell("laying the surface flat", 0.0)
    flat = unwrap(surface, settings.texture_size)
    places = texels(flat)
    colors = asked(_tensor(places.points), _tensor(places.normals)).numpy().astype(np.float64)
    return Mesh(flat.surface, uv=flat.uv, picture=filled(colors, places, flat.size))


def _density(method: Method[Any], points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    device = next(method.parameters()).device
    return method.density(points.to(device)).float().nan_to_num(0).cpu()


def _tensor(array: NDArray[np.float64]) -> Float[Tensor, "n c"]:
    return torch.from_numpy(array).float()
