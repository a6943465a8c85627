"""The ground on which the CPU kernels stand: products, elementary functions, threads, the cache."""

import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rayloom
from rayloom.kernels import HashGridLayout, hash_grid, packed_weights, segment_sum
from rayloom.kernels.numba import elementary, threads
from rayloom.kernels.numba.jit import host_lanes, kernel
from rayloom.kernels.numba.products import tile_product
from rayloom.kernels.numba.vector import fetch_add

ENDINGS = ("store", "add", "relu", "mask")
_store_1, _add_1, _relu_1, _mask_1 = (tile_product(ending, 1) for ending in ENDINGS)
_store_4, _add_4, _relu_4, _mask_4 = (tile_product(ending, 4) for ending in ENDINGS)
_store_8, _add_8, _relu_8, _mask_8 = (tile_product(ending, 8) for ending in ENDINGS)
_store_16, _add_16, _relu_16, _mask_16 = (tile_product(ending, 16) for ending in ENDINGS)


@kernel
def _products_1(c, a, b, n, depth, h):
    _store_1(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_1(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_1(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_1(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@kernel
def _products_4(c, a, b, n, depth, h):
    _store_4(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_4(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_4(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_4(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@kernel
def _products_8(c, a, b, n, depth, h):
    _store_8(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_8(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_8(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_8(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@kernel
def _products_16(c, a, b, n, depth, h):
    _store_16(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_16(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_16(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_16(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@pytest.mark.parametrize("products", [_products_1, _products_4, _products_8, _products_16])
@pytest.mark.parametrize(("columns", "depth"), [(16, 1), (48, 16), (112, 33), (128, 64)])
def test_products_of_any_vector_width_and_ending_are_exact(products, columns, depth):
    """On whole numbers, whose sums do not round; machines without vectors have width 1."""
    random = np.random.default_rng(0)
    a, b = random.integers(-4, 5, (16, depth)), random.integers(-4, 5, (depth, columns))
    h, old = random.integers(-4, 5, (2, 16, columns))
    c = np.full((4, 16, columns), np.nan, np.float32)
    c[1] = old
    rows = c.reshape(4, -1)
    products(rows, a.astype(np.float32).ravel(), b.astype(np.float32).ravel(), columns, depth,
             h.astype(np.float32).ravel())  # fmt: skip
    product = a @ b
    assert np.array_equal(c, [product, old + product, np.maximum(product, 0), np.where(h > 0, product, 0)])


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


@pytest.mark.parametrize(("limit", "expected"), [("50000", 1), ("100000", 1), ("150000", 2), ("max", 4)])
def test_a_part_of_a_core_counts_as_one_thread(tmp_path, monkeypatch, limit, expected):
    (tmp_path / "cpu.max").write_text(f"{limit} 100000\n")
    monkeypatch.setattr(threads, "CGROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert threads.num_threads.__wrapped__() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind processes to cores")
def test_one_core_is_enough():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import threading, torch; from rayloom.kernels import segment_sum\n"
        "index = torch.arange(3000) // 2\n"
        "found = segment_sum(torch.ones(3000), index, 1500, implementation='numba')\n"
        "print(found.sum().item(), threading.active_count())"
    )
    assert stdout_of(code).split() == ["3000.0", "1"]


def test_torch_gets_its_threads_back_also_after_an_error():
    def interrupted() -> None:
        with threads.torch_on_one_thread():
            assert torch.get_num_threads() == 1
            raise KeyboardInterrupt

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == 3


def test_a_number_that_is_none_passes_through_fast_arithmetic():
    """The check of the losses relies on it."""
    values, index = torch.ones(64), torch.arange(64) // 8
    values[11] = math.nan
    sums = segment_sum(values, index, 8, implementation="numba")
    assert sums.isnan().nonzero().flatten().tolist() == [1]
    weights = packed_weights(values, index, 8, implementation="numba")
    assert weights.isnan().nonzero().flatten().tolist() == [11, 12, 13, 14, 15]


@pytest.mark.parametrize("log2_rows", [6, 15])
def test_points_that_are_no_numbers_are_nowhere_in_a_hash_grid(log2_rows):
    """They have no features, and neither they nor the table learns from them: tables are not poisoned."""
    layout = HashGridLayout(4, 4, log2_rows, 4, 20)
    points, table = torch.rand(1000, 3), torch.randn(layout.num_rows, 4)
    bad = torch.rand(1000) < 0.2
    points[bad, torch.randint(3, (int(bad.sum()),))] = math.nan
    points.requires_grad_()
    table.requires_grad_()
    features = hash_grid(points, table, layout, implementation="numba")
    slope = torch.randn_like(features)
    grads = torch.autograd.grad(features, (points, table), slope)
    assert not features[bad].any()
    assert not grads[0][bad].any()
    good = points[~bad].detach().requires_grad_()
    expected = hash_grid(good, table, layout, implementation="numba")
    assert torch.equal(features[~bad], expected)
    expected_grads = torch.autograd.grad(expected, (good, table), slope[~bad])
    assert torch.equal(grads[0][~bad], expected_grads[0])
    torch.testing.assert_close(grads[1], expected_grads[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("far", [math.inf, -math.inf, 3e38])
def test_infinitely_far_points_take_the_value_of_the_nearest_face(far):
    layout = HashGridLayout(4, 4, 8, 4, 20)
    points, table = torch.rand(100, 3), torch.randn(layout.num_rows, 4)
    points[::3, 1] = far
    exact = hash_grid(points.double(), table.double(), layout)
    found = hash_grid(points, table, layout, implementation="numba")
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)


def stdout_of(code: str, **environment: str) -> str:
    """What a new process prints that runs the code, and fails if it does."""
    command, variables = [sys.executable, "-c", code], os.environ | environment
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout


WITHOUT_NUMBA = "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None\n"


def test_without_numba_the_reference_is_used_and_said_so_once():
    code = WITHOUT_NUMBA + (
        "import torch; from rayloom.kernels import tiny_mlp\n"
        "for _ in range(2): print(tiny_mlp(torch.ones(1, 2), [torch.ones(1, 2)]).item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2.0", "2.0"]
    assert done.stderr.count("numba is not installed") == 1


def test_without_numba_a_scene_is_learnt_all_the_same(tmp_path):
    code = WITHOUT_NUMBA + "from rayloom.cli.main import run; sys.exit(run(sys.argv[1:]))"
    capture, out = str(tmp_path / "capture"), str(tmp_path / "run")
    for words in (
        ["world", "--out", capture, "--views=8", "--size=8"],
        ["train", "loom@tiny", "--data", capture, "--steps=2", "--rays-per-step=64", "--out", out, "--json"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert done.stderr.count("numba is not installed") == 1
    result = json.loads(done.stdout)
    assert result["steps"] == 2
    assert math.isfinite(result["eval"]["mean"]["psnr"])


def test_where_no_cache_can_be_written_kernels_work_and_say_so_once(tmp_path):
    """Files stand where numba would make its folders, which stops root too."""
    package = tmp_path / "rayloom"
    shutil.copytree(Path(rayloom.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for blocked in (package / "kernels" / "numba" / "__pycache__", tmp_path / "cache"):
        blocked.write_text("")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import rayloom.kernels.numba.elementary as e, rayloom.kernels.numba.segments as s, numpy as np\n"
        "print(s.__file__); print(e.exponent(np.float32(3)), e.exponent(np.float32(5)))"
    )
    variables = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path / "cache")}
    variables.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == [str(package / "kernels" / "numba" / "segments.py"), "2", "3"]
    assert done.stderr.count("compiled anew in every process") == 1


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


@pytest.mark.slow
def test_a_processor_without_its_own_vectors_computes_the_same_step():
    """The code for the oldest processor of the kind, from products to Adam."""
    variables = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    tests = Path(__file__).with_name("test_fused.py")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
