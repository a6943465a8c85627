"""Points lie where rays end, between no two surfaces, and come back from their file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rayloom.data.formats.ply import read_points
from rayloom.data.placement.orientation import move_points
from rayloom.errors import InputError
from rayloom.export.frames import field_cameras, out_from_field, turn
from rayloom.export.point_cloud import PointCloud, make_points, write_points
from tests.export.known_fields import CENTER, RADIUS, ball_world, field_of, photographed, scene_of

MADE = photographed(ball_world(), num_views=4, size=64)


def points_of(num: int, reach: float = 9.0, *, empty: bool = False) -> PointCloud:
    """Points of the ball in the world's own frame."""
    scene = scene_of(MADE.capture)
    field = field_of(ball_world(), scene)
    if empty:
        field.distance = lambda points: points.norm(dim=-1) + 9
    cameras = field_cameras(field, scene)
    made = make_points(field, cameras, num, opacity=0.9, reach=reach, tell=lambda share: None)
    out = out_from_field(field, scene, raw=True)
    points, normals = made.points.double().numpy(), made.normals.double().numpy()
    return replace(
        made,
        points=torch.from_numpy(move_points(out, points)).float(),
        normals=torch.from_numpy(turn(out, normals)).float(),
    )


@pytest.fixture(scope="module")
def cloud() -> PointCloud:
    return points_of(3000)


def test_points_lie_on_the_ball_with_its_normals(cloud: PointCloud):
    assert len(cloud) > 600
    offsets = cloud.points - torch.tensor(CENTER)
    assert (offsets.norm(dim=-1) - RADIUS).abs().max() < 1e-3
    assert ((offsets / RADIUS) * cloud.normals).sum(-1).quantile(0.1) > 0.97
    assert cloud.rgb.min() >= 0
    assert cloud.rgb.max() <= 1


def test_so_many_points_come_as_asked():
    assert len(points_of(100)) == 100


@pytest.mark.parametrize(("reach", "empty"), [(0.01, False), (9.0, True)])
def test_that_there_are_none_is_said(reach: float, empty: bool):
    with pytest.raises(InputError, match="the field: is empty"):
        points_of(100, reach, empty=empty)


def test_points_come_back_from_their_file(cloud: PointCloud, tmp_path: Path):
    matrix = np.diag([2.0, 2.0, 2.0, 1.0])
    matrix[:3, 3] = 1e6, 0, 0
    some = replace(cloud, points=cloud.points, rgb=torch.full_like(cloud.rgb, 0.6))
    write_points(some, tmp_path / "points.ply", matrix)
    points = read_points(tmp_path / "points.ply")
    # Doubles keep what lies far from the origin.
    np.testing.assert_allclose(points - matrix[:3, 3], 2 * cloud.points.double().numpy(), atol=1e-9)
    content = (tmp_path / "points.ply").read_bytes()
    header = content[: content.index(b"end_header")].decode()
    assert header.count("property double") == 3
    assert header.count("property float") == 3
    assert content[-3:] == bytes([153] * 3)
