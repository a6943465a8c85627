"""Methods x captures x seeds: all of them once, in a table, whatever happens."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from rayloom.cli.main import run
from rayloom.cli.sweep import short_name
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import HAZE

METHOD = f"{HAZE}@tiny"
TRAINING = ["--steps", "3", "--rays-per-step", "64"]


@dataclass(frozen=True)
class Swept:
    out: Path
    args: list[str]
    told: dict[str, Any]


def sweep_args(capture: Path, out: Path, *more: str, seeds: tuple[str, ...] = ("0", "5")) -> list[str]:
    return ["sweep", "--methods", METHOD, "--data", str(capture), "--seeds", *seeds, "--out", str(out), *more]


@pytest.fixture(scope="module")
def swept(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Two seeds, by two workers."""
    out = tmp_path_factory.mktemp("sweeps") / "sweep"
    args = [*sweep_args(capture, out), *TRAINING]
    said = subprocess.run(
        [sys.executable, "-m", "rayloom", *args, "--workers", "2", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert "2 of 2, haze_nerf@tiny on" in said.stderr
    return Swept(out, args, json.loads(said.stdout))


def test_every_job_has_a_run_folder_and_a_row(swept: Swept, capture: Path) -> None:
    jobs = swept.told["jobs"]
    assert [(job["method"], job["capture"], job["seed"], job["steps"], job["error"]) for job in jobs] == [
        ("haze_nerf@tiny", capture.name, seed, 3, None) for seed in (0, 5)
    ]
    for job in jobs:
        config = json.loads((Path(job["run"]) / "config.json").read_text())
        assert config["train_config"]["seed"] == job["seed"]
        assert config["method_config"]["rays_per_step"] == 64
        assert Path(job["run"]).parent == swept.out / capture.name / "haze_nerf@tiny"
    (mean,) = swept.told["means"]
    assert mean["psnr"]["mean"] == pytest.approx((jobs[0]["psnr"] + jobs[1]["psnr"]) / 2)
    assert mean["psnr"]["deviation"] > 0
    assert json.loads((swept.out / "sweep.json").read_text())["means"] == swept.told["means"]
    assert f"| haze_nerf@tiny | {capture.name} | 2 |" in (swept.out / "sweep.md").read_text()


def test_what_was_done_stays_and_what_was_cut_off_goes_on(
    swept: Swept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = json_of(swept.args, capsys)
    assert again == swept.told
    # As a sweep leaves it that was killed in its second job.
    cut = Path(swept.told["jobs"][1]["run"])
    (cut / "result.json").unlink()
    weights, stamp = (cut / "weights.safetensors").read_bytes(), (cut / "config.json").stat().st_mtime_ns
    (cut / "weights.safetensors").unlink()
    finished = json_of(swept.args, capsys)
    assert isinstance(finished, dict)
    assert [job["psnr"] for job in finished["jobs"]] == [job["psnr"] for job in swept.told["jobs"]]
    assert (cut / "weights.safetensors").read_bytes() == weights
    assert (cut / "config.json").stat().st_mtime_ns == stamp


def test_a_job_that_fails_is_listed_and_fails_the_sweep(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(capture, torn)
    (torn / "train" / "r_0.png").write_bytes(b"no picture")
    out = tmp_path / "sweep"
    assert run([*sweep_args(torn, out, "--quiet", seeds=("0",)), *TRAINING]) == 1
    said = capsys.readouterr()
    assert "failed: haze_nerf@tiny on torn, seed 0: error: " in said.err
    assert "r_0.png" in said.err
    (row,) = json.loads((out / "sweep.json").read_text())["jobs"]
    assert "r_0.png" in row["error"]
    assert "r_0.png" in (out / "sweep.md").read_text()


def test_what_no_job_could_do_is_refused_before_the_first(
    swept: Swept, capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new"
    args = sweep_args(capture, out)
    assert "unknown; did you mean 'nerf'" in refusal(["sweep", "--methods", "nrf", *args[3:]], capsys)
    assert "--steps: is 0" in refusal([*args, "--steps", "0"], capsys)
    assert "--seed: is no option of a sweep; expected --seeds" in refusal([*args, "--seed=3"], capsys)
    assert "--seeds: 5 is named twice" in refusal([*args, "--seeds", "5", "5"], capsys)
    assert "--workers: is 0" in refusal([*args, "--workers", "0"], capsys)
    assert not out.exists()
    assert "other options of training; expected the same: --steps 3" in refusal(swept.args[:-4], capsys)
    assert "has no sweep.json" in refusal(sweep_args(capture, swept.out / capture.name), capsys)


def test_names_are_short() -> None:
    assert short_name(f"{HAZE}@tiny") == "haze_nerf@tiny"
    assert short_name("loom") == "loom"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_a_worker_of_ray_killed_in_mid_training_costs_no_bit(capture: Path, tmp_path: Path) -> None:
    training = ["--steps", "60", "--rays-per-step", "64", "--deterministic", "--checkpoint-every", "0.001"]
    quiet, lost = [*training, "--no-eval", "--quiet"], tmp_path / "lost"
    assert run([*sweep_args(capture, tmp_path / "whole"), *quiet]) == 0
    sweep = subprocess.Popen(
        [sys.executable, "-m", "rayloom", *sweep_args(capture, lost), *quiet, "--ray", "--workers", "2"]
    )
    folder = lost / capture.name / "haze_nerf@tiny" / "seed-5"
    while not list((folder / "checkpoints").glob("step-*[1-9]")):
        assert sweep.poll() is None
        time.sleep(0.01)
    (job,) = (p for p in psutil.process_iter(["cmdline"]) if "--out" in words(p) and str(folder) in words(p))
    os.kill(job.ppid(), signal.SIGKILL)
    assert sweep.wait(300) == 0
    assert not job.is_running()
    for seed in ("seed-0", "seed-5"):
        weights = [tmp_path / name / folder.relative_to(lost).parent / seed for name in ("whole", "lost")]
        first, second = ((run / "weights.safetensors").read_bytes() for run in weights)
        assert first == second


def words(process: psutil.Process) -> list[str]:
    return process.info["cmdline"] or []
