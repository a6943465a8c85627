"""The ground on which the CPU kernels stand: products, elementary functions, threads, the cache."""

import math
import multiprocessing
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels import dispatch, tiny_mlp
from rayloom.kernels.numba import elementary, threads
from rayloom.kernels.numba.jit import host_lanes, kernel
from rayloom.kernels.numba.products import tile_product
from rayloom.kernels.numba.vector import fetch_add

_scalar, _half, _whole = (tile_product("store", lanes) for lanes in (1, 4, 16))
_mask_8, _add_8, _relu_8 = (tile_product(epilogue, 8) for epilogue in ("mask", "add", "relu"))


@kernel
def _multiply(c, a, b, columns, depth, lanes):
    if lanes == 1:
        _scalar(c, 0, columns, a, 0, depth, 1, b, 0, columns, columns, depth, c, 0, 0)
    elif lanes == 4:
        _half(c, 0, columns, a, 0, depth, 1, b, 0, columns, columns, depth, c, 0, 0)
    else:
        _whole(c, 0, columns, a, 0, depth, 1, b, 0, columns, columns, depth, c, 0, 0)


@kernel
def _endings(masked, added, rectified, a, b, columns, depth, h):
    _mask_8(masked, 0, columns, a, 0, depth, 1, b, 0, columns, columns, depth, h, 0, columns)
    _add_8(added, 0, columns, a, 0, depth, 1, b, 0, columns, columns, depth, h, 0, 0)
    _relu_8(rectified, 0, columns, a, 0, depth, 1, b, 0, columns, columns, depth, h, 0, 0)


@pytest.mark.parametrize("lanes", [1, 4, 16])
@pytest.mark.parametrize(("columns", "depth"), [(16, 1), (48, 16), (112, 33), (128, 64)])
def test_products_of_any_vector_width_agree(lanes, columns, depth):
    a, b = (
        np.random.default_rng(0).integers(-4, 5, s).astype(np.float32)
        for s in ((16, depth), (depth, columns))
    )
    c = np.full(16 * columns, np.nan, np.float32)
    _multiply(c, a.ravel(), b.ravel(), columns, depth, lanes)
    assert np.array_equal(c.reshape(16, columns), a @ b)


def test_endings_of_products():
    a, b, h, old = np.random.default_rng(0).integers(-4, 5, (4, 16, 16)).astype(np.float32)
    masked, added, rectified = np.zeros(256, np.float32), old.ravel().copy(), np.zeros(256, np.float32)
    _endings(masked, added, rectified, a.ravel(), b.ravel(), 16, 16, h.ravel())
    assert np.array_equal(masked.reshape(16, 16), np.where(h > 0, a @ b, 0))
    assert np.array_equal(added.reshape(16, 16), old + a @ b)
    assert np.array_equal(rectified.reshape(16, 16), np.maximum(a @ b, 0))


def test_this_machine_has_a_known_vector_width():
    assert host_lanes() in (1, 4, 8, 16)


@settings(max_examples=200)
@given(st.floats(-80, 80, width=32))
def test_exp_is_exact_to_rounding(x):
    assert _exp(np.float32(x)) == pytest.approx(math.exp(x), rel=1e-6 * (1 + abs(x)))


@settings(max_examples=200)
@given(st.floats(0, 100, width=32))
def test_opacity_is_exact_also_for_thin_matter(x):
    lost, left = elementary.absorb(np.float32(x))
    assert lost == pytest.approx(-math.expm1(-x), rel=1e-6)
    assert left == pytest.approx(math.exp(-x), rel=1e-6 * (1 + x), abs=2**-125)


@given(st.floats(2**-20, 2**20, width=32))
def test_exponent_is_that_of_frexp(x):
    assert elementary.exponent(np.float32(x)) == math.frexp(x)[1]


@kernel
def _exp(x):
    return elementary.exp(x)


@kernel
def _tally(thread, counter, seen):
    while True:
        i = fetch_add(counter, 1)
        if i >= seen.shape[0]:
            break
        seen[i] += 1


@pytest.mark.parametrize("blocks", [0, 1, 1000])
def test_every_block_of_work_is_done_once(blocks):
    seen = np.zeros(blocks, np.int64)
    threads.run(_tally, blocks, seen)
    assert (seen == 1).all()


def test_an_error_in_a_helper_is_raised_in_the_caller():
    def fail(thread: int, counter: np.ndarray) -> None:
        if thread == 1:
            raise ValueError("from the helper")

    with pytest.raises(ValueError, match="from the helper"):
        threads.Pool(1).run(fail, 2, ())


def test_callers_from_several_threads_do_not_wait_for_each_other():
    seen = np.zeros((8, 5000), np.int64)
    callers = [threading.Thread(target=threads.run, args=(_tally, 5000, row)) for row in seen]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert (seen == 1).all()


def _tally_in_child(answers: "multiprocessing.Queue[int]") -> None:
    seen = np.zeros(1000, np.int64)
    threads.run(_tally, 1000, seen)
    answers.put(int(seen.sum()))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    threads.run(_tally, 1000, np.zeros(1000, np.int64))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_tally_in_child, args=(answers,))
    child.start()
    assert answers.get(timeout=30) == 1000
    child.join(30)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({}, math.inf), ({"": "max 100000"}, math.inf), ({"a/b": "150000 100000"}, 1.5),
     ({"": "100000 100000", "a/b": "400000 100000"}, 1.0), ({"a": "50000 100000"}, 0.5)],
)  # fmt: skip
def test_the_quota_is_the_tightest_of_the_nested_groups(tmp_path, limits, expected):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for folder, text in limits.items():
        (tmp_path / folder / "cpu.max").write_text(text + "\n")
    (tmp_path / "membership").write_text("0::/a/b\n")
    assert threads.cpu_quota(tmp_path, tmp_path / "membership") == expected


def test_torch_gets_its_threads_back():
    before = torch.get_num_threads()
    with threads.torch_on_one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_the_reference_is_used_where_it_is_asked_for_or_needed():
    x, weight = torch.zeros(1, 2), torch.zeros(3, 2)
    assert dispatch.faster(tiny_mlp, "auto", x) is not None
    assert dispatch.faster(tiny_mlp, "torch", x) is None
    assert dispatch.faster(tiny_mlp, "auto", x.double()) is None
    with dispatch.use_reference():
        assert dispatch.faster(tiny_mlp, "auto", x, weight) is None
    with pytest.raises(AssertionError, match="no numba version"):
        dispatch.faster(tiny_mlp, "numba", x.double())


def test_importing_the_kernels_does_not_import_numba():
    code = "import sys, rayloom.kernels; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_numba_the_reference_is_used_and_said_so_once():
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'numba' else find(name, *a)\n"
        "import torch; from rayloom.kernels import tiny_mlp\n"
        "for _ in range(2): print(tiny_mlp(torch.ones(1, 2), [torch.ones(1, 2)]).item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2.0", "2.0"]
    assert done.stderr.count("numba is not installed") == 1


def test_without_a_folder_for_the_cache_kernels_work_and_say_so_once():
    code = (
        "import numba, numba.core.caching as c\n"
        "for locator in c.CacheImpl._locator_classes: locator.from_function = classmethod(lambda *a: None)\n"
        "from rayloom.kernels.numba import elementary\n"
        "import numpy as np; print(elementary.exponent(np.float32(3)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"
    assert done.stderr.count("compiled anew in every process") == 1
