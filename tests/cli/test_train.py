import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rayloom.cli.train import split_method, split_preset
from tests.cli.answers import SCORES, refusal
from tests.cli.conftest import HAZE, Trained


def test_train_prints_its_contract_and_fills_a_run_folder(trained: Trained) -> None:
    result = json.loads(trained.said.stdout)
    assert set(result) == {
        *("run", "method", "steps", "seconds", "compile_seconds"),
        *("rays", "samples", "peak_memory_mb", "eval"),
    }
    assert result["run"] == str(trained.run)
    assert result["method"] == str(HAZE)
    assert (result["steps"], result["rays"]) == (3, 3 * 1024)
    assert set(result["eval"]["mean"]) == SCORES
    assert {"config.json", "weights.safetensors", "metrics.jsonl", "eval"} <= {
        path.name for path in trained.run.iterdir()
    }
    assert {"eval.json", "training.png"} <= {path.name for path in (trained.run / "eval").iterdir()}
    assert len(list((trained.run / "eval").glob("*r_*.png"))) == 2


def test_nothing_that_exists_is_overwritten(
    trained: Trained, capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained.run / "weights.safetensors").read_bytes()
    args = ["train", f"{HAZE}@tiny", "--data", capture, "--steps", 1, "--out", trained.run, "--quiet"]
    assert "exists and is not empty" in refusal(args, capsys)
    assert (trained.run / "weights.safetensors").read_bytes() == before


def test_ctrl_c_keeps_the_weights_and_ends_with_code_130(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = ["train", f"{HAZE}@tiny", "--data", str(capture), "--seconds", "100", "--out", str(out), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rayloom", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (out / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert json.loads(stdout)["eval"] is None
    assert (out / "weights.safetensors").exists()
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("line", "word", "rest"),
    [
        ("nerf --data a", "nerf", "--data a"),
        ("--data a nerf", "nerf", "--data a"),
        ("--data=a nerf@tiny --lr 1", "nerf@tiny", "--data=a --lr 1"),
        ("--data a --json nerf", "nerf", "--data a --json"),
        ("--allow_outside ./x.py --data a", "./x.py", "--allow_outside --data a"),
        ("--data a --steps 3", None, "--data a --steps 3"),
        ("--help", None, "--help"),
    ],
)
def test_the_method_may_stand_anywhere(line: str, word: str | None, rest: str) -> None:
    assert split_method(line.split()) == (word, rest.split())


def test_a_preset_follows_an_at_sign() -> None:
    assert split_preset("nerf") == ("nerf", "default")
    assert split_preset("nerf@tiny") == ("nerf", "tiny")
    assert split_preset(f"{HAZE}@tiny") == (str(HAZE), "tiny")
    assert split_preset("/a@b/c.py") == ("/a@b/c.py", "default")


def test_torchrun_trains_one_run(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    # Standalone: on a free port, should there be others.
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [
        *torchrun,
        "-m",
        "rayloom",
        "train",
        "nerf@tiny",
        "--data",
        str(capture),
        "--out",
        str(out),
        "--steps",
        "3",
        "--json",
    ]
    said = subprocess.run([*command, "--no-eval"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout)
    # Steps of one run, with the rays of two.
    assert (told["steps"], told["rays"]) == (3, 2 * 3 * 1024)
    assert (out / "weights.safetensors").is_file()
    assert said.stderr.count("run: ") == 1
