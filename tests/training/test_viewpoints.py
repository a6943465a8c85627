"""Where held-out photos are seen from after a method learnt cameras of its own."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.cameras.intrinsics import CameraModel
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.geometry.transforms import apply
from rayloom.metrics.images import psnr
from rayloom.metrics.poses import moved_poses, scale_of
from rayloom.training.viewpoints import Viewpoints, learned_pose_errors, learned_poses
from tests.training.painted_plane import CAMERA, learned_plane, plane, plane_scene, similarity

close = torch.testing.assert_close
SPLIT = ("test", *("train",) * 8, "test")
ROUNDED = 55.0
"""Photos of 256 levels leave about this many decibels."""


def score(viewpoints: Viewpoints, index: int, level: int = 0) -> float:
    truth, valid = truth_image(viewpoints.scene.scales[level], index)
    return psnr(viewpoints.method.render_image(viewpoints.rays(index, level)).rgb, truth, valid)


def test_a_method_that_learns_no_cameras_sees_from_those_of_the_scene():
    scene = plane_scene(SPLIT, halves=True)
    viewpoints = Viewpoints(plane(scene), scene)
    for level, scale in enumerate(scene.scales):
        for index in range(len(SPLIT)):
            expected, found = scene_cameras(scale).image_rays(index), viewpoints.rays(index, level)
            for name in ("origins", "directions", "near", "far", "radii", "camera_index", "pixels"):
                assert torch.equal(getattr(found, name), getattr(expected, name)), name
    assert learned_poses(viewpoints.method, scene) is None
    assert learned_pose_errors(viewpoints.method, scene) is None


@pytest.mark.parametrize("scale", [0.4, 1.7])
@pytest.mark.parametrize("level", [0, 1])
def test_held_out_cameras_follow_the_learned_ones_with_near_and_far(scale: float, level: int):
    scene = plane_scene(SPLIT, halves=True)
    viewpoints = Viewpoints(learned_plane(scene, similarity(scale)), scene, pose_refinement_steps=0)
    assert score(viewpoints, 0, level) > ROUNDED
    assert score(viewpoints, 9, level) > ROUNDED
    # Without the move it would see something else.
    seen = scene_cameras(scene.scales[level]).image_rays(0)
    truth, _ = truth_image(scene.scales[level], 0)
    assert psnr(viewpoints.method.render_image(seen).rgb, truth) < 25


def test_training_photos_are_seen_from_where_they_were_learnt_to_be():
    scene = plane_scene(SPLIT)
    viewpoints = Viewpoints(learned_plane(scene, similarity(1.0)), scene)
    assert viewpoints.rays(3).camera_index.unique().tolist() == [2]
    assert score(viewpoints, 3) > ROUNDED
    assert not viewpoints.refined


def test_refinement_finds_what_the_errors_of_learned_cameras_left():
    scene = plane_scene(SPLIT)
    method = learned_plane(scene, similarity(), twist_sd=0.02)
    rough, fine = (Viewpoints(method, scene, pose_refinement_steps=steps) for steps in (0, 100))
    assert score(fine, 0) > score(rough, 0) + 6
    errors = learned_pose_errors(method, scene)
    assert errors is not None
    assert 0.5 < errors.median_rotation_deg < 4
    # Each of six numbers with this deviation: a move of about 0.035, less what alignment takes out.
    assert 0.01 < errors.median_translation < 0.06


def test_learned_poses_come_back_in_the_frame_of_the_scene():
    scene = plane_scene(SPLIT)
    poses = learned_poses(learned_plane(scene, similarity()), scene)
    assert poses is not None
    close(poses, torch.from_numpy(scene.world_from_camera[1:9]), rtol=0, atol=1e-5)


def test_a_camera_is_refined_once_for_all_scales():
    scene = plane_scene(SPLIT, halves=True)
    viewpoints = Viewpoints(learned_plane(scene, similarity(), twist_sd=0.02), scene, pose_refinement_steps=3)
    large, small = viewpoints.rays(0, 0), viewpoints.rays(0, 1)
    assert torch.equal(large.origins[0, 0], small.origins[0, 0])
    assert list(viewpoints.refined) == [0]
    assert small.shape == (12, 16)


def test_a_photo_that_is_ignored_whole_moves_no_camera():
    scene = plane_scene(SPLIT)
    everything = np.ones((24, 32), dtype=np.bool_)
    masked = replace(scene, ignore=(everything, *scene.ignore[1:]))
    method = learned_plane(scene, similarity(), twist_sd=0.02)
    moved = Viewpoints(method, masked, pose_refinement_steps=20).rays(0)
    assert torch.equal(moved.origins, Viewpoints(method, scene, pose_refinement_steps=0).rays(0).origins)


def test_held_out_photos_are_seen_through_the_lens_that_all_photos_share():
    longer = replace(CAMERA, fx=CAMERA.fx * 1.3, fy=CAMERA.fy * 1.3)
    scene = plane_scene(SPLIT, longer)
    method = learned_plane(scene, similarity(), lenses="shared")
    viewpoints = Viewpoints(method, scene, pose_refinement_steps=0)
    without = score(viewpoints, 0)
    assert method.corrections is not None
    method.corrections.lenses.data[0, 0] = math.log(1.3)
    assert score(viewpoints, 0) > ROUNDED > 25 > without


def test_the_pixels_of_an_orthographic_camera_keep_their_places():
    flat = replace(CAMERA, model=CameraModel.ORTHOGRAPHIC, fx=12.0, fy=12.0)
    scene = replace(plane_scene(SPLIT), intrinsics=(flat,) * len(SPLIT))
    learned_from_scene = similarity(1.7)
    method = learned_plane(scene, learned_from_scene)
    found = Viewpoints(method, scene, pose_refinement_steps=0).rays(0)
    given = scene_cameras(scene).image_rays(0)
    close(found.origins, apply(learned_from_scene, given.origins.double()).float(), rtol=0, atol=1e-5)
    close(found.near, given.near * scale_of(learned_from_scene).float())
    close(found.far, given.far * scale_of(learned_from_scene).float())
    pose = moved_poses(learned_from_scene, torch.from_numpy(scene.world_from_camera[:1]))[0]
    close(found.directions, pose[:, 2].float().expand(24, 32, 3), rtol=0, atol=1e-5)
