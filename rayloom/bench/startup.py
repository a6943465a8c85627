"""How long the first run waits for the compiler, and later ones for the cache, each in a process of its own.

Run as a module, it prints these seconds for the folder that NUMBA_CACHE_DIR names.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from rayloom.bench.goals import COMPILE_CACHED, COMPILE_COLD
from rayloom.bench.limits import NO_PROBES, probes_run
from rayloom.bench.rows import Row
from rayloom.methods.loom import Loom, LoomConfig
from rayloom.types import SceneInfo

SCENE = SceneInfo(
    kind="object",
    box_low=(-1.0, -1.0, -1.0),
    box_high=(1.0, 1.0, 1.0),
    near=1.0,
    far=3.0,
    background=(1.0, 1.0, 1.0),
    has_alpha=True,
    num_images=1,
)


def startup_rows(device: torch.device) -> list[Row]:
    """Seconds that the fused kernels take to be ready, without cached machine code and with it."""
    bars = {"kernels ready, cold": COMPILE_COLD, "kernels ready, cached": COMPILE_CACHED}
    if not probes_run(device):
        return [Row(name, None, "s", bar=bar, better="lower", note=NO_PROBES) for name, bar in bars.items()]
    with tempfile.TemporaryDirectory() as folder:
        return [
            Row(name, ready_seconds(Path(folder)), "s", bar=bar, better="lower") for name, bar in bars.items()
        ]


def ready_seconds(cache: Path) -> float:
    """What a new process waits for the kernels of a training with this folder as cache."""
    command = [sys.executable, "-m", "rayloom.bench.startup"]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(said.stdout)


def main() -> None:
    """Prepare loom, which trains nothing, and print how long that took."""
    method = Loom(LoomConfig(), SCENE)
    began = time.perf_counter()
    method.prepare()
    sys.stdout.write(json.dumps(time.perf_counter() - began))


if __name__ == "__main__":
    main()
