"""Paths through keyframes, and their files: read by the editor again, and by what films them."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rayloom.cameras.path_files import CameraPath, read_camera_path, write_camera_path
from rayloom.data.batches import scene_cameras
from rayloom.errors import InputError
from rayloom.viewing.path_draft import PathDraft, load_path, save_path
from rayloom.viewing.sights import Sight, sight_of
from tests.viewing.normal_ball import RAW_FROM_WORLD, ball_scene

KEYS = tuple(
    sight_of(torch.from_numpy(pose), 0.5 + 0.1 * i)
    for i, pose in enumerate(ball_scene().world_from_camera[:4])
)


def close(first: Sight, second: Sight, tolerance: float = 1e-6) -> bool:
    apart = (first.world_from_camera - second.world_from_camera).abs().max()
    return float(apart) < tolerance and abs(first.fov_rad - second.fov_rad) < tolerance


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_path_goes_through_its_keyframes_in_time(count: int, loop: bool):
    draft = PathDraft(KEYS[:count], seconds=0.5, fps=20.0, loop=loop)
    sights = draft.sights()
    assert len(sights) == draft.num_frames == (10 * count if loop else 10 * (count - 1) + 1)
    for i, key in enumerate(draft.keyframes):
        assert close(sights[10 * i], key)


def test_a_loop_is_as_smooth_where_it_closes_as_elsewhere():
    draft = PathDraft(KEYS, seconds=1.0, fps=50.0, loop=True)
    places = np.array([sight.position for sight in draft.sights()])
    speed = np.diff(places, axis=0, append=places[:1])
    jumps = np.linalg.norm(np.diff(speed, axis=0, append=speed[:1]), axis=-1)
    assert jumps[-2:].max() < 2 * np.median(jumps) + 1e-9 or jumps[-2:].max() <= jumps[:-2].max()


def test_a_turn_takes_the_short_way_whatever_the_sign_of_its_quaternion():
    flipped = replace(KEYS[1], wxyz=tuple(-x for x in KEYS[1].wxyz))
    for one, other in zip(
        PathDraft((KEYS[0], KEYS[1], KEYS[2])).sights(),
        PathDraft((KEYS[0], flipped, KEYS[2])).sights(),
        strict=True,
    ):
        assert close(one, other)


def test_a_film_has_the_fields_of_view_of_its_keyframes():
    film = PathDraft(KEYS[:2], seconds=1.0, fps=10.0).film(64, 48, near=0.2, far=7.0)
    assert film.fps == 10.0
    assert film.cameras.size.tolist() == [[64, 48]] * 11
    fovs = 2 * torch.atan(24 / film.cameras.focal[:, 1])
    assert fovs[0].item() == pytest.approx(0.5, abs=1e-5)
    assert fovs[-1].item() == pytest.approx(0.6, abs=1e-5)
    assert (fovs.diff() > 0).all()


@pytest.mark.parametrize("loop", [False, True])
def test_time_runs_from_the_moment_of_each_keyframe_to_that_of_the_next(loop: bool, tmp_path: Path):
    moments, file = (0.0, 1.0, 1.0, 0.25), tmp_path / "path.json"
    keys = tuple(replace(key, time=time) for key, time in zip(KEYS, moments, strict=True))
    draft = PathDraft(keys, seconds=0.5, fps=20.0, loop=loop)
    times = draft.film(64, 48, near=0.2, far=7.0).cameras.time
    torch.testing.assert_close(times[:40:10], torch.tensor(moments))
    # A smooth curve would swing beyond the end of the sequence.
    assert times.min() >= 0
    assert times.max() <= 1
    assert len(times[:10].unique()) == 10
    save_path(file, draft, 64, 48, RAW_FROM_WORLD)
    assert tuple(key.time for key in load_path(file, RAW_FROM_WORLD).keyframes) == moments
    filmed = read_camera_path(file, RAW_FROM_WORLD, near=0.2, far=7.0).cameras.time
    torch.testing.assert_close(filmed, times)


@pytest.mark.parametrize("keys", [(), KEYS[:1]])
def test_a_path_needs_two_keyframes(keys: tuple[Sight, ...], tmp_path: Path):
    with pytest.raises(InputError, match=f"has {len(keys)} keyframes; expected at least two"):
        save_path(tmp_path / "path.json", PathDraft(keys), 64, 48, RAW_FROM_WORLD)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("loop", [False, True])
def test_a_saved_path_comes_back(tmp_path: Path, loop: bool):
    file, draft = tmp_path / "folder" / "path.json", PathDraft(KEYS, seconds=0.7, fps=25.0, loop=loop)
    save_path(file, draft, 64, 48, RAW_FROM_WORLD)
    loaded = load_path(file, RAW_FROM_WORLD)
    assert (loaded.seconds, loaded.fps, loaded.loop) == (0.7, 25.0, loop)
    assert all(close(one, other) for one, other in zip(loaded.keyframes, KEYS, strict=True))


def test_a_saved_path_is_filmed_frame_by_frame(tmp_path: Path):
    file, draft = tmp_path / "path.json", PathDraft(KEYS, seconds=0.7, fps=25.0, loop=True)
    save_path(file, draft, 64, 48, RAW_FROM_WORLD)
    path, film = (
        read_camera_path(file, RAW_FROM_WORLD, near=0.2, far=7.0),
        draft.film(64, 48, near=0.2, far=7.0),
    )
    assert path.fps == 25.0
    for name in ("world_from_camera", "focal", "center", "size", "near", "far"):
        torch.testing.assert_close(
            getattr(path.cameras, name), getattr(film.cameras, name), rtol=1e-5, atol=1e-5
        )
    content = json.loads(file.read_text())
    assert content["is_cycle"]
    assert len(content["keyframes"]) == 4
    # Keyframes lie in the frame of the files, as the frames do, row by row.
    assert np.allclose(content["keyframes"][0]["matrix"], content["camera_path"][0]["camera_to_world"])


def test_a_path_without_keyframes_gets_one_for_each_transition(tmp_path: Path):
    file, film = tmp_path / "path.json", PathDraft(KEYS, seconds=2.0).film(64, 48, near=0.2, far=7.0)
    write_camera_path(file, film, RAW_FROM_WORLD)
    loaded = load_path(file, RAW_FROM_WORLD)
    assert all(close(one, other, 1e-5) for one, other in zip(loaded.keyframes, KEYS, strict=True))


@pytest.mark.parametrize(
    "matrix", ["[1,0,0,0]", np.eye(4).ravel().tolist()[:15], [*np.eye(4).ravel().tolist()[:12], 1, 2, 3, 1]]
)
def test_keyframes_of_older_viewers_are_left_to_the_frames(tmp_path: Path, matrix: object):
    file = tmp_path / "path.json"
    save_path(file, PathDraft(KEYS[:2]), 64, 48, RAW_FROM_WORLD)
    content = json.loads(file.read_text())
    for keyframe in content["keyframes"]:
        keyframe["matrix"] = matrix
    file.write_text(json.dumps(content))
    loaded = load_path(file, RAW_FROM_WORLD)
    assert len(loaded.keyframes) == 2
    assert close(loaded.keyframes[1], KEYS[1], 1e-5)


def test_a_file_that_cannot_be_read_or_written_is_told_in_one_sentence(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read"):
        load_path(tmp_path / "nothing.json", RAW_FROM_WORLD)
    (tmp_path / "file").write_text("{}")
    with pytest.raises(InputError, match="expected a nerfstudio camera path"):
        load_path(tmp_path / "file", RAW_FROM_WORLD)
    with pytest.raises(InputError, match="cannot be written"):
        save_path(tmp_path / "file" / "path.json", PathDraft(KEYS), 64, 48, RAW_FROM_WORLD)


def test_one_frame_can_be_loaded_and_gone_on_from(tmp_path: Path):
    file, cameras = tmp_path / "path.json", scene_cameras(ball_scene())
    write_camera_path(file, CameraPath(cameras[:1], 24.0), RAW_FROM_WORLD)
    (key,) = load_path(file, RAW_FROM_WORLD).keyframes
    torch.testing.assert_close(
        key.world_from_camera, cameras.world_from_camera[0].double(), rtol=0, atol=1e-5
    )
    assert key.fov_rad == pytest.approx(2 * math.atan(20 / 70), abs=1e-6)
