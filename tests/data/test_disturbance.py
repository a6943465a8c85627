"""Scenes with wrong training poses: what changes, by how much, and what does not."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from rayloom.data.disturbance import noisy_poses, one_pose, with_poses
from rayloom.data.multiscale import coarser_scenes
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.geometry.transforms import compose, invert_rigid, mean_pose, se3_exp, se3_log
from tests.data.camera_rings import capture_of, ring_poses


def scene_of(count: int, **config: Any) -> Scene:
    whole = prepare_scene(capture_of(ring_poses(count)), DataConfig(**config))
    halves = [np.ascontiguousarray(image[::2, ::2]) for image in whole.images]
    return replace(whole, coarser=coarser_scenes(whole, halves))


def training_poses(scene: Scene) -> torch.Tensor:
    return torch.from_numpy(scene.world_from_camera[list(scene.indices("train"))])


def changes(disturbed: Scene, scene: Scene, side: str) -> torch.Tensor:
    """The twists that took the poses of a scene to those of the other."""
    poses, given = training_poses(disturbed), training_poses(scene)
    back = invert_rigid(given)
    return se3_log(compose(poses, back) if side == "world" else compose(back, poses))


def test_nothing_but_training_poses_differs_at_any_scale():
    scene = scene_of(10, split="every-8th")
    before = scene.world_from_camera.copy()
    other = np.flip(training_poses(scene).numpy(), 0).copy()
    changed = with_poses(scene, other)
    for old, new in zip(scene.scales, changed.scales, strict=True):
        same = {item.name for item in fields(Scene)} - {"world_from_camera", "coarser"}
        assert all(getattr(new, name) is getattr(old, name) for name in same)
        assert np.array_equal(new.world_from_camera[list(scene.indices("train"))], other)
        held_out = list(scene.indices("test"))
        assert held_out
        assert np.array_equal(new.world_from_camera[held_out], before[held_out])
    assert np.array_equal(scene.world_from_camera, before)


@pytest.mark.parametrize("side", ["world", "camera"])
def test_noise_has_the_deviations_that_were_asked_for_on_its_side(side: Any):
    scene = scene_of(400, split="none")
    twists = changes(noisy_poses(scene, 0.15, 0.3, seed=0, side=side), scene, side)
    # 1200 draws each: within five standard errors of the deviation.
    assert float(twists[:, :3].std()) == pytest.approx(0.15, abs=5 * 0.15 / 2400**0.5)
    assert float(twists[:, 3:].std()) == pytest.approx(0.3, abs=5 * 0.3 / 2400**0.5)
    assert float(twists[:, :3].mean().abs()) < 5 * 0.15 / 1200**0.5


def test_without_noise_poses_stay_and_the_seed_decides_about_noise():
    scene = scene_of(6, split="none")
    still = noisy_poses(scene, 0.0, 0.0, seed=0)
    np.testing.assert_allclose(still.world_from_camera, scene.world_from_camera, atol=1e-12)
    first, again, other = (noisy_poses(scene, 0.1, 0.1, seed).world_from_camera for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_cameras_without_poses_begin_as_one_average_camera():
    scene = scene_of(8, split="none")
    middle = se3_exp(torch.tensor([0.3, -0.2, 0.4, 1.0, 2.0, 3.0], dtype=torch.float64))
    # For each twist its opposite, so that the average is the middle but for terms of second order.
    half = 0.1 * torch.randn(4, 6, dtype=torch.float64)
    poses = compose(middle, se3_exp(torch.cat([half, -half])))
    alike = one_pose(with_poses(scene, poses.numpy()))
    found = training_poses(alike)
    assert torch.equal(found, found[:1].expand_as(found))
    rotation = found[0, :, :3]
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64))
    assert float(torch.linalg.det(rotation)) == pytest.approx(1)
    torch.testing.assert_close(found[0, :, 3], poses[:, :, 3].mean(0))
    torch.testing.assert_close(found[0], mean_pose(poses))
    near_middle = se3_log(compose(invert_rigid(middle), found[0]))
    assert float(near_middle[:3].abs().max()) < 0.02
