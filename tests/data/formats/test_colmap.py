"""Our reading and writing of COLMAP models against COLMAP's own."""

from pathlib import Path

import numpy as np
import pycolmap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rayloom.data.formats import colmap
from rayloom.data.formats.colmap_binary import read_binary
from rayloom.data.formats.colmap_model import (
    CAMERA_MODELS,
    colmap_camera,
    intrinsics_from,
    quaternion_from_rotation,
    rotation_from_quaternion,
)
from rayloom.data.formats.colmap_text import read_text
from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.small_captures import ALL_CAMERAS, points_of, rewritten, small_capture

CONFIG = DataConfig()
VALUES = {"f": 30.0, "fx": 30.0, "fy": 31.5, "cx": 11.0, "cy": 8.25, "k1": 0.1, "k2": -0.02, "k3": 0.003}
VALUES |= {"k4": 0.01, "k5": 0.02, "k6": -0.03, "p1": 1e-3, "p2": -2e-3}


def reconstruction() -> pycolmap.Reconstruction:
    """One camera and one image of each model that we read, and a few points with tracks."""
    rng = np.random.default_rng(0)
    model = pycolmap.Reconstruction()
    for index, (name, (_, _, parameters)) in enumerate(CAMERA_MODELS.items(), start=1):
        numbers = [VALUES[key] for key in parameters]
        camera = pycolmap.Camera(model=name, width=24, height=16, params=numbers, camera_id=index)
        model.add_camera_with_trivial_rig(camera)
        image = pycolmap.Image(name=f"left/photo {index}.png", camera_id=index, image_id=index)
        image.points2D = pycolmap.Point2DList([pycolmap.Point2D(rng.uniform(0, 16, 2)) for _ in range(index)])
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(_unit(rng.normal(size=4))), rng.normal(size=3))
        model.add_image_with_trivial_frame(image, pose)
    for index in range(5):
        track = pycolmap.Track()
        track.add_element(1 + index, 0)
        model.add_point3D(rng.normal(size=3), track, np.array([1, 2, 3], np.uint8))
    return model


def _unit(vector):
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("kind", ["binary", "text"])
def test_we_read_what_colmap_writes(kind: str, tmp_path: Path):
    theirs = reconstruction()
    getattr(theirs, f"write_{kind}")(str(tmp_path))
    ours = {"binary": read_binary, "text": read_text}[kind](tmp_path)
    assert sorted(image.name for image in ours.images) == sorted(i.name for i in theirs.images.values())
    for image in ours.images:
        expected = theirs.find_image_with_name(image.name)
        assert expected is not None
        pose = expected.cam_from_world()
        np.testing.assert_allclose(
            rotation_from_quaternion(image.quaternion), pose.rotation.matrix(), atol=1e-12
        )
        np.testing.assert_allclose(image.translation, pose.translation, atol=1e-12)
        assert ours.cameras[image.camera_id].width == 24
    expected_points = np.array([point.xyz for point in theirs.points3D.values()])
    np.testing.assert_allclose(sorted(ours.points.tolist()), sorted(expected_points.tolist()))


@pytest.mark.parametrize("kind", ["binary", "text"])
def test_colmap_reads_what_we_write(kind: str, tmp_path: Path):
    capture = small_capture(*ALL_CAMERAS, num_images=6)
    write_capture(capture, tmp_path / "out", f"colmap-{kind}")
    theirs = pycolmap.Reconstruction(str(tmp_path / "out" / "sparse" / "0"))
    assert theirs.num_points3D() == 7
    for frame in capture.frames:
        image = theirs.find_image_with_name(f"{frame.name}.png")
        assert image is not None
        raw_from_camera = image.cam_from_world().inverse().matrix()
        np.testing.assert_allclose(raw_from_camera, frame.raw_from_camera, atol=1e-9)
        name, numbers = colmap_camera(frame.intrinsics, "")
        camera = theirs.cameras[image.camera_id]
        assert camera.model_name == name
        np.testing.assert_allclose(camera.params, numbers)


@pytest.mark.parametrize("name", CAMERA_MODELS)
def test_each_camera_model_keeps_its_meaning(name: str):
    number, _, parameters = CAMERA_MODELS[name]
    numbers = [VALUES[key] for key in parameters]
    ours = intrinsics_from(name, 24, 16, numbers, "")
    written_name, written = colmap_camera(ours, "")
    before = pycolmap.Camera(model=name, width=24, height=16, params=numbers)
    after = pycolmap.Camera(model=written_name, width=24, height=16, params=written)
    assert int(before.model) == number
    points = np.random.default_rng(0).uniform((-0.4, -0.3, 1), (0.4, 0.3, 2), (50, 3))
    pixels_before, pixels_after = before.img_from_cam(points), after.img_from_cam(points)
    assert pixels_before is not None
    assert pixels_after is not None
    np.testing.assert_allclose(pixels_before, pixels_after, atol=1e-9)


