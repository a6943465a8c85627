import importlib
import inspect
import pkgutil

import pytest

import rayloom.kernels
from rayloom.bench.kernels import PROBLEMS, measure, measure_kernels
from rayloom.bench.limits import Limits
from rayloom.kernels import use_reference
from tests.bench.conftest import CPU, TINY

TORCH_IS_FASTER = {"segment_sum"}
"""Kernels that have no faster version on a CPU."""
LIMITS = Limits(1e11, ((10**6, 1e10),))


def kernels() -> set[str]:
    """Every public function of rayloom.kernels of which an implementation can be chosen."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(rayloom.kernels.__path__):
        if not module.ispkg:
            loaded = importlib.import_module(f"rayloom.kernels.{module.name}")
            found |= {
                name
                for name, value in inspect.getmembers(loaded, inspect.isfunction)
                if value.__module__ == loaded.__name__
                and inspect.signature(value).parameters.get("implementation") is not None
                and name != "faster"
            }
    return found


def test_every_kernel_is_measured_beside_the_limits():
    report = measure_kernels(CPU, TINY)
    names = [row.name for row in report.rows]
    assert len(set(names)) == len(names)
    assert {"hash_grid", "tiny_mlp", "march"} <= kernels()
    assert kernels() <= {name.split()[0] for name in names}
    assert names[0].startswith("FMA peak")


@pytest.mark.parametrize("make", PROBLEMS, ids=lambda make: make.__name__)
def test_a_kernel_has_a_figure_a_reference_and_a_limit(make):
    row = measure(make(LIMITS, CPU, TINY), TINY)
    assert (row.value is None) == (row.name.split()[0] in TORCH_IS_FASTER)
    assert row.reference is not None
    assert row.limit is not None
    assert min(row.value or 1.0, row.reference, row.limit) > 0
    assert row.limited_by


def test_the_bars_stand_beside_encoder_and_network():
    bars = {row.name: row.bar for row in (make(LIMITS, CPU, TINY) for make in PROBLEMS) if row.bar}
    assert {name: bar.threshold for name, bar in bars.items()} == {
        "hash_grid forward": 0.5,
        "tiny_mlp forward": 0.6,
        "tiny_mlp backward": 0.6,
    }


@pytest.mark.parametrize("make", PROBLEMS, ids=lambda make: make.__name__)
def test_a_machine_without_the_fast_kernel_keeps_the_reference_and_says_so(make):
    with use_reference():
        row = measure(make(Limits(None, ((10**6, 1e10),)), CPU, TINY), TINY)
    assert row.value is None
    assert row.reference is not None
    assert "no faster kernel" in row.note
