import numpy as np
import pytest
import torch

from rayloom.data.synthetic import (
    Dome,
    Facing,
    Inside,
    Orbit,
    Walk,
    World,
    family_world,
    head_signals,
    head_world,
    make_capture,
    moving_world,
    object_world,
    panorama_world,
    room_world,
    shiny_world,
    sparse_world,
    unbounded_world,
)
from rayloom.data.synthetic.rigs import Rig
from rayloom.data.synthetic.shading import shade
from rayloom.data.synthetic.tracing import Surface

OPEN = {
    "object": object_world(),
    "another object": object_world(5),
    "shiny": shiny_world(),
    "sparse": sparse_world(),
    "moving": moving_world(),
    "car": family_world(0, "car"),
    "chair": family_world(0, "chair"),
}
CLOSED = {
    "unbounded": unbounded_world(),
    "panorama": panorama_world(),
    "room": room_world(),
    "head": head_world(),
}
RIGS: dict[str, Rig] = {
    "Dome": Dome(),
    "Orbit": Orbit(),
    "Facing": Facing(),
    "Inside": Inside(),
    "Walk": Walk(),
    "Walk to": Walk(half=(0.5, 0.5, 0.1), center=(0.0, -2.0, 0.5), target=(0.0, 0.0, 0.0)),
}


@pytest.mark.parametrize("name", OPEN)
def test_objects_lie_in_the_unit_ball(name: str):
    world = OPEN[name]
    points = make_capture(world, Dome(), num_views=6, size=24, holdout=0, samples=1).capture.points
    assert points is not None
    assert world.radius == 1
    assert np.linalg.norm(points, axis=1).max() < 1
    assert np.linalg.norm(points, axis=1).max() > 0.6


@pytest.mark.parametrize("name", OPEN | CLOSED)
def test_labels_have_names_and_pictures_have_contrast(name: str):
    world = (OPEN | CLOSED)[name]
    rig = Inside() if name == "room" else Facing() if name == "head" else Dome()
    capture = make_capture(world, rig, num_views=2, size=32, samples=1)
    for i in range(2):
        truth = capture.truth(i)
        assert int(truth.label.max()) < len(world.labels)
        assert bool(torch.isfinite(truth.rgb).all())
        assert float(truth.rgb[truth.mask].std()) > 0.05


@pytest.mark.parametrize("name", CLOSED)
def test_every_ray_meets_something_in_worlds_without_emptiness(name: str):
    rig = {"room": Inside(), "head": Facing()}.get(name, Dome())
    capture = make_capture(CLOSED[name], rig, num_views=2, size=24, samples=1)
    assert all(bool(capture.truth(i).mask.all()) for i in range(2))


def test_little_of_the_sparse_world_is_seen():
    for seed in range(3):
        capture = make_capture(sparse_world(seed), Dome(), num_views=3, size=48, samples=1)
        covered = [float(capture.truth(i).alpha.mean()) for i in range(3)]
        assert 0.01 < np.mean(covered) < 0.05


def test_little_of_the_sparse_world_is_filled():
    points = (torch.rand(20000, 3, dtype=torch.float64) * 2 - 1) * 0.75
    world = sparse_world()
    inside = torch.stack(
        [item.shape.distance(item.rest_from_world(points, 0.0)) < 0 for item in world.objects]
    )
    assert float(inside.any(0).double().mean()) < 0.15


def test_background_objects_stand_between_5_and_60_units():
    capture = make_capture(
        unbounded_world(), Orbit(distance=2.0, elevation_rad=0.15, fov_rad=1.2), num_views=6, size=64
    )
    truths = [capture.truth(i) for i in range(3)]
    points = torch.cat([truth.points[truth.label >= 10] for truth in truths])
    reach = points[:, :2].norm(dim=-1)
    assert 3 < float(reach.min()) < 8
    assert 25 < float(reach.max()) < 70


def test_the_panorama_has_things_in_the_unit_ball_a_painting_at_20_units_and_nothing_between():
    world = panorama_world()
    capture = make_capture(world, Dome(distance=1.6, fov_rad=1.1), num_views=4, size=48)
    truths = [capture.truth(i) for i in range(4)]
    reach = torch.stack([truth.points.norm(dim=-1) for truth in truths])
    painting = torch.stack([truth.label == world.labels.index("panorama") for truth in truths])
    torch.testing.assert_close(reach[painting], torch.full_like(reach[painting], 20.0))
    assert float(reach[~painting].max()) < 1
    assert 0.3 < float(painting.float().mean()) < 0.8
    # It can be recognised: sky and fields differ, and both have a pattern.
    colors = torch.stack([truth.rgb for truth in truths])[painting]
    above = torch.stack([truth.points[..., 2] for truth in truths])[painting] > 0
    assert float((colors[above].mean(0) - colors[~above].mean(0)).norm()) > 0.3
    assert min(float(colors[side].std(0).max()) for side in (above, ~above)) > 0.1


