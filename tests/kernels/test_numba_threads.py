"""Work is shared out once, by as many threads as there are cores to run them."""

import threading

import numpy as np
import pytest

from rayloom.kernels.numba import threads
from tests.kernels.tally import tally


@pytest.mark.parametrize("blocks", [0, 1, 1000])
def test_every_block_of_work_is_done_once(blocks):
    seen = np.zeros(blocks, np.int64)
    threads.run(tally, blocks, seen)
    assert (seen == 1).all()


def test_an_error_in_a_helper_is_raised_in_the_caller():
    def fail(thread: int, counter: np.ndarray) -> None:
        if thread == 1:
            raise ValueError("from the helper")

    with pytest.raises(ValueError, match="from the helper"):
        threads.Pool(1).run(fail, 2, ())


def test_callers_from_several_threads_do_not_wait_for_each_other():
    seen = np.zeros((8, 5000), np.int64)
    callers = [threading.Thread(target=threads.run, args=(tally, 5000, row)) for row in seen]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert (seen == 1).all()
