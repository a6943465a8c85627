import pytest
import torch

from rayloom.bench.limits import Limits, limit_rows, measure_limits, probes_run, rows_per_second
from rayloom.kernels import use_reference
from tests.bench.conftest import CPU, TINY


def test_all_limits_are_positive():
    limits = measure_limits(CPU, TINY)
    assert limits.flops is not None
    assert limits.flops > 0
    rows = limit_rows(limits, CPU, TINY)
    assert all(row.value is not None and row.value > 0 for row in rows)
    names = " ".join(row.name for row in rows)
    assert all(word in names for word in ("FMA peak", "torch mm", "copy 0.015625 MB", "random 16-byte loads"))


def test_without_the_fast_kernels_the_rows_that_need_them_say_so():
    with use_reference():
        assert not probes_run(CPU)
        limits = measure_limits(CPU, TINY)
        rows = limit_rows(limits, CPU, TINY)
    assert limits.flops is None
    missing = [row.name for row in rows if row.value is None]
    assert missing == ["FMA peak", "random 16-byte loads"]
    assert all(row.note for row in rows if row.value is None)


def test_probes_are_for_the_cpu():
    assert not probes_run(torch.device("meta"))


@pytest.mark.parametrize(("num_bytes", "rate"), [(1, 5.0), (100, 5.0), (101, 3.0), (10**6, 3.0)])
def test_a_working_set_is_copied_as_fast_as_the_next_larger_one_measured(num_bytes: int, rate: float):
    assert Limits(None, ((100, 5.0), (1000, 3.0))).copy_rate(num_bytes) == rate


def test_tables_smaller_than_a_row_still_have_one():
    assert rows_per_second(1, 1, TINY) > 0
