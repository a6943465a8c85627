"""The most samples a second that a training step could see on this machine."""

from rayloom.fields.hash_field import NUM_FEATURES, HashField

CORNERS = 8
ACCESSES = 3
"""To a row of the table: loaded forward; its gradient loaded and stored backward."""


def flops_per_sample(field: HashField) -> int:
    """Operations of both networks, forward and backward.

    Two for each weight in each of three products: forward, gradient of the inputs, gradient of the
    weights. Harmonics of directions, and they alone, need no gradient.
    """
    weights = sum(weight.numel() for weight in (*field.density_mlp, *field.color_mlp))
    hidden, inputs = field.color_mlp[0].shape
    code = 0 if field.codes is None else field.codes.size
    return 6 * weights - 2 * hidden * (inputs - NUM_FEATURES - code)


def accesses_per_sample(field: HashField) -> int:
    """Rows that are loaded or stored, forward and backward."""
    return CORNERS * field.layout.num_levels * ACCESSES


def samples_per_second(field: HashField, flops: float, row_loads: float) -> float:
    """The bound 1 / (F / P + A / R), of a core that does arithmetic or moves a row, one after the other.

    F are the operations and A the accesses of a sample, P is the measured peak of multiply-adds and R the
    measured rate of random 16-byte loads from a table of this size. A store counts as a load. The two
    times add up because wide multiply-adds and loads wait for the same ports. Densities that are asked
    for samples nobody sees, marching, compositing and Adam are what a step does beyond the bound. It is
    no law: neighbouring corners often share a cache line, which the random loads do not.
    """
    return 1 / (flops_per_sample(field) / flops + accesses_per_sample(field) / row_loads)
