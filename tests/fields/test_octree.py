import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.fields.harmonics import harmonic_color
from rayloom.fields.octree import LeafGrid, Octree, in_parts
from rayloom.types import Rays
from tests.methods.ball import OBJECT, random_rays

close = torch.testing.assert_close


def planted(num_cubes: int = 1, share: float = 1.0) -> Octree:
    """Leaves of different values in a part of all places."""
    torch.manual_seed(0)
    tree = Octree(LeafGrid((0.0, 0.0, 0.0), 1.2, 8, num_cubes))
    levels, cells = tree.grid.cells()
    kept = torch.rand(len(levels)) < share
    count = int(kept.sum())
    tree.plant(levels[kept], cells[kept], 5 * torch.rand(count), torch.randn(count, 48))
    return tree


@pytest.mark.parametrize("num_cubes", [1, 3])
def test_leaves_fill_the_outermost_cube_once(num_cubes: int):
    grid = LeafGrid((0.5, 0.0, -1.0), 2.0, 8, num_cubes)
    levels, cells = grid.cells()
    close(grid.widths(levels).double().pow(3).sum(), torch.tensor(grid.width**3, dtype=torch.float64))
    assert grid.width == 2.0 * 2 ** (num_cubes - 1)
    close(torch.tensor(grid.low) + grid.width / 2, torch.tensor([0.5, 0.0, -1.0]))
    # The innermost cube has the smallest leaves, and each cube around it larger ones.
    distance = (grid.middles(levels, cells) - torch.tensor([0.5, 0.0, -1.0])).abs().amax(-1)
    expected = 0.25 * 2.0 ** torch.log2(distance).ceil().clamp(min=0)
    close(grid.widths(levels), expected)


def test_points_are_asked_inside_their_leaves():
    tree = planted(num_cubes=3)
    levels, cells = tree.grid.cells()
    points = tree.grid.points_in(levels, cells, 3)
    leaf = tree.nodes.leaf_at(points.flatten(0, 1)).view(-1, 3)
    assert torch.equal(leaf, torch.arange(len(levels))[:, None].expand(-1, 3))


def test_density_is_that_which_was_planted_whatever_the_size_of_leaves():
    tree = Octree(LeafGrid((0.0, 0.0, 0.0), 1.2, 8, 3))
    levels, cells = tree.grid.cells()
    tree.plant(levels, cells, torch.full((len(levels),), 3.0), torch.zeros(len(levels), 48))
    points = tree.grid.middles(levels, cells)
    close(tree.density_at(points), torch.full((len(levels),), 3.0))
    close(tree.density_at(torch.tensor([[50.0, 0.0, 0.0]])), torch.zeros(1))


def test_colour_is_that_of_the_leaf_at_a_point_and_grey_elsewhere():
    tree = planted(share=0.5)
    points = 1.2 * (torch.rand(100, 3) - 0.5)
    directions = torch.nn.functional.normalize(torch.randn(100, 2, 3), dim=-1)
    leaf, rgb = tree.nodes.leaf_at(points), tree.color_at(points, directions)
    there = leaf >= 0
    assert 20 < there.sum() < 80
    close(rgb[there, 1], harmonic_color(tree.harmonics[leaf[there]], directions[there, 1]))
    close(rgb[~there], torch.full_like(rgb[~there], 0.5))


def test_the_heaviest_weight_of_a_leaf_is_the_largest_over_rays():
    tree, rays = planted(), random_rays(OBJECT, 50, torch.Generator().manual_seed(0))
    alone = torch.stack([tree.heaviest(rays[i : i + 1]) for i in range(50)])
    close(tree.heaviest(rays), alone.amax(0))
    assert (alone.sum(1) <= 1 + 1e-5).all()


def test_what_cameras_see_is_what_their_rays_see():
    tree = planted()
    pose = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, -2.0]])
    camera = Intrinsics(model=CameraModel.PINHOLE, width=12, height=8, fx=12.0, fy=12.0, cx=6.0, cy=4.0)
    cameras = Cameras.from_intrinsics([camera, camera], torch.stack([pose, pose]), 0.1, 5.0)
    rays: Rays = cameras[0:1].image_rays(0)
    close(tree.heaviest_in(cameras, 192), tree.heaviest(rays.reshape(96)))
    # Fewer rays see no more.
    assert (tree.heaviest_in(cameras, 20) <= tree.heaviest(rays.reshape(96)) + 1e-6).all()


def test_weights_are_loaded_at_the_size_at_which_they_were_saved():
    tree, other = planted(share=0.3), Octree(LeafGrid((0.0, 0.0, 0.0), 1.2, 8, 1))
    other.load_state_dict(tree.state_dict())
    points = 1.2 * (torch.rand(50, 3) - 0.5)
    close(other.density_at(points), tree.density_at(points))
    assert other.num_bytes == tree.num_bytes > 4 * 49 * len(tree.log_depths)


def test_without_leaves_there_is_nothing():
    tree, points = Octree(LeafGrid((0.0, 0.0, 0.0), 1.2, 8, 1)), torch.rand(5, 3)
    assert (tree.density_at(points) == 0).all()
    assert (tree.color_at(points, torch.rand(5, 2, 3)) == 0.5).all()


@pytest.mark.parametrize("count", [0, 1, 10, 11])
def test_work_in_parts_is_the_whole_work(count: int):
    columns = torch.rand(count, 3), torch.arange(count)
    doubled, added = in_parts(lambda a, b: (2 * a, b + 1), 5, *columns)
    assert torch.equal(doubled, 2 * columns[0])
    assert torch.equal(added, columns[1] + 1)
