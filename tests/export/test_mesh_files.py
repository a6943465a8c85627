"""Meshes come back from their files by way of trimesh."""

import errno
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from rayloom.errors import InputError
from rayloom.export.mesh_files import Mesh, write_mesh
from tests.export.test_manifold import joined

CUBE = joined((0, 0, 0))
COLORS = np.linspace(0, 255, 24).reshape(8, 3).astype(np.uint8)


def read(file: Path) -> trimesh.Trimesh:
    loaded = trimesh.load(file, process=False)
    (mesh,) = loaded.geometry.values() if isinstance(loaded, trimesh.Scene) else [loaded]
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


@pytest.mark.parametrize("ending", [".glb", ".ply", ".obj"])
def test_vertices_faces_and_colours_come_back(tmp_path: Path, ending: str):
    write_mesh(Mesh(CUBE, colors=COLORS), tmp_path / f"cube{ending}")
    mesh = read(tmp_path / f"cube{ending}")
    np.testing.assert_array_equal(mesh.vertices, CUBE.vertices)
    np.testing.assert_array_equal(mesh.faces, CUBE.faces)
    assert mesh.is_watertight
    visual: Any = mesh.visual
    colors = visual.vertex_attributes["color"] if ending == ".glb" else visual.vertex_colors
    levels = np.asarray(colors)[:, :3] / 255
    if ending == ".glb":
        # glTF keeps linear light, whose 8 bits are coarse where it is dark.
        levels = np.where(levels <= 0.0031308, 12.92 * levels, 1.055 * levels ** (1 / 2.4) - 0.055)
    assert np.abs(levels - COLORS / 255).max() < (0.03 if ending == ".glb" else 0.003)


@pytest.mark.parametrize("ending", [".glb", ".obj"])
def test_a_texture_comes_back(tmp_path: Path, ending: str):
    uv, picture = CUBE.vertices[:, :2].copy(), np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    write_mesh(Mesh(CUBE, uv=uv, picture=picture), tmp_path / f"cube{ending}")
    mesh = read(tmp_path / f"cube{ending}")
    order = [int(np.flatnonzero((mesh.vertices == vertex).all(-1))[0]) for vertex in CUBE.vertices]
    visual: Any = mesh.visual
    np.testing.assert_allclose(visual.uv[order], uv, atol=1e-6)
    material = visual.material
    image = material.baseColorTexture if ending == ".glb" else material.image
    np.testing.assert_array_equal(np.asarray(image)[..., :3], picture)


def test_glb_is_shown_without_lights(tmp_path: Path):
    write_mesh(Mesh(CUBE, colors=COLORS), tmp_path / "cube.glb")
    content = (tmp_path / "cube.glb").read_bytes()
    (length,) = struct.unpack("<I", content[12:16])
    tree = json.loads(content[20 : 20 + length])
    assert tree["extensionsUsed"] == ["KHR_materials_unlit"]
    assert all("KHR_materials_unlit" in material["extensions"] for material in tree["materials"])
    assert all("material" in piece for mesh in tree["meshes"] for piece in mesh["primitives"])


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_mesh(Mesh(CUBE), tmp_path / "cube.ply")
    assert not list(tmp_path.iterdir())
