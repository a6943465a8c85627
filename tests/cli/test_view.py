import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import torch
from PIL import Image as PILImage

from rayloom.cli.main import run
from rayloom.cli.opening import open_run
from rayloom.cli.view import film_in, is_trained, watched
from rayloom.errors import InputError
from rayloom.viewing.gate import Gate
from rayloom.viewing.looking import Cancelled, Looker
from rayloom.viewing.path_draft import PathDraft, save_path
from rayloom.viewing.sights import sight_of
from rayloom.viewing.turns import OwnThread
from tests.cli.answers import refusal
from tests.cli.conftest import HAZE, Trained
from tests.viewing.normal_ball import NormalBall, ball_scene


def serve(*args: str) -> tuple["subprocess.Popen[str]", str]:
    """A viewer in a process of its own, and its address."""
    # A process in the background may have been told to ignore Ctrl-C.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from rayloom.cli.main import main; main()"
    command = [sys.executable, "-c", code, "view", "--port", "0", *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def ended(process: "subprocess.Popen[str]") -> str:
    """What a viewer says on stderr when Ctrl-C has ended it, as it should."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out == ""
    return err


def test_a_capture_is_served_to_this_machine_until_ctrl_c(capture: Path) -> None:
    process, url = serve(str(capture))
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    with urlopen(url, timeout=60) as page:
        assert b"<html" in page.read()
    assert ended(process).splitlines()[-1] == "closed"


def test_with_a_host_the_address_holds_a_token(trained: Trained) -> None:
    process, url = serve(str(trained.run), "--host", "127.0.0.1", "--device", "cpu")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{16,}/", url)
    with urlopen(url, timeout=60) as page:
        assert page.status == 200
    with pytest.raises(HTTPError, match="403"):
        urlopen(url.rsplit("/", 2)[0], timeout=60)
    ended(process)


def test_what_cannot_be_viewed_is_told_in_one_line(
    trained: Trained, capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "does not exist" in refusal(["view", tmp_path / "nowhere"], capsys)
    assert str(tmp_path) in refusal(["view", tmp_path], capsys)
    broken = tmp_path / "broken"
    shutil.copytree(trained.run, broken)
    (broken / "weights.safetensors").write_bytes(b"nothing")
    assert "weights" in refusal(["view", broken], capsys)
    (broken / "config.json").write_text("{")
    assert "not valid JSON" in refusal(["view", broken], capsys)
    gate = Gate(None, 0)
    assert "expected a free --port" in refusal(["view", capture, "--port", gate.port], capsys)
    gate.close()


def test_runs_and_pages_are_told_from_captures(trained: Trained, capture: Path) -> None:
    assert is_trained(trained.run)
    assert is_trained(Path("scene.html"))
    assert not is_trained(capture)


def test_a_video_is_that_of_rayloom_render(trained: Trained, tmp_path: Path) -> None:
    method, scene = open_run(trained.run, None, "cpu")
    looker = Looker(method, OwnThread())
    keys = tuple(sight_of(pose, 0.7) for pose in torch.from_numpy(scene.world_from_camera[:2]))
    draft, file, told = PathDraft(keys, seconds=1.0, fps=3.0), tmp_path / "tour.json", []
    save_path(file, draft, 20, 14, scene.raw_from_world)
    path = draft.film(20, 14, near=float(scene.near.min()), far=float(scene.far.max()))
    film = film_in(tmp_path, looker)
    video = film(path, "tour", lambda done, total: told.append((done, total)), lambda: False)
    assert video == tmp_path / "render" / "tour" / "1" / "film.mp4"
    assert told == [(i, 4) for i in (1, 2, 3, 4)]

    out = tmp_path / "rendered"
    args = ["render", str(trained.run), "--path", str(file), "--device", "cpu", "--out", str(out), "--quiet"]
    assert run(args) == 0
    assert {file.name for file in out.iterdir()} == {file.name for file in video.parent.iterdir()}
    for frame in sorted(out.glob("*/*.png")):
        with PILImage.open(frame) as one, PILImage.open(video.parent / frame.relative_to(out)) as other:
            extremes = [abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True)]
        # The file keeps poses in the frame of the photos, and the way there and back rounds.
        assert sorted(extremes)[int(0.99 * len(extremes))] <= 2, frame

    with pytest.raises(Cancelled):
        film(path, "tour", lambda done, total: None, lambda: True)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        film_in(tmp_path / "file", looker)(path, "tour", lambda done, total: None, lambda: False)
    looker.turns.close()


def test_a_method_is_shown_while_it_trains(tmp_path: Path) -> None:
    method, scene, records = NormalBall(), ball_scene(), []
    with watched(True, method, scene, tmp_path, port=0, quiet=True) as seen:
        listen = seen(records.append)
        for i in range(3):
            listen(i)
    assert records == [0, 1, 2]
    with watched(False, method, scene, tmp_path, quiet=True) as seen:
        assert seen(print) is print


def test_train_with_view_says_where(capture: Path, tmp_path: Path) -> None:
    args = ["train", f"{HAZE}@tiny", "--data", str(capture), "--steps", "2", "--no-eval", "--view"]
    command = [sys.executable, "-m", "rayloom", *args, "--out", str(tmp_path / "run")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot be listened at" in said.stderr:
        pytest.skip("somebody else listens at the port of the viewer")
    assert said.returncode == 0, said.stderr
    assert re.search(r"^view: http://127\.0\.0\.1:7007/$", said.stderr, re.MULTILINE)
