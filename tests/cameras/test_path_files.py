import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.path_files import CameraPath, read_camera_path, write_camera_path
from rayloom.errors import InputError
from rayloom.geometry.transforms import se3_exp

close = torch.testing.assert_close
HERE = np.eye(4)
TURNED = np.eye(4)
TURNED[:3, :3] = 2.5 * se3_exp(torch.tensor([0.3, -0.2, 0.9, 0.0, 0.0, 0.0]))[:, :3].numpy()
TURNED[:3, 3] = [1.0, -2.0, 0.5]


def content() -> dict:
    matrix = [1, 0, 0, 4, 0, 0, -1, 5, 0, 1, 0, 6, 0, 0, 0, 1]
    frame = {"camera_to_world": matrix, "fov": 60, "aspect": 2.0}
    return {
        "camera_type": "perspective",
        "render_width": 200,
        "render_height": 100,
        "fps": 30,
        "seconds": 2.0,
        "is_cycle": False,
        "smoothness_value": 0.5,
        "keyframes": [{"matrix": "[]", "fov": 60}],
        "crop": None,
        "camera_path": [frame, frame],
    }


def written(folder: Path, data: object) -> Path:
    file = folder / "path.json"
    file.write_text(json.dumps(data))
    return file


def test_a_file_of_the_viewer_is_understood(tmp_path):
    path = read_camera_path(written(tmp_path, content()), HERE, near=0.1, far=9.0)
    assert path.fps == 30
    assert path.cameras.size.tolist() == [[200, 100]] * 2
    close(path.cameras.focal, torch.full((2, 2), 50 / math.tan(math.radians(30))))
    close(path.cameras.center, torch.tensor([[100.0, 50.0]] * 2))
    close((path.cameras.near, path.cameras.far), (torch.full((2,), 0.1), torch.full((2,), 9.0)))
    # OpenGL cameras look along -z with y up: here towards +y of the world, upright.
    expected = torch.tensor([[1.0, 0.0, 0.0, 4.0], [0.0, 0.0, 1.0, 5.0], [0.0, -1.0, 0.0, 6.0]])
    close(path.cameras.world_from_camera[0], expected)


def test_a_similarity_moves_the_cameras_and_leaves_them_rigid(tmp_path):
    file = written(tmp_path, content())
    raw = read_camera_path(file, HERE, near=0.1, far=9.0).cameras.world_from_camera[0].double().numpy()
    world = read_camera_path(file, TURNED, near=0.1, far=9.0).cameras.world_from_camera[0].double().numpy()
    np.testing.assert_allclose(TURNED[:3, :3] @ world[:, 3] + TURNED[:3, 3], raw[:, 3], atol=1e-6)
    np.testing.assert_allclose(TURNED[:3, :3] @ world[:, :3] / 2.5, raw[:, :3], atol=1e-6)


@pytest.mark.parametrize(
    "model", [CameraModel.PINHOLE, CameraModel.OPENCV_FISHEYE, CameraModel.EQUIRECTANGULAR]
)
def test_a_written_path_comes_back(tmp_path, model):
    item = Intrinsics(model, 64, 48, 40.0, 40.0, 32.0, 24.0)
    poses, times = se3_exp(torch.randn(5, 6)), torch.linspace(0, 1, 5)
    cameras = Cameras.from_intrinsics([item] * 5, poses, 0.1, 9.0, times=times)
    file = tmp_path / "path.json"
    write_camera_path(file, CameraPath(cameras, 25.0), TURNED)
    back = read_camera_path(file, TURNED, near=0.1, far=9.0)
    assert back.fps == 25
    for name, value in vars(cameras).items():
        close(getattr(back.cameras, name), value, rtol=1e-5, atol=1e-5)


def test_models_that_the_format_lacks_are_not_written(tmp_path):
    item = Intrinsics(CameraModel.ORTHOGRAPHIC, 64, 48, 40.0, 40.0, 32.0, 24.0)
    cameras = Cameras.from_intrinsics([item], np.eye(3, 4)[None], 0.1, 9.0)
    with pytest.raises(ValueError, match="ORTHOGRAPHIC"):
        write_camera_path(tmp_path / "path.json", CameraPath(cameras, 25.0), HERE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"render_width": "wide"}, r"\$\.render_width"),
        ({"render_height": 0}, r"\$\.render_height"),
        ({"camera_type": "vr180"}, r"\$\.camera_type"),
        ({"camera_path": []}, r"\$\.camera_path"),
        (
            {"camera_path": [{"camera_to_world": [1, 2], "fov": 50}]},
            r"camera_path\[\.*0?\.*\]\.camera_to_world",
        ),
        ({"camera_path": [{"camera_to_world": [0] * 16, "fov": 50}]}, r"camera_path\[0\]\.camera_to_world"),
        ({"camera_path": [{"camera_to_world": list(range(16)), "fov": 180}]}, r"\.fov"),
        ({"camera_path": [{"camera_to_world": list(range(16))}]}, "fov"),
        (
            {"camera_path": [{"camera_to_world": [0] * 16, "fov": 50, "render_time": 24}]},
            r"<= 1.0.*\.render_time",
        ),
        ({"fps": -1}, r"\$\.fps"),
    ],
)
def test_a_broken_field_is_named_with_its_file(tmp_path, change, told):
    file = written(tmp_path, content() | change)
    with pytest.raises(InputError, match=told) as caught:
        read_camera_path(file, HERE, near=0.1, far=9.0)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"camera_path": NaN}', "\xff\xfe"])
def test_what_is_not_a_path_at_all_is_told(tmp_path, text):
    file = tmp_path / "path.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"path\.json"):
        read_camera_path(file, HERE, near=0.1, far=9.0)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_camera_path(tmp_path / "none.json", HERE, near=0.1, far=9.0)
