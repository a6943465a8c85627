import numpy as np
import pytest

from rayloom.bench import probes
from rayloom.kernels.numba.threads import run


def test_the_arithmetic_that_is_timed_is_done():
    out = np.zeros(1, np.float32)
    run(probes.multiply_add_rounds, 1, 3, out)
    # v = v / 2 + 1 / 2 goes to 1 and halves the way there in each round.
    assert out[0] == pytest.approx(sum(1 + (i - 1) / 8 for i in range(probes.SUMS)), rel=1e-6)


def test_every_row_that_is_named_is_loaded_whole_by_every_thread():
    generator = np.random.default_rng(0)
    table = generator.integers(0, 9, (30, probes.ROW)).astype(np.float32)
    rows = generator.integers(0, 30, 512).astype(np.uint32)
    out = np.zeros(3, np.float32)
    for thread in range(3):
        probes.load_rows(thread, np.zeros(1, np.int64), table.reshape(-1), rows, 1, out)
    assert out.tolist() == [float(table[rows].sum())] * 3
