"""Errors of a mesh of a brick, whose signed distance is known."""

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from rayloom.metrics.surfaces import surface_errors

HALF = np.array([0.9, 0.5, 0.3])
FACES = trimesh.creation.box().faces
SEEN = 2 * HALF * trimesh.creation.box().sample(4000, seed=1)


def brick(points: Tensor) -> Tensor:
    beyond = points.abs() - torch.from_numpy(HALF)
    return beyond.clamp(min=0).norm(dim=-1) + beyond.amax(-1).clamp(max=0)


def box(half: np.ndarray) -> np.ndarray:
    return 2 * half * trimesh.creation.box().vertices


def test_the_surface_itself_is_as_near_as_samples_are_dense():
    found = surface_errors(box(HALF), FACES, brick, SEEN)
    assert found.accuracy < 1e-9
    # 20,000 points on 7 units of area are half their spacing from the nearest one, on average.
    assert found.completeness == pytest.approx(0.5 / np.sqrt(20_000 / 6.96), rel=0.05)
    assert found.normal_deg < 1e-3
    assert abs(found.scale) < 1e-9
    assert found.shift < 1e-9


def test_size_place_and_a_layer_are_told_apart():
    moved = 1.01 * box(HALF) + np.array([0.004, -0.003, 0.0])
    found = surface_errors(moved, FACES, brick, SEEN)
    assert found.scale == pytest.approx(0.01, rel=0.05)
    assert found.shift == pytest.approx(0.005, rel=0.05)
    thicker = surface_errors(box(HALF + 0.005), FACES, brick, SEEN)
    assert thicker.accuracy == pytest.approx(0.005, rel=0.01)
    assert abs(thicker.scale) < 1e-3
    assert thicker.shift < 1e-3


def test_a_part_that_is_missing_is_found_from_what_is_seen():
    without_top = FACES[np.abs(trimesh.creation.box().face_normals[:, 2] - 1) > 0.5]
    found = surface_errors(box(HALF), without_top, brick, SEEN)
    assert found.accuracy < 1e-9
    assert found.chamfer > 0.02


def test_faces_that_look_inward_are_off_by_half_a_turn():
    assert surface_errors(box(HALF), FACES[:, ::-1], brick, SEEN).normal_deg == pytest.approx(180, abs=1e-3)
