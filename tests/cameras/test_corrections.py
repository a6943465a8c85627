"""Learned poses and lenses: what they do to rays, and that their gradients are exact."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.corrections import CameraCorrections, CameraDescent
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.geometry.transforms import compose, se3_exp
from rayloom.paper import MethodConfig
from rayloom.schedules import lr_scale, rate
from rayloom.types import Rays

close = torch.testing.assert_close
PINHOLE = Intrinsics(CameraModel.PINHOLE, 60, 40, 50.0, 52.0, 29.0, 21.5)
ORTHOGRAPHIC = Intrinsics(CameraModel.ORTHOGRAPHIC, 60, 40, 25.0, 20.0, 30.0, 20.0)
NUM = 4
LENS = (0.1, 0.02, -0.03, -0.1, 0.02)
sides = pytest.mark.parametrize("side", ["camera", "world"])
starts = pytest.mark.parametrize("start", [0.0, 0.3], ids=["at zero", "away from zero"])


def normals(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def given_poses() -> Tensor:
    return se3_exp(normals(NUM, 6))


def cameras_at(poses: Tensor, item: Intrinsics = PINHOLE) -> Cameras:
    return Cameras.from_intrinsics(
        [item] * len(poses), poses, 0.5, 8.0, image_index=range(len(poses)), dtype=torch.float64
    )


def pixels_of_each(num: int = 3) -> tuple[Tensor, Tensor]:
    """A few pixels of every camera."""
    drawn = torch.rand(NUM * num, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return torch.arange(NUM).repeat(num), drawn * torch.tensor([60.0, 40.0])


def rays_of(cameras: Cameras) -> Rays:
    return cameras.rays(*pixels_of_each())


def corrections_of(poses: Tensor, **options: Any) -> CameraCorrections:
    corrections = CameraCorrections(len(poses), **options).double()
    corrections.start_from(poses)
    return corrections


@sides
@starts
@pytest.mark.parametrize("item", [PINHOLE, ORTHOGRAPHIC], ids=["pinhole", "orthographic"])
def test_gradients_from_rays_to_twists_are_exact(side: Any, start: float, item: Intrinsics):
    corrections = corrections_of(given_poses(), side=side)
    rays = rays_of(cameras_at(given_poses(), item))

    def cast(twists: Tensor) -> tuple[Tensor, Tensor]:
        moved = torch.func.functional_call(corrections, {"twists": twists}, (rays,))
        return moved.origins, moved.directions

    corrections.forward = corrections.corrected
    twists = (start * normals(NUM, 6)).requires_grad_()
    assert torch.autograd.gradcheck(cast, (twists,))
    assert all(part.requires_grad for part in cast(twists))


@starts
@pytest.mark.parametrize("lenses", ["shared", "per-image"])
def test_gradients_from_rays_to_lenses_are_exact(start: float, lenses: Any):
    corrections = corrections_of(given_poses(), lenses=lenses)
    rays = rays_of(cameras_at(given_poses()))
    corrections.forward = corrections.corrected

    def cast(values: Tensor) -> Tensor:
        return torch.func.functional_call(corrections, {"lenses": values}, (rays,)).directions

    begin = start * torch.tensor(LENS, dtype=torch.float64).repeat(len(corrections.lenses), 1)
    assert torch.autograd.gradcheck(cast, (begin.requires_grad_(),))


@sides
@pytest.mark.parametrize("lenses", ["fixed", "shared", "per-image"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_corrections_change_nothing(side: Any, lenses: Any, dtype: torch.dtype):
    corrections = corrections_of(given_poses(), side=side, lenses=lenses).to(dtype)
    rays = rays_of(cameras_at(given_poses())).map(lambda x: x.to(dtype) if x.is_floating_point() else x)
    corrected = corrections.corrected(rays)
    few_roundings = 8 * torch.finfo(dtype).eps
    for name in ("origins", "directions", "view_directions", "radii"):
        close(getattr(corrected, name), getattr(rays, name), rtol=0, atol=few_roundings)
    close(corrections.world_from_camera(), given_poses().to(dtype), rtol=0, atol=few_roundings)
    for name in ("near", "far", "camera_index", "pixels", "time"):
        assert getattr(corrected, name) is getattr(rays, name)


@sides
@pytest.mark.parametrize("item", [PINHOLE, ORTHOGRAPHIC], ids=["pinhole", "orthographic"])
def test_corrected_rays_are_those_of_cameras_at_the_corrected_poses(side: Any, item: Intrinsics):
    corrections = corrections_of(given_poses(), side=side)
    twists = 0.2 * normals(NUM, 6)
    corrections.twists.data.copy_(twists)
    change = se3_exp(twists)
    expected = compose(given_poses(), change) if side == "camera" else compose(change, given_poses())
    close(corrections.world_from_camera(), expected)
    moved = rays_of(cameras_at(expected, item))
    corrected = corrections.corrected(rays_of(cameras_at(given_poses(), item)))
    close(corrected.origins, moved.origins)
    close(corrected.directions, moved.directions)
    close(corrected.view_directions, moved.directions)
    assert not torch.allclose(moved.origins, rays_of(cameras_at(given_poses(), item)).origins, atol=1e-2)


@sides
@pytest.mark.parametrize("lenses", ["fixed", "shared", "per-image"])
def test_rays_of_other_cameras_stay_as_they_are(side: Any, lenses: Any):
    corrections = corrections_of(given_poses(), side=side, lenses=lenses)
    corrections.twists.data.copy_(normals(NUM, 6))
    corrections.lenses.data.fill_(0.1)
    rays = rays_of(cameras_at(given_poses()))
    strange = torch.arange(len(rays.near)) % 2 == 0
    rays = replace(rays, camera_index=rays.camera_index.where(~strange, -1))
    corrected = corrections.corrected(rays)
    for name in ("origins", "directions", "view_directions", "radii"):
        same = getattr(corrected, name) == getattr(rays, name)
        assert same[strange].all(), name
        # A pixel's width is the lens's alone.
        assert same[~strange].all() == (name == "radii" and lenses == "fixed"), name


def lens_intrinsics(lens: tuple[float, ...]) -> Intrinsics:
    """The camera that a lens makes of the pinhole."""
    log_focal, right, down, k1, k2 = lens
    gain = math.exp(log_focal)
    return replace(
        PINHOLE,
        model=CameraModel.OPENCV,
        fx=PINHOLE.fx * gain,
        fy=PINHOLE.fy * gain,
        cx=PINHOLE.cx + right * PINHOLE.fx,
        cy=PINHOLE.cy + down * PINHOLE.fy,
        k1=k1,
        k2=k2,
    )


@pytest.mark.parametrize("lenses", ["shared", "per-image"])
def test_corrected_rays_are_those_of_cameras_with_the_learned_lens(lenses: Any):
    corrections = corrections_of(given_poses(), lenses=lenses)
    values = torch.tensor(LENS, dtype=torch.float64) * torch.linspace(1, 2, len(corrections.lenses))[:, None]
    corrections.lenses.data.copy_(values)
    lens_of = values.expand(NUM, 5).tolist()
    expected = Cameras.from_intrinsics(
        [lens_intrinsics(tuple(lens)) for lens in lens_of], given_poses(), 0.5, 8.0, dtype=torch.float64
    )
    corrected = corrections.corrected(rays_of(cameras_at(given_poses())))
    close(corrected.directions, rays_of(expected).directions, rtol=0, atol=1e-10)
    close(corrected.origins, rays_of(expected).origins)


def test_cones_follow_the_learned_focal_length():
    corrections = corrections_of(given_poses(), lenses="shared")
    corrections.lenses.data[0, 0] = math.log(2.0)
    rays = rays_of(cameras_at(given_poses()))
    close(corrections.corrected(rays).radii, rays.radii / 2)
    assert not corrections.corrected(rays).radii.requires_grad


def test_directions_far_off_the_axis_pass_no_lens_and_keep_gradients_finite():
    panorama = Intrinsics(CameraModel.EQUIRECTANGULAR, 60, 30, 0.0, 0.0, 0.0, 0.0)
    poses = torch.eye(3, 4, dtype=torch.float64)[None]
    corrections = corrections_of(poses, lenses="shared")
    corrections.lenses.data.copy_(torch.tensor([LENS]))
    rays = cameras_at(poses, panorama).image_rays(0).reshape(1800)
    corrected = corrections.corrected(rays)
    aside = rays.directions[:, 2] <= 0.5
    close(corrected.directions[aside], rays.directions[aside])
    assert (corrected.directions[~aside] - rays.directions[~aside]).norm(dim=-1).min() > 1e-3
    corrected.directions.sum().backward()
    assert corrections.lenses.grad is not None
    assert corrections.lenses.grad.isfinite().all()


def test_a_shared_lens_bends_the_rays_of_other_cameras_too():
    poses = given_poses()
    rays = cameras_at(poses[:1]).image_rays(0)
    shared = corrections_of(poses, lenses="shared")
    shared.lenses.data.copy_(torch.tensor([LENS]))
    expected = Cameras.from_intrinsics([lens_intrinsics(LENS)], poses[:1], 0.5, 8.0, dtype=torch.float64)
    bent = shared.behind_shared_lens(rays, poses[0])
    close(bent.directions, expected.image_rays(0).directions, rtol=0, atol=1e-7)
    close(bent.radii, rays.radii * math.exp(-LENS[0]))
    for lenses in ("fixed", "per-image"):
        assert corrections_of(poses, lenses=lenses).behind_shared_lens(rays, poses[0]) is rays


@sides
def test_everything_that_was_learnt_survives_a_state_dict(side: Any):
    learnt = corrections_of(given_poses(), side=side, lenses="per-image")
    learnt.twists.data.copy_(normals(NUM, 6))
    learnt.lenses.data.copy_(0.05 * normals(NUM, 5))
    loaded = CameraCorrections(NUM, side=side, lenses="per-image").double()
    loaded.load_state_dict(learnt.state_dict())
    assert torch.equal(loaded.world_from_camera(), learnt.world_from_camera())
    rays = rays_of(cameras_at(given_poses()))
    assert torch.equal(loaded.corrected(rays).directions, learnt.corrected(rays).directions)


def test_other_given_poses_keep_what_was_learnt():
    corrections = corrections_of(given_poses())
    corrections.twists.data.copy_(normals(NUM, 6))
    corrections.start_from(given_poses().flip(0).float())
    close(corrections.given, given_poses().flip(0), rtol=0, atol=1e-6)
    close(corrections.world_from_camera(), compose(corrections.given, se3_exp(normals(NUM, 6))))


def test_copies_of_a_photo_at_another_scale_share_its_correction():
    poses = given_poses()
    corrections = corrections_of(poses)
    corrections.twists.data.copy_(0.2 * normals(NUM, 6))
    half = PINHOLE.resized(30, 20)
    cameras = Cameras.from_intrinsics(
        [PINHOLE] * NUM + [half] * NUM,
        poses.repeat(2, 1, 1),
        0.5,
        8.0,
        image_index=[*range(NUM)] * 2,
        dtype=torch.float64,
    )
    pixel = torch.tensor([[31.0, 12.0]], dtype=torch.float64)
    large = corrections.corrected(cameras.rays(torch.tensor([2]), pixel))
    small = corrections.corrected(cameras.rays(torch.tensor([2 + NUM]), pixel / 2))
    close(large.directions, small.directions)
    close(large.origins, small.origins)
    close(small.radii, 2 * large.radii)


CONFIG = MethodConfig(lr=0.1, lr_final=0.001, lr_hold=0.8)


def moved_by(fraction: float, share: float) -> Tensor:
    """How far the first step moves every number of a camera, at a share of the rates of the settings."""
    corrections = corrections_of(given_poses())
    descent = CameraDescent(corrections, CONFIG, 0.01)
    descent.follow(fraction)
    rays = corrections.corrected(rays_of(cameras_at(given_poses())))
    descent.step(rays, normals(len(rays.origins), 6), fraction, share * lr_scale(CONFIG, fraction))
    return corrections.twists.detach().abs()


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.9, 1.0])
def test_the_rate_of_cameras_falls_a_hundredfold_from_the_beginning(fraction: float):
    expected = torch.full((NUM, 6), 0.01 * 0.01**fraction, dtype=torch.float64)
    close(moved_by(fraction, 1.0), expected, rtol=1e-4, atol=0)
    close(moved_by(fraction, 0.5), 0.5 * expected, rtol=1e-4, atol=0)


def test_an_optimizer_of_torch_gets_the_same_rates():
    corrections = corrections_of(given_poses())
    group = CameraDescent(corrections, CONFIG, 0.01).group()
    assert group["params"] == list(corrections.parameters())
    ends = (group["lr"], group["lr_final"], group["lr_hold"])
    assert rate(CONFIG, 0.5, *ends) == pytest.approx(0.01 * 0.01**0.5)


def test_cameras_learn_once_fog_has_cleared():
    corrections = corrections_of(given_poses())
    descent = CameraDescent(corrections, CONFIG, 0.01)
    for fraction, learns in ((0.0, False), (0.049, False), (0.05, True), (1.0, True)):
        descent.follow(fraction)
        assert descent.learns == corrections.twists.requires_grad == learns


def test_without_gradients_of_rays_cameras_stay():
    corrections = corrections_of(given_poses())
    rays = corrections.corrected(rays_of(cameras_at(given_poses())))
    CameraDescent(corrections, CONFIG, 0.01).step(rays, None, 0.5, 1.0)
    assert (corrections.twists == 0).all()


def test_where_there_are_no_cameras_none_learn():
    descent = CameraDescent(CameraCorrections(0), CONFIG, 0.01)
    descent.follow(1.0)
    assert not descent.learns
