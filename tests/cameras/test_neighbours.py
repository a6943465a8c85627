import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.neighbours import neighbours, random_between
from rayloom.geometry.transforms import look_at


def ring(count: int) -> Cameras:
    """Cameras around the origin, at even angles, each with a focal length of its own."""
    angle = torch.arange(count, dtype=torch.float64) * (2 * torch.pi / max(count, 1))
    eyes = torch.stack([3 * angle.cos(), 3 * angle.sin(), torch.ones_like(angle)], dim=-1)
    poses = look_at(
        eyes, torch.zeros(3, dtype=torch.float64), torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    )
    lenses = [Intrinsics(CameraModel.PINHOLE, 8, 6, 9.0 + i, 9.0 + i, 4.0, 3.0) for i in range(count)]
    return Cameras.from_intrinsics(lenses, poses, 0.5, 5.0, image_index=range(count), dtype=torch.float64)


def test_neighbours_are_the_nearest_cameras():
    found = neighbours(ring(12))
    for i in range(12):
        assert set(found[i, :2].tolist()) == {(i + 1) % 12, (i - 1) % 12}
        assert i not in found[i].tolist()


def test_cameras_between_lie_on_the_way_from_one_to_its_neighbour():
    torch.manual_seed(0)
    cameras = ring(12)
    near = neighbours(cameras)[:, :2]
    made = random_between(cameras, near, 200)
    poses = made.world_from_camera
    eye = torch.eye(3, dtype=torch.float64).expand(200, 3, 3)
    torch.testing.assert_close(poses[:, :, :3].mT @ poses[:, :, :3], eye)
    torch.testing.assert_close(torch.linalg.det(poses[:, :, :3]), torch.ones(200, dtype=torch.float64))
    # Turns about the vertical are screws, so that the way is the circle itself.
    radius = torch.linalg.vector_norm(poses[:, :2, 3], dim=-1)
    torch.testing.assert_close(radius, torch.full_like(radius, 3.0))
    torch.testing.assert_close(poses[:, 2, 3], torch.ones_like(radius))
    start = (made.focal[:, 0] - 9).round().long()
    apart = torch.linalg.vector_norm(poses[:, :, 3] - cameras.world_from_camera[start, :, 3], dim=-1)
    chord = 6 * torch.sin(torch.tensor(torch.pi / 12))
    assert (apart <= chord + 1e-6).all()
    assert apart.std() > 0.2 * chord, "they are spread over the way"
    assert (made.image_index == -1).all()


def test_a_camera_that_is_alone_stays_where_it_is():
    cameras = ring(1)
    made = random_between(cameras, neighbours(cameras), 3)
    torch.testing.assert_close(made.world_from_camera, cameras.world_from_camera.expand(3, 3, 4))
