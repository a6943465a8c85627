"""Pieces that share photos become one model, and those that contradict each other stay apart."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pycolmap
import pytest
import torch
from torch import Tensor

from rayloom.geometry.transforms import so3_exp
from rayloom.metrics.poses import moved_poses
from rayloom.sfm import ladder
from rayloom.sfm.jobs import Map
from rayloom.sfm.model import mean_error_px, read_models
from rayloom.sfm.pieces import Poses, fewest_bridges, join_pieces, moved_to, poses_of
from rayloom.sfm.worker import JobError

NUM_PHOTOS = 10
TURN = so3_exp(torch.tensor([0.4, -1.1, 2.0], dtype=torch.float64))
ELSEWHERE = torch.cat([2.5 * TURN, torch.tensor([[3.0], [-7.0], [0.5]], dtype=torch.float64)], dim=-1)


def around(num_photos: int) -> Poses:
    """Cameras at random places with random turns."""
    generator = torch.Generator().manual_seed(0)
    turns = so3_exp(torch.randn(num_photos, 3, generator=generator, dtype=torch.float64))
    centres = torch.randn(num_photos, 3, 1, generator=generator, dtype=torch.float64)
    return dict(enumerate(torch.cat([turns, centres], dim=-1), start=1))


def in_another_frame(poses: Poses, ids: Iterable[int]) -> Poses:
    return {i: moved_poses(ELSEWHERE, poses[i][None])[0] for i in ids}


def turned(pose: Tensor, degrees: float) -> Tensor:
    turn = so3_exp(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64).mul(degrees).deg2rad())
    return torch.cat([turn @ pose[:, :3], pose[:, 3:]], dim=-1)


@pytest.mark.parametrize("shared", [[3, 4], [2, 3, 4]])
def test_shared_photos_bring_the_others_along(shared: list[int]) -> None:
    truth = around(8)
    target = {i: truth[i] for i in range(1, 5)}
    moved = moved_to(target, in_another_frame(truth, [*shared, 5, 6, 7, 8]))
    assert moved is not None
    assert sorted(moved) == [*shared, 5, 6, 7, 8]
    for i, pose in moved.items():
        torch.testing.assert_close(pose, truth[i], rtol=0, atol=1e-9)


def test_one_photo_is_no_link() -> None:
    truth = around(6)
    target = {i: truth[i] for i in range(1, 4)}
    assert moved_to(target, in_another_frame(truth, [3, 4, 5, 6])) is None
    assert moved_to(target, in_another_frame(truth, [4, 5, 6])) is None


@pytest.mark.parametrize("degrees", [2.0, 40.0])
def test_a_photo_that_looks_elsewhere_in_one_piece_parts_them(degrees: float) -> None:
    truth = around(6)
    source = in_another_frame(truth, [2, 3, 4, 5, 6])
    source[3] = turned(source[3], degrees)
    moved = moved_to({i: truth[i] for i in range(1, 5)}, source)
    assert (moved is None) == (degrees > 10)


def test_a_photo_that_stands_elsewhere_in_one_piece_parts_them() -> None:
    truth = around(6)
    source = in_another_frame(truth, [2, 3, 4, 5, 6])
    source[3][:, 3] += 5.0
    assert moved_to({i: truth[i] for i in range(1, 5)}, source) is None


def test_photos_from_one_place_tell_no_scale() -> None:
    truth = around(4)
    truth[2][:, 3] = truth[1][:, 3]
    assert moved_to({1: truth[1], 2: truth[2]}, in_another_frame(truth, [1, 2, 3, 4])) is None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[pycolmap.Reconstruction, Path]:
    """A model of ten photos and its database, of features and matches that are off by a little."""
    file = tmp_path_factory.mktemp("scene") / "a.db"
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig = 1, 1
    options.num_frames_per_rig, options.num_points3D = NUM_PHOTOS, 200
    options.camera_model_id = pycolmap.CameraModelId.SIMPLE_RADIAL
    options.camera_params = [1280.0, 512.0, 384.0, 0.05]
    pycolmap.set_random_seed(0)
    with closing(pycolmap.Database.open(file)) as database:
        model = pycolmap.synthesize_dataset(options, database)
        noise = pycolmap.SyntheticNoiseOptions()
        noise.point2D_stddev = 0.3
        pycolmap.synthesize_noise(noise, model, database)
    return model, file


def piece(whole: pycolmap.Reconstruction, ids: Iterable[int], scale: float) -> pycolmap.Reconstruction:
    """The part of a model with these images, in a frame of its own."""
    part = pycolmap.Reconstruction(whole)
    for image_id in set(part.reg_image_ids()) - set(ids):
        part.deregister_frame(part.image(image_id).frame_id)
    part.transform(pycolmap.Sim3d(scale, pycolmap.Rotation3d(TURN.numpy()), ELSEWHERE[:, 3].numpy()))
    return part


def test_a_chain_of_pieces_becomes_one(
    scene: tuple[pycolmap.Reconstruction, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    whole, file = scene
    parts = [piece(whole, range(1, 6), 1.5), piece(whole, range(7, 11), 0.7), piece(whole, range(4, 9), 3.0)]
    capfd.readouterr()
    joined = join_pieces(parts, file)
    assert capfd.readouterr().err == ""
    assert joined is not None
    moved = moved_to(poses_of(whole), poses_of(joined))
    assert moved is not None
    assert sorted(moved) == list(range(1, NUM_PHOTOS + 1))
    for image_id, pose in poses_of(whole).items():
        torch.testing.assert_close(moved[image_id], pose, rtol=0, atol=1e-6)
    assert join_pieces(parts[:2], file) is None


def job_in(folder: Path, file: Path) -> Map:
    """The job that the models in `folder` are from."""
    for name in ("photos", "models"):
        (folder / name).mkdir(exist_ok=True)
    return Map(str(file), str(folder / "photos"), str(folder / "models"), "incremental", 15, 100, 30)


def test_what_is_joined_replaces_its_pieces(
    scene: tuple[pycolmap.Reconstruction, Path], tmp_path: Path
) -> None:
    whole, file = scene
    parts = [piece(whole, ids, 1.5) for ids in (range(1, 7), range(5, 9), (3, 9, 10))]
    for i, part in enumerate(parts):
        (tmp_path / "models" / str(i)).mkdir(parents=True)
        part.write(tmp_path / "models" / str(i))
    found = ladder._joined(job_in(tmp_path, file), parts, tmp_path, tmp_path / "log")
    assert [model.num_reg_images() for model in found] == [10]
    assert mean_error_px(found[0]) < 0.5
    assert len(read_models(tmp_path / "models")) == 1


def test_pieces_that_points_do_not_hold_together_stay_apart(
    scene: tuple[pycolmap.Reconstruction, Path], tmp_path: Path
) -> None:
    whole, file = scene
    first, other = piece(whole, range(1, 7), 1.5), piece(whole, range(5, 11), 0.5)
    for image_id in range(7, 11):
        # All that the first piece does not know of looks away from the scene.
        frame = other.frame(other.image(image_id).frame_id)
        before = frame.rig_from_world
        assert before is not None
        back = pycolmap.Rotation3d(turned(torch.eye(3, 4, dtype=torch.float64), 180)[:, :3].numpy())
        frame.rig_from_world = pycolmap.Rigid3d(back, [0, 0, 0]) * before
    parts = [first, other]
    assert ladder._joined(job_in(tmp_path, file), parts, tmp_path, tmp_path / "log") is parts
    # COLMAP was content: the two halves fit, each in itself.
    (alleged,) = read_models(tmp_path / "whole")
    assert alleged.num_reg_images() == NUM_PHOTOS
    assert mean_error_px(alleged) < 0.5
    assert fewest_bridges(alleged, parts) < 30
    assert fewest_bridges(whole, parts) > 100


def test_a_joining_that_fails_leaves_the_pieces(
    scene: tuple[pycolmap.Reconstruction, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise JobError("it broke")

    whole, file = scene
    parts = [piece(whole, range(1, 7), 1.5), piece(whole, range(5, 11), 0.5)]
    monkeypatch.setattr(ladder, "run_job", fail)
    assert ladder._joined(job_in(tmp_path, file), parts, tmp_path, tmp_path / "log") is parts


def test_what_fits_badly_when_joined_stays_in_pieces(
    scene: tuple[pycolmap.Reconstruction, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, file = scene
    parts = [piece(whole, range(1, 7), 1.5), piece(whole, range(5, 11), 0.5)]
    monkeypatch.setattr(ladder, "mean_error_px", lambda model: 9.0)
    assert ladder._joined(job_in(tmp_path, file), parts, tmp_path, tmp_path / "log") is parts
    assert not list((tmp_path / "models").iterdir())
