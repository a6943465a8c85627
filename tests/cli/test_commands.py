import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import av
import pytest
from PIL import Image

from rayloom import methods
from rayloom.claims.records import Claim, Measurement
from rayloom.claims.store import read_results
from rayloom.cli import claims as claims_command
from rayloom.cli.main import COMMANDS, run
from rayloom.cli.train import split_method, split_preset
from rayloom.cli.world import Kind
from tests.cli.conftest import HAZE, SIZE, Trained

SCORES = {"psnr", "ssim", "lpips_alex", "lpips_vgg"}


def json_of(args: list[str], capsys: pytest.CaptureFixture[str]) -> object:
    """What a command prints with --json."""
    capsys.readouterr()
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(args: Sequence[object], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr with which a command refuses bad input."""
    capsys.readouterr()
    assert run([str(arg) for arg in args]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def frame_sizes(video: Path) -> list[tuple[int, int]]:
    """Width and height of every frame."""
    with av.open(str(video), mode="r") as container:
        return [(frame.width, frame.height) for frame in container.decode(video=0)]


def test_the_first_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from rayloom.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    seconds, said = [], None
    for _ in range(3):
        began = time.perf_counter()
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
    assert said is not None
    assert min(seconds) < 0.5
    assert all(command in said.stdout for command in COMMANDS)
    assert not {"torch", "tyro", "numpy", "rich"} & set(said.stderr.split())


def test_no_help_and_no_listing_imports_torch() -> None:
    code = f"""
import sys
from rayloom.cli.main import COMMANDS, run
for words in (*COMMANDS, "train nerf@small", "train {HAZE}"):
    try:
        run([*words.split(), "--help"])
    except SystemExit as end:
        assert end.code == 0, words
assert run(["methods", "--json"]) == 0
assert run(["claims"]) == 0
assert "torch" not in sys.modules
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_a_command_or_option_that_does_not_exist_ends_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown; expected one of inspect, train" in refusal(["tran"], capsys)
    with pytest.raises(SystemExit) as end:
        run(["methods", "--jsn"])
    assert end.value.code == 2


def test_methods_prints_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json_of(["methods"], capsys)
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == methods.names()
    for row in rows:
        assert set(row) == {"name", "title", "year", "arxiv", "tags", "presets"}
        assert {"default", "tiny"} <= set(row["presets"])


def test_inspect_prints_its_contract_without_torch(capture: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from rayloom.cli.main import run; code = run(sys.argv[1:]);"
        "sys.exit(code or ('torch' in sys.modules))"
    )
    plot = tmp_path / "plot.png"
    args = ["inspect", str(capture), "--plot", str(plot), "--json"]
    said = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    report = json.loads(said.stdout)
    assert set(report) == {
        *("format", "images", "used", "resolution", "camera_models"),
        *("near", "far", "split", "masks", "warnings"),
    }
    assert report["split"] == {"train": 8, "val": 0, "test": 2}
    with Image.open(plot) as picture:
        assert picture.width > 300


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


def test_eval_of_a_run_gives_the_scores_that_training_gave(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json_of(["eval", str(trained.run), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert set(result) == {"protocol", "mean", "views"}
    assert set(result["views"][0]) == {"name"} | SCORES
    assert result["mean"]["psnr"] == pytest.approx(
        json.loads(trained.said.stdout)["eval"]["mean"]["psnr"], abs=1e-3
    )
    assert run(["eval", str(trained.run), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("2 test views: PSNR ")


def test_render_films_an_orbit_in_three_channels(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "film"
    args = ["render", str(trained.run), "--frames", "3", "--width", "24", "--out", str(out), "--quiet"]
    result = json_of(args, capsys)
    assert isinstance(result, dict)
    assert result["frames"] == 3
    for channel in ("rgb", "depth", "opacity"):
        assert frame_sizes(Path(result["videos"][channel])) == [(24, 24)] * 3
        assert len(list((out / channel).glob("*.png"))) == 3


def test_render_takes_test_views_and_path_files(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "camera_path.json"
    pose = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 4, 0, 0, 0, 1]
    frame = {"camera_to_world": pose, "fov": 40.0, "aspect": 1.0}
    content = {"camera_type": "perspective", "render_width": 20, "render_height": 10, "fps": 12}
    file.write_text(json.dumps(content | {"camera_path": [frame] * 2}))
    for path, scale, size in (("test", "2", (SIZE // 2, SIZE // 2)), (str(file), "1", (20, 10))):
        out = tmp_path / f"{Path(path).stem}.mp4"
        args = ["render", str(trained.run), "--path", path, "--scale", scale, "--out", str(out), "--quiet"]
        assert run(args) == 0
        assert frame_sizes(out) == [size] * 2
        assert "exists; expected a new file" in refusal(args, capsys)


def test_nothing_that_exists_is_overwritten(
    trained: Trained, capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained.run / "weights.safetensors").read_bytes()
    args = ["train", f"{HAZE}@tiny", "--data", capture, "--steps", 1, "--out", trained.run, "--quiet"]
    assert "exists and is not empty" in refusal(args, capsys)
    assert (trained.run / "weights.safetensors").read_bytes() == before


def test_bad_input_is_told_in_one_line(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in refusal(["inspect", tmp_path / "nowhere"], capsys)
    assert "did you mean 'nerf'" in refusal(["train", "nefr", "--data", capture], capsys)
    assert "expected default, small" in refusal(["train", "nerf@huge", "--data", capture], capsys)
    assert "is not a run folder" in refusal(["eval", tmp_path], capsys)
    assert "is not a run folder" in refusal(["render", capture], capsys)
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("version", "0.0.1", "the run was made by rayloom 0.0.1"),
        ("method", "nefr", "unknown; did you mean 'nerf'?"),
        ("method", "nerf", "unknown key haze_prior"),
        ("method_config", {}, "missing key clear_view"),
        ("data", "/nowhere/at/all", "/nowhere/at/all"),
        ("raw_from_world", [[2.0, 0.0, 0.0, 0.0]] * 4, "has changed since the run"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, value: object, words: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained.run, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {key: value}))
    assert words in refusal(["eval", copy], capsys)


def test_a_broken_config_or_other_weights_are_refused(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained.run, copy)
    text = (copy / "config.json").read_text()
    (copy / "config.json").write_text(text.replace('"width": 32', '"width": 16'))
    assert "does not fit the method" in refusal(["eval", copy], capsys)
    (copy / "config.json").write_text(text[:-40])
    assert "config.json: not valid JSON" in refusal(["eval", copy], capsys)


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


def test_claims_are_measured_recorded_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(seed: int) -> Measurement:
        raise RuntimeError("no light")

    def claim(name: str, measure: object, **changes: object) -> Claim:
        values = {"name": name, "description": "Says so.", "threshold": 1.0, "better": "higher"}
        return Claim(**(values | {"measure": measure} | changes))  # pyright: ignore[reportArgumentType]

    made = (
        claim("true", lambda seed: Measurement(2.0 + seed, 1.0)),
        claim("false", lambda seed: Measurement(0.5)),
        claim("broken", broken),
        claim("slow", lambda seed: Measurement(3.0), long=True),
    )
    monkeypatch.setattr(claims_command, "claims_of", lambda method: made)
    monkeypatch.setattr(claims_command, "results_path", lambda method: tmp_path / f"{method}.toml")
    rows = json_of(["claims", "nerf"], capsys)
    assert isinstance(rows, list)
    assert {row["status"] for row in rows} == {"unverified"}
    assert set(rows[0]) == {
        *("method", "claim", "measured", "threshold", "baseline"),
        *("seeds", "status", "seconds", "device", "date"),
    }
    rows = json_of(["claims", "nerf", "--run", "--seeds", "3", "--record"], capsys)
    assert isinstance(rows, list)
    assert [row["status"] for row in rows] == ["shown", "failed", "failed", "unverified"]
    assert [row["measured"] for row in rows] == [3.0, 0.5, None, None]
    assert read_results(tmp_path / "nerf.toml")["broken"].reason == "RuntimeError: no light"
    assert json_of(["claims", "nerf"], capsys) == rows
    assert run(["claims", "nerf"]) == 0
    assert "broken could not be measured: RuntimeError: no light" in capsys.readouterr().err


def test_options_that_contradict_each_other_are_refused(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "were given without --run" in refusal(["claims", "--record"], capsys)
    assert "both were given" in refusal(["train", "--data", capture, "--steps", 1, "--seconds=1"], capsys)
    assert "--frames: is 0" in refusal(["render", "run", "--frames", 0], capsys)
    assert "--path: is 'zigzag'" in refusal(["render", "run", "--path", "zigzag"], capsys)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_world_can_be_photographed(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "world"
    said = json_of(["world", "--out", str(out), "--kind", kind, "--views", "2", "--size", "8"], capsys)
    assert isinstance(said, dict)
    report = json_of(["inspect", str(out)], capsys)
    assert isinstance(report, dict)
    assert (report["format"], report["images"], report["resolution"]) == (said["format"], 2, [8, 8])
    assert "exists and is not empty" in refusal(["world", "--out", out], capsys)
