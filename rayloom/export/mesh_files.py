"""Surfaces with colours as GLB, PLY and OBJ files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rayloom.export.surface import Surface
from rayloom.files import whole_file

if TYPE_CHECKING:
    import trimesh

_UNLIT = "KHR_materials_unlit"


@dataclass(frozen=True)
class Mesh:
    """A surface with its colours: one for each vertex, or a picture and places in it, or none."""

    surface: Surface
    colors: NDArray[np.uint8] | None = None
    """n x 3, sRGB."""
    uv: NDArray[np.float64] | None = None
    """n x 2 in [0, 1], from the lower left corner of the picture."""
    picture: NDArray[np.uint8] | None = None
    """h x w x 3, sRGB."""


def write_mesh(mesh: Mesh, file: Path) -> None:
    """Write a mesh in the format of the file's ending; material and picture of an OBJ file go beside it.

    GLB files say that the material is to be shown as it is, without lights, which are in the colours
    already. PLY files hold no picture. Raises InputError where the file cannot be written.
    """
    suffix = file.suffix.lower()
    for name, content in _contents(mesh, file.stem, suffix).items():
        target = file if name == "" else file.with_name(name)
        with whole_file(target) as part:
            part.write_bytes(content)


def _contents(mesh: Mesh, stem: str, suffix: str) -> dict[str, bytes]:
    """The bytes of the file, by the name "", and of what belongs beside it."""
    from trimesh.exchange.gltf import export_glb  # noqa: PLC0415
    from trimesh.exchange.obj import export_obj  # noqa: PLC0415
    from trimesh.exchange.ply import export_ply  # noqa: PLC0415

    made = _as_trimesh(mesh, linear=suffix == ".glb", stem=stem)
    if suffix == ".glb":
        return {"": export_glb(made.scene(), include_normals=False, tree_postprocessor=_unlit)}
    if suffix == ".ply":
        return {"": export_ply(made)}
    no_header: Any = None
    text, beside = export_obj(
        made, include_normals=False, return_texture=True, mtl_name=f"{stem}.mtl", header=no_header
    )
    return {"": text.encode()} | beside


def _as_trimesh(mesh: Mesh, *, linear: bool, stem: str) -> "trimesh.Trimesh":
    """The mesh for trimesh; colours of vertices linear where the format wants them so."""
    import trimesh  # noqa: PLC0415
    from trimesh.visual import TextureVisuals  # noqa: PLC0415
    from trimesh.visual.material import PBRMaterial, SimpleMaterial  # noqa: PLC0415

    made = trimesh.Trimesh(mesh.surface.vertices, mesh.surface.faces, process=False)
    if mesh.picture is not None:
        picture = Image.fromarray(mesh.picture)
        matte: Any = PBRMaterial(baseColorTexture=picture, metallicFactor=0.0, roughnessFactor=1.0)
        if not linear:
            matte = SimpleMaterial(image=picture, name=stem, diffuse=[255, 255, 255, 255], glossiness=0.0)
        made.visual = TextureVisuals(uv=mesh.uv, material=matte)
    elif mesh.colors is not None:
        visual: Any = made.visual
        visual.vertex_colors = _linear(mesh.colors) if linear else mesh.colors
    return made


def _linear(srgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels of linear light, as glTF 2.0 (section 3.7.2.1) asks for colours of vertices (IEC 61966-2-1)."""
    values = srgb / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.rint(255 * light).astype(np.uint8)


def _unlit(tree: dict[str, Any]) -> None:
    """Give every piece of a glTF file a material that is shown without lights."""
    materials = tree.setdefault("materials", [])
    for mesh in tree["meshes"]:
        for piece in mesh["primitives"]:
            if "material" not in piece:
                piece["material"] = len(materials)
                materials.append({"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0}})
    for material in materials:
        material["extensions"] = {_UNLIT: {}}
    tree["extensionsUsed"] = sorted({*tree.get("extensionsUsed", ()), _UNLIT})
