import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from rayloom.baking.files import page, read_page, write_page
from rayloom.cameras.path_files import write_camera_path
from rayloom.cli.filming import path_of_page
from rayloom.cli.main import run
from tests.baking.shining_ball import SCENES, baked_voxels, origin_of
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import SIZE, Trained


def frame_sizes(video: Path) -> list[tuple[int, int]]:
    """Width and height of every frame."""
    with av.open(str(video), mode="r") as container:
        return [(frame.width, frame.height) for frame in container.decode(video=0)]


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


def test_a_page_is_filmed_without_its_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, path_file = tmp_path / "scene.html", tmp_path / "path.json"
    origin = origin_of(SCENES["object"])
    write_page(page(baked_voxels(tmp_path / "parts", resolution=24), origin, "ball"), file)
    film = path_of_page(origin, "orbit", 4, width=20, height=None, scale=1.0)
    # The ball is in the middle of every frame, at the distance of the first view.
    centers = film.cameras.world_from_camera[:, :, 3]
    first = torch.tensor(origin.first_view)[:, 3].norm()
    assert centers.norm(dim=-1).tolist() == pytest.approx([float(first)] * 4, rel=1e-4)
    assert film.cameras.size.tolist() == [[20, 15]] * 4
    opacity = [read_page(file).look(film.cameras.image_rays(i)).opacity for i in range(4)]
    assert all(image[7, 10] > 0.9 and image[0, 0] == 0 for image in opacity)
    write_camera_path(path_file, film, np.array(origin.raw_from_world))
    for word in ("orbit", str(path_file)):
        args = ["render", str(file), "--path", word, "--frames", "4", "--scale", "2", "--quiet"]
        result = json_of(args, capsys)
        assert isinstance(result, dict)
        assert result["frames"] == 4
    assert "--path test: goes by the photos" in refusal(["render", file, "--path", "test"], capsys)


def test_time_runs_along_a_still_view_and_can_be_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, trained = str(tmp_path / "data"), str(tmp_path / "run")
    assert run(["world", "--out", data, "--motion", "spin", "--views", "3", "--size", "8"]) == 0
    train = ["train", "d-nerf@tiny", "--no-canonical", "--data", data, "--out", trained, "--steps", "2"]
    assert run([*train, "--no-eval", "--quiet"]) == 0

    def film(name: str, *options: str) -> list[bytes]:
        out = tmp_path / name
        args = ["render", trained, "--path", "still", "--frames", "2", "--out", str(out), "--quiet"]
        assert run([*args, *options]) == 0
        return [file.read_bytes() for file in sorted((out / "rgb").glob("*.png"))]

    first, last = film("running")
    assert first != last
    assert film("first", "--time", "0") == [first, first]
    assert film("last", "--time", "1") == [last, last]
    capsys.readouterr()
    assert "--time: is 1.5; expected a number from 0 to 1" in refusal(
        ["render", trained, "--time", "1.5"], capsys
    )


def test_a_capture_without_time_has_no_moments(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--time: the capture has no time" in refusal(["render", trained.run, "--time", "0.5"], capsys)
