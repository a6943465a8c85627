"""Every fast kernel for CUDA equals its reference in float64: values and all gradients.

Tests marked `gpu` run on a GPU. Where there is none, all of them run under Triton's interpreter, in a
process of their own: Triton decides at its first import whether it compiles or interprets, and no other
test should see that.
"""

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels.dispatch import Implementation
from rayloom.kernels.hash_grid import HashGridLayout, hash_grid
from rayloom.kernels.marching import StepRule, march
from rayloom.kernels.mlp import tiny_mlp
from rayloom.kernels.occupancy import occupancy_bits
from tests.kernels.cases import CASES, compare, fast_kernels, lattice, results
from tests.kernels.test_marching import grid

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ["hash_grid", "march", "packed_weights", "segment_sum", "sparse_adam_step", "tiny_mlp"]
LAUNCHED = {
    *("_encode", "_scatter", "_differentiate", "_forward", "_backward"),
    *("_march", "_sum", "_weigh", "_weigh_back", "_step"),
}
SHARED_MEMORY = 99 * 1024
"""Bytes that a program can have on every GPU since 2020; those of data centres have more."""

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")


@pytest.fixture(scope="module")
def device() -> str:
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device, and TRITON_INTERPRET is not 1")
    return DEVICE


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    python = [sys.executable, *command]
    return subprocess.run(
        python, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@needs_triton
@pytest.mark.skipif(INTERPRETED, reason="this is the process that interprets")
def test_kernels_equal_their_references_under_the_interpreter():
    tests = ["-m", "pytest", __file__, "-m", "gpu", "-n", "0", "-p", "no:cacheprovider"]
    done = run(*tests, TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout, done.stdout


@needs_triton
@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_where_there_is_no_gpu(tmp_path, capability):
    script = f"from {__name__} import compile_all; compile_all({capability})"
    done = run("-c", script, TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


def compile_all(capability: int) -> None:
    """Compile what the cases launch, for NVIDIA GPUs of a capability; the results are of no use."""
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415
    from triton.runtime import driver  # noqa: PLC0415

    absent_gpu: Any = SimpleNamespace(
        get_current_target=lambda: GPUTarget("cuda", capability, 32),
        get_current_device=lambda: 0,
        get_current_stream=lambda device: 0,
    )
    driver.set_active(absent_gpu)
    compiled: set[str] = set()

    def launch(kernel, programs, *arguments, **constants) -> None:
        code = kernel.warmup(*arguments, grid=programs, **constants)
        assert code.metadata.shared <= SHARED_MEMORY, (kernel.__name__, constants)
        compiled.add(kernel.__name__)

    kernels = fast_kernels("triton")
    for kernel in kernels.values():
        module = kernel.__module__.rpartition(".")[2]
        vars(importlib.import_module(f"rayloom.kernels.triton.{module}"))["launch"] = launch
    vars(importlib.import_module("rayloom.kernels.dispatch"))["_interpreted"] = lambda: True

    @settings(max_examples=8, derandomize=True, database=None, deadline=None)
    @given(st.data())
    def launch_cases(data) -> None:
        for name, kernel in kernels.items():
            results(CASES[name](data.draw), kernel, torch.float32, "triton")

    launch_cases()
    assert compiled == LAUNCHED, compiled ^ LAUNCHED


@pytest.mark.gpu
@needs_triton
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8)
@given(data=st.data())
def test_triton_equals_the_reference(device, name, data):
    compare(name, fast_kernels("triton")[name], "triton", data.draw, device)


@pytest.mark.gpu
@needs_triton
def test_the_comparison_finds_the_kernels():
    assert sorted(fast_kernels("triton")) == NAMES


@pytest.mark.gpu
@needs_triton
def test_weight_gradients_are_summed_over_the_tiles_of_each_program(device, monkeypatch):
    monkeypatch.setattr("rayloom.kernels.triton.mlp.PROGRAMS", 2)
    rows, first, second = lattice(300, 64, steps=4), lattice(16, 64, steps=4), lattice(3, 16, steps=4)

    def gradients(implementation: Implementation, dtype: torch.dtype, where: str) -> list[torch.Tensor]:
        leaves = [t.to(where, dtype).requires_grad_() for t in (rows, first, second)]
        out = tiny_mlp(leaves[0], leaves[1:], implementation=implementation)
        return [grad.double().cpu() for grad in torch.autograd.grad(out.square().sum(), leaves)]

    expected = gradients("torch", torch.float64, "cpu")
    for fast, exact in zip(gradients("triton", torch.float32, device), expected, strict=True):
        torch.testing.assert_close(fast, exact, rtol=1e-5, atol=1e-5 * float(exact.abs().max()))


@pytest.mark.gpu
@needs_triton
def test_wide_networks_are_left_to_torch(device):
    x, weight = torch.randn(3, 200, device=device), torch.randn(2, 200, device=device)
    expected = tiny_mlp(x, [weight], implementation="torch")
    assert torch.equal(tiny_mlp(x, [weight], implementation="triton"), expected)


@pytest.mark.gpu
@needs_triton
@settings(max_examples=6)
@given(
    st.integers(0, 2**31), st.sampled_from([(1, 8), (1, 64), (3, 32)]), st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([0.0, 1 / 128, 0.03]), st.booleans(),
)  # fmt: skip
def test_marching_and_the_reference_differ_at_walls_only(device, seed, size, share, growth, jitter):
    torch.manual_seed(seed)
    cells, step = grid(size[0], size[1], share), StepRule(0.06, growth, 0.5)
    origins = torch.randn(37, 3) * 2
    directions = torch.nn.functional.normalize(torch.randn(37, 3), dim=-1)
    directions[::10] = torch.eye(3)[torch.randint(0, 3, (4,))]
    near, far = torch.rand(37) * 0.2, 2 + torch.rand(37) * 5
    rays = [origins, directions, near, far]
    shift = torch.rand(37) if jitter else torch.zeros(37)
    first = step.u_from_t(near) + shift

    def kept(implementation: Implementation, where: str) -> set[tuple[int, int]]:
        place = [*(t.to(where) for t in rays), cells.to(where), step, shift.to(where)]
        found = march(*place, limit=10**6, implementation=implementation).to("cpu")
        assert (found.ray_index.diff() >= 0).all(), "sorted by ray"
        index = (step.u_from_t(found.starts) - first[found.ray_index]).round().long()
        torch.testing.assert_close(found.ends, step.t_from_u(first[found.ray_index] + index + 1))
        pairs = set(zip(found.ray_index.tolist(), index.tolist(), strict=True))
        assert len(pairs) == len(index), "no sample twice"
        return pairs

    for ray, index in kept("triton", device) ^ kept("torch", "cpu"):
        start, end = (step.t_from_u(first[ray] + index + i) for i in (0, 1))
        breadth = 1 + torch.linspace(-2e-5, 2e-5, 9)
        t, width = 0.5 * (start + end) * breadth, (end - start) * breadth.flip(0)
        points = origins[ray] + t[:, None] * directions[ray]
        around = torch.stack([cells.contains(points, w.expand(9)) for w in width])
        assert around.any(), "the sample is at a wall"
        assert not around.all(), "the sample is at a wall"


@pytest.mark.gpu
@needs_triton
def test_jumps_end_where_longer_steps_ask_a_coarser_box(device):
    flags = torch.zeros(2, 32, 32, 32, dtype=torch.bool)
    flags[1] = True
    cells = occupancy_bits(flags, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    rays = [torch.full((1, 3), 0.01), torch.eye(3)[:1], torch.zeros(1), torch.full((1,), 1.9)]
    step = StepRule(0.001, 0.1, 10.0)
    place = [*rays, cells, step]
    expected = march(*place, implementation="torch")
    assert expected.starts[0] < 0.9, "it begins inside of the empty box"
    place = [*(t.to(device) for t in rays), cells.to(device), step]
    found = march(*place, implementation="triton").to("cpu")
    torch.testing.assert_close(found.starts, expected.starts)


@pytest.mark.gpu
@needs_triton
def test_the_limit_keeps_the_nearest_samples(device):
    cells = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    rays = [torch.zeros(2, 3), torch.eye(3)[:2], torch.zeros(2), torch.ones(2)]
    place = [*(t.to(device) for t in rays), cells.to(device), StepRule(0.1)]
    samples = march(*place, limit=3, implementation="triton").to("cpu")
    assert samples.ray_index.tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(samples.starts[:3], torch.tensor([0.0, 0.1, 0.2]))


@pytest.mark.gpu
@needs_triton
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("axis", [0, 1], ids=["across the ray", "along the ray"])
def test_a_ray_that_is_no_number_gets_no_samples_and_harms_no_other(device, bad, axis):
    cells = occupancy_bits(torch.ones(1, 8, 8, 8, dtype=torch.bool), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    rays = [torch.zeros(3, 3), torch.eye(3), torch.zeros(3), torch.ones(3)]
    rays[0][1, axis] = bad
    place = [*(t.to(device) for t in rays), cells.to(device), StepRule(0.25)]
    samples = march(*place, implementation="triton")
    assert samples.ray_index.tolist() == [0, 0, 0, 0, 2, 2, 2, 2]


@pytest.mark.gpu
@needs_triton
def test_a_point_that_is_no_number_has_no_features_and_teaches_nothing(device):
    layout = HashGridLayout(4, 4, 6, 4, 20)
    points, table = torch.rand(200, 3), torch.randn(layout.num_rows, 4)
    bad = torch.arange(200) % 7 == 3
    points[bad, torch.randint(3, (int(bad.sum()),))] = torch.nan

    def run_on(implementation: Implementation, where: str) -> list[torch.Tensor]:
        leaves = [t.to(where).requires_grad_() for t in (points, table)]
        features = hash_grid(leaves[0], leaves[1], layout, implementation=implementation)
        slope = torch.arange(features.numel(), device=where).reshape(features.shape).sin()
        return [t.detach().cpu() for t in (features, *torch.autograd.grad(features, leaves, slope))]

    found, expected = run_on("triton", device), run_on("torch", "cpu")
    assert not found[0][bad].any()
    assert not found[1][bad].any()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
