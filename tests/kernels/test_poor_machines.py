"""The CPU kernels where something is missing: the parent's threads, cores, numba, a cache, vectors."""

import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rayloom
from rayloom.kernels.numba import threads
from tests.kernels.tally import tally

WITHOUT_NUMBA = "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None\n"


def ran(code: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A new process that ran the code, which must not fail."""
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done


def count_in_child(answers: "multiprocessing.Queue[int]") -> None:
    seen = np.zeros(1000, np.int64)
    threads.run(tally, 1000, seen)
    answers.put(int(seen.sum()))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    threads.run(tally, 1000, np.zeros(1000, np.int64))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=count_in_child, args=(answers,))
    child.start()
    assert answers.get(timeout=30) == 1000
    child.join(30)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind processes to cores")
def test_one_core_is_enough():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import threading, torch; from rayloom.kernels import packed_weights\n"
        "index = torch.arange(3000) // 2\n"
        "found = packed_weights(torch.ones(3000), index, 1500, implementation='numba')\n"
        "print(len(found), threading.active_count())"
    )
    assert ran(code).stdout.split() == ["3000", "1"]


def test_without_numba_the_reference_is_used_and_said_so_once():
    code = WITHOUT_NUMBA + (
        "import torch; from rayloom.kernels import tiny_mlp\n"
        "for _ in range(2): print(tiny_mlp(torch.ones(1, 2), [torch.ones(1, 2)]).item())"
    )
    done = ran(code)
    assert done.stdout.split() == ["2.0", "2.0"]
    assert done.stderr.count("numba is not installed") == 1


def test_without_numba_a_scene_is_learnt_all_the_same(tmp_path):
    code = WITHOUT_NUMBA + "from rayloom.cli.main import run; sys.exit(run(sys.argv[1:]))"
    capture, out = str(tmp_path / "capture"), str(tmp_path / "run")
    for words in (
        ["world", "--out", capture, "--views=8", "--size=8"],
        ["train", "loom@tiny", "--data", capture, "--steps=2", "--rays-per-step=64", "--out", out, "--json"],
    ):
        done = ran(code, *words)
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
    done = ran(code, env=variables, cwd=tmp_path)
    assert done.stdout.split() == [str(package / "kernels" / "numba" / "segments.py"), "2", "3"]
    assert done.stderr.count("compiled anew in every process") == 1


@pytest.mark.slow
def test_a_processor_without_its_own_vectors_computes_the_same_step():
    """The code for the oldest processor of the kind, from products to Adam."""
    variables = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    names = ("fused", "numba_fused_field", "numba_fused_render", "numba_fused_step")
    tests = [str(Path(__file__).with_name(f"test_{name}.py")) for name in names]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
