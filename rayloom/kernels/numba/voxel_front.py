"""The way of rays to the first block that holds matter: many are there at once, as most rays meet none."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

import numpy as np

from rayloom.kernels.numba.jit import f32, inlined
from rayloom.kernels.numba.voxel_steps import NEVER, block_of, in_bounds, line_of, wall

BUNDLE = 16
"""Rays that approach matter together."""
NUDGE = f32(0.01)
"""Of a voxel, beyond the wall of an empty block."""
PLACE, SLOPE, INVERSE, START, END = 1, 4, 7, 10, 11
"""Rows of a front, after that of distances: each has a number for each ray."""
FRONT = (END + 1) * BUNDLE


@inlined
def approach(origins, directions, begin, end, near, far, atlas, front):
    """Write to `front` how far some rays, BUNDLE at most, come before they meet a block with matter.

    They take turns: a jump has to wait for what the one before has found, and meanwhile others jump.
    """
    for i in range(end - begin):
        line = line_of(origins, directions, begin + i, atlas)
        enter, leave = in_bounds(line, near[begin + i], far[begin + i], atlas)
        for axis in range(3):
            front[(PLACE + axis) * BUNDLE + i] = line.place[axis]
            front[(SLOPE + axis) * BUNDLE + i] = line.slope[axis]
            front[(INVERSE + axis) * BUNDLE + i] = line.inverse[axis]
        front[END * BUNDLE + i] = leave
        front[START * BUNDLE + i] = front[i] = enter
    moving = not atlas.contracted
    while moving:
        moving = False
        for i in range(end - begin):
            if front[i] < front[END * BUNDLE + i]:
                moving |= _jump(i, atlas, front)


@inlined
def _jump(i, atlas, front):
    """Take one ray of a front over the empty blocks that it is in; whether there are any."""
    t = front[i]
    x = front[PLACE * BUNDLE + i] + t * front[SLOPE * BUNDLE + i]
    y = front[(PLACE + 1) * BUNDLE + i] + t * front[(SLOPE + 1) * BUNDLE + i]
    z = front[(PLACE + 2) * BUNDLE + i] + t * front[(SLOPE + 2) * BUNDLE + i]
    block, _ = block_of((x, y, z), atlas)
    slot = np.int64(atlas.slots[block])
    if slot >= 0:
        return False
    leave = NEVER
    for axis in range(3):
        place, inverse = front[(PLACE + axis) * BUNDLE + i], front[(INVERSE + axis) * BUNDLE + i]
        leave = min(leave, wall(place, inverse, block[axis], -slot - 1))
    # Behind the wall, where rounding cannot bring it back; a step that this skips begins a little before.
    front[i] = max(leave, t) + NUDGE * atlas.width
    return True
