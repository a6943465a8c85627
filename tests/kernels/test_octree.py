import pytest
import torch
from torch.nn import functional

from rayloom.kernels.octree import OctreeNodes, leaf_segments, octree_nodes

close = torch.testing.assert_close
LOW, WIDTH = (-1.0, -0.5, 0.0), 2.0
both = pytest.mark.parametrize("implementation", ["torch", "numba"])


def mixed_tree(depth: int = 4, seed: int = 0) -> tuple[OctreeNodes, torch.Tensor, torch.Tensor]:
    """Leaves of several sizes: half of the large cells are cut up, and half of all is missing."""
    generator = torch.Generator().manual_seed(seed)
    levels, cells = list[torch.Tensor](), list[torch.Tensor]()
    open_cells = torch.zeros(1, 3, dtype=torch.long)
    octants = torch.cartesian_prod(*[torch.arange(2)] * 3)
    for level in range(1, depth + 1):
        parts = (2 * open_cells[:, None] + octants).reshape(-1, 3)
        kind = torch.randint(4 if level < depth else 2, (len(parts),), generator=generator)
        cells.append(parts[kind == 0])
        levels.append(torch.full((len(cells[-1]),), level))
        open_cells = parts[kind >= 2]
    together = torch.cat(levels), torch.cat(cells)
    return octree_nodes(*together, depth, LOW, WIDTH), *together


def rays(num: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    origins = torch.tensor(LOW) + WIDTH * (2 * torch.rand(num, 3, generator=generator) - 0.5)
    directions = functional.normalize(torch.randn(num, 3, generator=generator), dim=-1)
    return origins, directions, torch.full((num,), 0.05), torch.full((num,), 3.0)


def boxes(levels: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    width = WIDTH / 2.0 ** levels[:, None]
    return torch.tensor(LOW) + cells * width, torch.tensor(LOW) + (cells + 1) * width


def test_points_are_in_the_leaf_whose_box_holds_them():
    tree, levels, cells = mixed_tree()
    low, high = boxes(levels, cells)
    points = torch.tensor(LOW) + WIDTH * (1.2 * torch.rand(500, 3) - 0.1)
    inside = ((points[:, None] >= low) & (points[:, None] < high)).all(-1)
    assert inside.sum(1).max() == 1
    expected = torch.where(inside.any(1), inside.int().argmax(1), -1)
    assert torch.equal(tree.leaf_at(points), expected)
    assert (expected >= 0).sum() > 50
    assert set(levels.tolist()) == {1, 2, 3, 4}


@both
def test_segments_are_where_boxes_and_rays_meet(implementation: str):
    """Each leaf's box alone, by its six walls."""
    tree, levels, cells = mixed_tree()
    origins, directions, near, far = rays(600)
    samples, leaf = leaf_segments(origins, directions, near, far, tree, implementation=implementation)  # type: ignore[arg-type]
    low, high = boxes(levels, cells)
    walls = torch.stack([(wall - origins[:, None]) / directions[:, None] for wall in (low, high)])
    enter = torch.maximum(walls.amin(0).amax(-1), near[:, None])
    leave = torch.minimum(walls.amax(0).amin(-1), far[:, None])
    expected = (leave - enter).clamp(min=0)
    found = torch.zeros_like(expected)
    found.index_put_((samples.ray_index, leaf), samples.widths, accumulate=True)
    close(found, expected, atol=2e-5, rtol=0)
    assert (expected > 0).sum() > 200


@both
def test_segments_rise_along_each_ray_and_do_not_overlap(implementation: str):
    tree, _, _ = mixed_tree()
    origins, directions, near, far = rays(300, seed=1)
    samples, _ = leaf_segments(origins, directions, near, far, tree, implementation=implementation)  # type: ignore[arg-type]
    assert (samples.ray_index.diff() >= 0).all()
    assert (samples.widths > 0).all()
    same = samples.ray_index.diff() == 0
    assert (samples.starts[1:] >= samples.ends[:-1])[same].all()
    assert (samples.starts >= near[samples.ray_index]).all()
    assert (samples.ends <= far[samples.ray_index]).all()


@both
def test_rays_along_walls_edges_and_diagonals_come_through(implementation: str):
    """A full tree: whatever leaves rounding chooses, the way through the cube has its length."""
    cells = torch.cartesian_prod(*[torch.arange(8)] * 3)
    tree = octree_nodes(torch.full((512,), 3), cells, 3, (0.0, 0.0, 0.0), 1.0)
    origins = torch.tensor([[-1.0, 0.5, 0.5], [-1.0, -1.0, -1.0], [0.25, 0.25, 2.0], [-1.0, 0.3, 0.5],
                            [0.5, 0.5, 0.5], [-1.0, 2.0, 0.5]])  # fmt: skip
    directions = torch.tensor(
        [[1.0, 0, 0], [1.0, 1, 1], [0, 0, -1.0], [1.0, 0, 0], [0, -1.0, 0], [1.0, 0, 0]]
    )
    directions = functional.normalize(directions, dim=-1)
    near, far = torch.zeros(6), torch.full((6,), 10.0)
    samples, _ = leaf_segments(origins, directions, near, far, tree, implementation=implementation)  # type: ignore[arg-type]
    length = torch.zeros(6).index_add(0, samples.ray_index, samples.widths)
    close(length, torch.tensor([1.0, 3**0.5, 1.0, 1.0, 0.5, 0.0]), atol=1e-5, rtol=0)


@both
def test_without_leaves_or_rays_nothing_is_met(implementation: str):
    nothing = torch.zeros(0, dtype=torch.long)
    tree = octree_nodes(nothing, nothing.reshape(0, 3), 3, LOW, WIDTH)
    assert (tree.leaf_at(torch.rand(5, 3)) == -1).all()
    full, _, _ = mixed_tree()
    for octree, count in ((tree, 7), (full, 0)):
        samples, leaf = leaf_segments(*rays(count), octree, implementation=implementation)  # type: ignore[arg-type]
        assert len(leaf) == len(samples.starts) == 0
        assert samples.num_rays == count


def test_empty_space_takes_one_step_whatever_its_size():
    """One leaf in a corner: the tree has no more nodes than lead there."""
    tree = octree_nodes(torch.tensor([6]), torch.tensor([[63, 63, 63]]), 6, LOW, WIDTH)
    assert len(tree.children) == 6
    assert (tree.children != -1).sum() == 6
