import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from rayloom.kernels import dispatch, tiny_mlp

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
HIDE = """
import sys, importlib.util as u; find = u.find_spec
u.find_spec = lambda name, *a: None if name == {package!r} else find(name, *a)
import torch
from rayloom.kernels import dispatch, tiny_mlp
"""
"""A process in which a package is not installed."""


def python(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def on_cuda(monkeypatch) -> None:
    """What would be chosen if all tensors lay on a CUDA device, and Triton could compile."""
    monkeypatch.setattr(dispatch, "_device", lambda tensors: "cuda")
    monkeypatch.setattr(dispatch, "_c_compiler", lambda: "cc")


def test_the_package_follows_the_device():
    assert dispatch._device([torch.zeros(1), None, torch.zeros(2)]) == "cpu"
    assert dispatch._device([torch.zeros(1, device="meta")]) == "meta"
    assert dispatch.faster(tiny_mlp, "auto", torch.zeros(1, 2)).__module__ == "rayloom.kernels.numba.mlp"
    assert dispatch.faster(tiny_mlp, "auto", torch.zeros(1, 2, device="meta")) is None


@needs_triton
@pytest.mark.usefixtures("on_cuda")
def test_cuda_tensors_go_to_triton():
    x = torch.zeros(1, 2)
    assert dispatch.faster(tiny_mlp, "auto", x).__module__ == "rayloom.kernels.triton.mlp"
    assert dispatch.faster(tiny_mlp, "triton", x).__module__ == "rayloom.kernels.triton.mlp"
    assert dispatch.faster(tiny_mlp, "torch", x) is None
    with dispatch.use_reference():
        assert dispatch.faster(tiny_mlp, "auto", x) is None
    with pytest.raises(AssertionError, match="no numba version"):
        dispatch.faster(tiny_mlp, "numba", x)
    assert not dispatch.numba_suits(x)


def test_tensors_that_lie_apart_or_are_not_float32_go_to_the_reference():
    x = torch.zeros(1, 2)
    assert dispatch.faster(tiny_mlp, "auto", x.double()) is None
    assert dispatch.faster(tiny_mlp, "auto", x, x.double()) is None
    assert dispatch.faster(tiny_mlp, "auto", x, x.to("meta")) is None
    with pytest.raises(AssertionError, match="no numba version"):
        dispatch.faster(tiny_mlp, "numba", x.double())


@needs_triton
def test_triton_takes_tensors_of_the_cpu_only_where_it_interprets():
    script = (
        "import torch; from rayloom.kernels import tiny_mlp\n"
        "x = torch.ones(1, 2)\n"
        "try: print(tiny_mlp(x, [x], implementation='triton').item())\n"
        "except AssertionError as error: print(error)"
    )
    assert python(script, TRITON_INTERPRET="1").stdout.strip() == "2.0"
    assert "no triton version" in python(script, TRITON_INTERPRET="0").stdout


@pytest.mark.parametrize(("package", "device"), [("numba", "cpu"), ("triton", "cuda")])
def test_without_its_package_a_device_gets_the_reference_and_says_so_once(package, device):
    done = python(
        HIDE.format(package=package) + f"dispatch._device = lambda tensors: {device!r}\n"
        "for _ in range(2): print(tiny_mlp(torch.ones(1, 2), [torch.ones(1, 2)]).item())"
    )
    assert done.stdout.split() == ["2.0", "2.0"]
    assert done.stderr.count(f"{package} is not installed") == 1


def test_a_broken_installation_of_a_package_is_a_missing_one(tmp_path):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise ImportError('Numba needs another NumPy')")
    script = (
        "import torch; from rayloom.kernels import tiny_mlp\n"
        "print(tiny_mlp(torch.ones(1, 2), [torch.ones(1, 2)]))"
    )
    done = python(script, PYTHONPATH=str(tmp_path))
    assert done.stdout.strip() == "tensor([[2.]])"
    assert done.stderr.count("numba cannot be imported (Numba needs another NumPy)") == 1


@needs_triton
def test_without_a_c_compiler_triton_is_not_used():
    script = (
        "import torch; from rayloom.kernels import dispatch, tiny_mlp\n"
        "dispatch._device = lambda tensors: 'cuda'\n"
        "print(dispatch.faster(tiny_mlp, 'auto', torch.ones(1, 2)))"
    )
    done = python(script, PATH="", CC="", TRITON_INTERPRET="0")
    assert done.stdout.strip() == "None"
    assert done.stderr.count("no C compiler") == 1


def test_importing_the_kernels_imports_no_compiler():
    python("import sys, rayloom.kernels; sys.exit(bool({'numba', 'triton'} & set(sys.modules)))")
