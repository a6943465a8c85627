"""Cameras come back from what was written, by rayloom's readers and by COLMAP's own."""

import errno
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from rayloom.data.formats.detect import read_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.export import camera_files
from rayloom.export.camera_files import camera_capture, write_cameras
from tests.export.known_fields import ball_world, field_of, photographed, scene_of


@pytest.fixture(scope="module")
def made():
    capture = photographed(ball_world(), num_views=6).capture
    scene = scene_of(capture)
    return scene, capture, field_of(ball_world(), scene)


@pytest.mark.parametrize("format", ["transforms", "colmap-binary", "colmap-text"])
@pytest.mark.parametrize("raw", [True, False])
def test_own_readers_find_the_same_poses(made, tmp_path: Path, format: str, raw: bool):
    scene, capture, field = made
    write_cameras(camera_capture(field, scene, capture, raw=raw), tmp_path / "out", format)
    read = read_capture(tmp_path / "out", DataConfig())
    wanted = np.stack([frame.raw_from_camera for frame in capture.frames]) if raw else scene.world_from_camera
    found = np.stack([frame.raw_from_camera for frame in read.frames])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert read.frames[0].intrinsics.fx == pytest.approx(capture.frames[0].intrinsics.fx)


@pytest.mark.parametrize("format", ["colmap-binary", "colmap-text"])
def test_colmap_reads_its_model(made, tmp_path: Path, format: str):
    scene, capture, field = made
    write_cameras(camera_capture(field, scene, capture, raw=True), tmp_path / "out", format)
    model = pycolmap.Reconstruction(str(tmp_path / "out" / "sparse" / "0"))
    images = sorted(model.images.values(), key=lambda image: image.name)
    centers = np.stack([image.projection_center() for image in images])
    np.testing.assert_allclose(centers, [frame.raw_from_camera[:, 3] for frame in capture.frames], atol=1e-6)
    assert capture.points is not None
    assert len(model.points3D) == len(capture.points)


def test_a_full_disk_is_told_and_leaves_nothing(made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(capture: object, out: Path, format: str) -> None:
        out.mkdir()
        (out / "half").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(camera_files, "write_capture", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_cameras(made[1], tmp_path / "out", "transforms")
    assert not list(tmp_path.iterdir())


def test_a_used_folder_is_refused(made, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a new or empty folder"):
        write_cameras(made[1], tmp_path, "transforms")