def test_a_model_that_we_cannot_express_is_named(tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", "colmap-text")
    cameras = tmp_path / "out" / "sparse" / "0" / "cameras.txt"
    cameras.write_text("1 THIN_PRISM_FISHEYE 24 16 30 30 12 8 0 0 0 0 0 0 0 0\n")
    with pytest.raises(InputError, match=r"cameras\.txt: line 1: .*'THIN_PRISM_FISHEYE' is not supported"):
        read_capture(tmp_path / "out", CONFIG)


@settings(max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 1e-3))
def test_quaternions_and_rotations_are_inverses(numbers: list[float]):
    quaternion = _unit(np.array(numbers))
    rotation = rotation_from_quaternion(quaternion)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    again = quaternion_from_rotation(rotation)
    np.testing.assert_allclose(np.abs(again @ quaternion), 1, atol=1e-12)


@pytest.mark.parametrize("place", colmap.MODEL_FOLDERS)
def test_models_are_found_in_every_usual_place(place: str, tmp_path: Path):
    write_capture(small_capture(), tmp_path / "written", "colmap-binary")
    (tmp_path / "scene" / place).parent.mkdir(parents=True)
    (tmp_path / "written" / "sparse" / "0").rename(tmp_path / "scene" / place)
    photos = "input" if place.startswith("distorted") else "images"
    (tmp_path / "written" / "images").rename(tmp_path / "scene" / photos)
    capture = read_capture(tmp_path / "scene", CONFIG)
    assert (capture.format, len(capture.frames)) == ("colmap", 4)


def test_smaller_photos_in_images_2_scale_the_cameras(tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", "colmap-binary")
    (tmp_path / "out" / "images").rename(tmp_path / "out" / "images_2")
    for path in (tmp_path / "out" / "images_2").iterdir():
        with Image.open(path) as picture:
            picture.resize((12, 8)).save(path)
    (tmp_path / "out" / "masks_2").mkdir()
    Image.new("1", (12, 8)).save(tmp_path / "out" / "masks_2" / "image_0001.png")
    capture = read_capture(tmp_path / "out", CONFIG)
    camera = capture.frames[0].intrinsics
    assert (camera.width, camera.height, camera.fx, camera.cx, camera.cy) == (12, 8, 15, 6, 4)
    assert [frame.ignore_mask is not None for frame in capture.frames] == [False, True, False, False]
    assert capture.warnings == ()


def test_poses_without_photos_and_photos_without_poses_are_told_of(tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", "colmap-text")
    photos = tmp_path / "out" / "images"
    (photos / "image_0000.png").rename(photos / "new.png")
    capture = read_capture(tmp_path / "out", CONFIG)
    assert len(capture.frames) == 3
    first, second = capture.warnings
    assert first == "sparse/0: images without a file: 1 of 4 (image_0000.png)."
    assert second == "Images in the folder without a pose, not used: 1 (images/new.png)."


def test_further_models_are_told_of(tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", "colmap-text")
    (tmp_path / "out" / "sparse" / "1").mkdir()
    assert read_capture(tmp_path / "out", CONFIG).warnings == ("Models in sparse beside 0, not read: 1 (1).",)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("images.txt", "image_0001.png", "../../secret.png", "leaves the capture folder"),
        ("images.txt", " 1 image_0001.png", " 9 image_0001.png", "no camera 9"),
        ("images.txt", " 1 image_0001.png", "", "expected 10 fields of an image, found 8"),
        ("cameras.txt", "PINHOLE 24", "PINHOLE wide", "expected 3 whole numbers"),
        ("cameras.txt", " 30.0 ", " ", "expected 4 parameters of PINHOLE, found 3"),
        ("points3D.txt", "1 ", "1 x", "expected numbers"),
    ],
)
def test_damaged_text_is_told_with_file_and_line(file: str, old: str, new: str, message: str, tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", "colmap-text")
    path = tmp_path / "out" / "sparse" / "0" / file
    lines = path.read_text().split("\n", 1)
    path.write_text(lines[1])
    rewritten(path, old, new)
    with pytest.raises(InputError, match=message):
        read_capture(tmp_path / "out", CONFIG)


def test_a_binary_file_cut_short_is_told_of(tmp_path: Path):
    write_capture(small_capture(), tmp_path / "out", "colmap-binary")
    for name in ("cameras.bin", "images.bin", "points3D.bin"):
        path = tmp_path / "out" / "sparse" / "0" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-3])
        with pytest.raises(InputError, match=f"{name}: ends too early"):
            read_capture(tmp_path / "out", CONFIG)
        path.write_bytes(whole)


def test_the_desk_has_29_images_and_7562_points_before_the_cameras(shared_data):
    capture = read_capture(shared_data("desk_colmap"), CONFIG)
    assert len(capture.frames) == 29
    assert points_of(capture).shape == (7562, 3)
    camera = capture.frames[0].intrinsics
    assert (camera.width, camera.height) == (953, 535)
    assert camera.cx == pytest.approx(953 / 2)
    pose = capture.frames[0].raw_from_camera
    seen = (points_of(capture) - pose[:, 3]) @ pose[:, :3]
    assert np.mean(seen[:, 2] > 0) > 0.99
