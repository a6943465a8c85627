"""A kernel that counts how often each block of its work is done."""

from rayloom.kernels.numba.jit import kernel
from rayloom.kernels.numba.vector import fetch_add


@kernel
def tally(thread, counter, seen):
    while True:
        i = fetch_add(counter, 1)
        if i >= seen.shape[0]:
            break
        seen[i] += 1
