"""Rays through the leaves of an octree: the reference in torch.

A ray goes from leaf to leaf by the walls between them: which cell comes next is counted in whole numbers, so
that no rounding can hold a ray back or lead it astray.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster
from rayloom.types import PackedSamples, Record

EMPTY = -1
"""A child in which there is nothing."""


@dataclass(frozen=True)
class OctreeNodes(Record):
    """A cube cut in eight, and its parts again, `depth` times at most."""

    children: Int[Tensor, "nodes 8"]
    """Number of the node that fills an octant, -1 where nothing does, or -2 - n where leaf n does.

    Node 0 is the cube. Octant (x, y, z), each 0 or 1, is number 4 x + 2 y + z.
    """
    depth: int
    low: tuple[float, float, float]
    """Lower corner of the cube."""
    width: float
    """Its edge."""

    @property
    def num_cells(self) -> int:
        """Leaves of the deepest level along an edge of the cube."""
        return 1 << self.depth

    def cells_from_world(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Points in cells of the deepest level, from the lower corner."""
        return (points - points.new_tensor(self.low)) * (self.num_cells / self.width)

    def child_at(self, cell: Int[Tensor, "n 3"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
        """What fills a cell of the deepest level, -1 or -2 - n, and the level on which it lies."""
        child = torch.zeros_like(cell[:, 0])
        level = torch.full_like(child, self.depth)
        octants = torch.tensor([4, 2, 1], device=cell.device)
        for i in range(self.depth):
            octant = ((cell >> (self.depth - 1 - i) & 1) * octants).sum(-1)
            inner = child >= 0
            child = torch.where(inner, self.children[child.clamp(min=0), octant].long(), child)
            level = torch.where(inner & (child < 0), i + 1, level)
        return child, level

    def leaf_at(self, points: Float[Tensor, "n 3"]) -> Int[Tensor, " n"]:
        """The leaf at each point, -1 where there is none."""
        cells = self.cells_from_world(points).floor().nan_to_num(-1).clamp(-1, self.num_cells).long()
        inside = ((cells >= 0) & (cells < self.num_cells)).all(-1)
        child, _ = self.child_at(cells.clamp(0, self.num_cells - 1))
        return torch.where(inside & (child < EMPTY), -2 - child, -1)


def octree_nodes(
    levels: Int[Tensor, " n"],
    cells: Int[Tensor, "n 3"],
    depth: int,
    low: tuple[float, float, float],
    width: float,
) -> OctreeNodes:
    """The octree of n leaves; leaf i fills cell i of its level, on which the cube has 2^level cells an edge.

    Leaves lie on levels 1 to `depth`, and none lies in another one.
    """
    codes = _interleaved(cells, depth)
    offset, inner, offsets = 0, list[Tensor](), list[int]()
    for level in range(depth):
        deeper = levels > level
        inner.append((codes[deeper] >> 3 * (levels[deeper] - level)).unique())
        offsets.append(offset)
        offset += len(inner[-1])
    children = cells.new_full((max(offset, 1), 8), EMPTY, dtype=torch.int32)
    for level in range(1, depth + 1):
        here = levels == level
        numbers = [(codes[here], -2 - here.nonzero()[:, 0])]
        if level < depth:
            own = torch.arange(len(inner[level]), device=cells.device)
            numbers.append((inner[level], offsets[level] + own))
        for code, number in numbers:
            parent = offsets[level - 1] + torch.searchsorted(inner[level - 1], code >> 3)
            children[parent, code & 7] = number.int()
    return OctreeNodes(children, depth, low, width)


def _interleaved(cells: Int[Tensor, "n 3"], depth: int) -> Int[Tensor, " n"]:
    """The bits of x, y and z in turns: three more than those of the cell around it on the level above."""
    code = torch.zeros_like(cells[:, 0])
    for bit in range(depth):
        for axis in range(3):
            code |= (cells[:, axis] >> bit & 1) << (3 * bit + 2 - axis)
    return code


@torch.no_grad()
def leaf_segments(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    tree: OctreeNodes,
    *,
    implementation: Implementation = "auto",
) -> tuple[PackedSamples, Int[Tensor, " samples"]]:
    """Where rays are in leaves between near and far, and in which ones."""
    if fast := faster(leaf_segments, implementation, origins, directions, near, far):
        return fast(origins, directions, near, far, tree)
    place = tree.cells_from_world(origins)
    step = directions * (tree.num_cells / tree.width)
    # A ray along a wall never meets it: a tiny slope instead of 0 puts the meeting far away.
    step = torch.where(step.abs() < 1e-20, 1e-20, step)
    walls = torch.stack([-place / step, (tree.num_cells - place) / step])
    t = torch.maximum(near, walls.amin(0).amax(-1))
    leave = torch.minimum(far, walls.amax(0).amin(-1))
    ray = (leave > t).nonzero()[:, 0]
    place, step, t, leave = place[ray], step[ray], t[ray], leave[ray]
    cell = (place + t[:, None] * step).floor().clamp(0, tree.num_cells - 1).long()
    found = list[tuple[Tensor, Tensor, Tensor, Tensor]]()
    while len(ray):
        child, level = tree.child_at(cell)
        first, last = _span(cell, tree.depth - level)
        meeting = (torch.where(step > 0, last + 1, first) - place) / step
        exit_t, axis = meeting.min(-1)
        following = torch.minimum(torch.maximum(exit_t, t), leave)
        met = (child < EMPTY) & (following > t)
        found.append((ray[met], t[met], following[met], -2 - child[met]))
        cell = (place + following[:, None] * step).floor().long().clamp(first, last)
        beyond = torch.where(step > 0, last + 1, first - 1).gather(1, axis[:, None])
        cell.scatter_(1, axis[:, None], beyond)
        on = (exit_t < leave) & (beyond[:, 0] >= 0) & (beyond[:, 0] < tree.num_cells)
        ray, cell, t = ray[on], cell[on], following[on]
        place, step, leave = place[on], step[on], leave[on]
    return _by_ray(found, near)


def _span(cell: Int[Tensor, "n 3"], height: Int[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    """First and last cell, along each axis, of what lies so many levels above the deepest one."""
    first = cell >> height[:, None] << height[:, None]
    return first, first + (1 << height)[:, None] - 1


def _by_ray(
    found: list[tuple[Tensor, Tensor, Tensor, Tensor]], near: Float[Tensor, " rays"]
) -> tuple[PackedSamples, Int[Tensor, " samples"]]:
    """Segments that were found step by step, sorted by ray."""
    if not found:
        nothing = near.new_empty(0)
        return PackedSamples(nothing, nothing, nothing.long(), len(near)), nothing.long()
    ray, start, end, leaf = (torch.cat(column) for column in zip(*found, strict=True))
    order = ray.argsort(stable=True)
    return PackedSamples(start[order], end[order], ray[order], len(near)), leaf[order]