@pytest.mark.parametrize(
    "maker", [object_world, sparse_world, room_world, unbounded_world, panorama_world, head_world]
)
def test_a_seed_always_makes_the_same_world(maker):
    def first_photo(world: World) -> np.ndarray:
        image = make_capture(world, Inside(), num_views=1, size=16, samples=1).capture.frames[0].image
        assert isinstance(image, np.ndarray)
        return image

    assert maker(3) == maker(3)
    assert maker(3) != maker(4)
    assert np.array_equal(first_photo(maker(3)), first_photo(maker(3)))


def test_only_glossy_surfaces_look_different_from_elsewhere():
    points = torch.rand(50, 3) - 0.5
    normals = torch.nn.functional.normalize(torch.randn(50, 3), dim=-1)
    one, other = (torch.nn.functional.normalize(torch.randn(50, 3), dim=-1) for _ in range(2))

    def change(specular: float) -> float:
        numbers = torch.ones(3, 50) * torch.tensor([[specular], [20.0], [0.0]])
        surface = Surface(points, normals, torch.full((50, 3), 0.5), *numbers)
        world = object_world()
        return float((shade(world, surface, one, 0.0) - shade(world, surface, other, 0.0)).abs().max())

    assert change(0.0) == 0
    assert change(0.9) > 0.1


def test_the_mouth_changes_the_face_and_nothing_else():
    capture = make_capture(
        [head_world(mouth=0.0), head_world(mouth=1.0)],
        Orbit(turns=0.0, elevation_rad=0.0),
        num_views=2,
        size=64,
        seed=6,
    )
    # Seen from any side, what changes belongs to the head.
    closed, opened = capture.truth(0), capture.truth(1)
    changed = (closed.depth - opened.depth).abs() > 1e-4
    assert set(closed.label[changed].tolist()) <= {3, 4, 6}


def test_head_signals_are_smooth_and_in_range():
    signals = head_signals(200)
    assert signals.shape == (200, 3)
    assert signals[:, 0].min() >= 0
    assert np.abs(signals).max() <= 1
    assert signals[:, 0].std() > 0.1
    assert np.abs(np.diff(signals, axis=0)).max() < 0.5


@pytest.mark.parametrize("name", RIGS)
def test_rigs_give_upright_rigid_poses(name: str):
    poses = RIGS[name].poses(20, 0)
    rotation = poses[:, :, :3]
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).double().expand(20, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(20).double())
    # x is level, y points down.
    assert float(rotation[:, 2, 0].abs().max()) < 1e-9
    assert float(rotation[:, 2, 1].max()) < 0
    assert torch.equal(poses, RIGS[name].poses(20, 0))
    assert not torch.equal(poses, RIGS[name].poses(20, 1))


@pytest.mark.parametrize("rig", [Dome(), Orbit(), Dome(distance=2.0, target=(0.1, 0.2, 0.3))])
def test_round_rigs_look_at_their_target_from_their_distance(rig: Dome | Orbit):
    poses = rig.poses(30, 2)
    away = poses[:, :, 3] - torch.tensor(rig.target).double()
    torch.testing.assert_close(away.norm(dim=-1), torch.full((30,), rig.distance).double())
    torch.testing.assert_close(poses[:, :, 2], -away / rig.distance)


def test_a_full_dome_covers_the_sphere_evenly():
    rig = Dome(low_rad=-np.pi / 2, high_rad=np.pi / 2)
    places = rig.poses(200, 0)[:, :, 3] / rig.distance
    assert float(places.mean(0).norm()) < 0.05
    nearest = (places @ places.T - 3 * torch.eye(200).double()).amax(-1).arccos()
    assert float(nearest.max()) < 0.3


def test_facing_cameras_look_the_same_way_and_stand_on_a_wall():
    poses = Facing().poses(25, 0)
    axes = poses[:, :, 2]
    assert float((axes @ axes.mean(0)).min()) > np.cos(0.2)
    centered = poses[:, :, 3] - poses[:, :, 3].mean(0)
    assert float(torch.linalg.svdvals(centered)[2]) < 1e-9


def test_a_walk_is_smooth():
    poses = Walk().poses(100, 0)
    steps = (poses[1:, :, 3] - poses[:-1, :, 3]).norm(dim=-1)
    assert float(steps.max()) < 3 * float(steps.median())
    assert float((poses[1:, :, 2] * poses[:-1, :, 2]).sum(-1).min()) > np.cos(0.2)
