"""Kernels are compiled for this machine, and a person hears of it."""

import os
import subprocess
import sys

from rayloom.kernels.numba.jit import host_lanes


def test_this_machine_has_a_known_vector_width():
    assert host_lanes() in (1, 4, 8, 16)


def test_a_person_is_told_once_that_kernels_are_compiled_and_not_when_they_are_known(tmp_path):
    code = (
        "from rayloom.training.progress import ProgressDisplay; import numpy as np\n"
        "with ProgressDisplay():\n"
        "    from rayloom.kernels.numba import elementary\n"
        "    elementary.exponent(np.float32(3)); elementary.exponent(np.float64(3))"
    )
    variables = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for expected in (1, 0):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
        assert done.stderr.count("compiling kernels for this processor") == expected
