import errno
import json
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rayloom import __version__
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.scene_info import SceneInfo
from rayloom.training.config import TrainConfig
from rayloom.training.records import Record
from rayloom.training.runs import (
    CONFIG,
    METRICS,
    WEIGHTS,
    RunConfig,
    append_record,
    default_parent,
    empty_folder,
    forget_records_after,
    package_versions,
    read_config,
    read_records,
    write_config,
)
from rayloom.training.weights import load_weights, save_weights
from tests.methods.ball import FORWARD, OBJECT

CONFIGURED = RunConfig(
    version=__version__,
    method="nerf",
    preset="tiny",
    method_config={"width": 3},
    data="captures/lego",
    data_config=DataConfig(scale=2.0, num_scales=4),
    train_config=TrainConfig(steps=7, seed=3),
    scene=FORWARD,
    raw_from_world=((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0)),
    packages=package_versions(),
)


@pytest.mark.parametrize("scene", [OBJECT, FORWARD])
def test_a_config_reads_back_as_it_was_written(tmp_path: Path, scene: SceneInfo) -> None:
    config = replace(CONFIGURED, scene=scene)
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config


def spoilt(folder: Path, *path: str, value: object) -> str:
    """What is said about a config in which one value is another, or is missing if it is None."""
    write_config(folder, CONFIGURED)
    values = json.loads((folder / CONFIG).read_text())
    place = values
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    (folder / CONFIG).write_text(json.dumps(values))
    with pytest.raises(InputError) as error:
        read_config(folder)
    return str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("preset",), None, "config.json: missing key preset"),
        (("extra",), 1, "config.json: unknown key extra"),
        (("data_config", "scale"), None, "missing key data_config.scale"),
        (("data_config", "num_scales"), 1.5, "got `float` - at `$.data_config.num_scales`"),
        (("train_config", "wobble"), 1, "unknown key train_config.wobble"),
        (("scene", "ndc", "near"), None, "missing key scene.ndc.near"),
        (("data_config", "scale"), "two", "got `str` - at `$.data_config.scale`"),
        (("scene", "kind"), "garden", "Invalid enum value 'garden' - at `$.scene.kind`"),
        (("scene",), 3, "`$.scene`"),
        (("raw_from_world",), [[1.0], [2.0, 3.0]], "raw_from_world: is no 4 x 4 matrix"),
        (("train_config", "steps"), 0, "--steps: is 0"),
        (("version",), "0.0.9", "the run was made by rayloom 0.0.9"),
        (("version",), 1, "`$.version`"),
    ],
)
def test_a_key_that_is_unknown_missing_or_wrong_is_named(
    tmp_path: Path, path: tuple[str, ...], value: object, words: str
) -> None:
    assert words in spoilt(tmp_path, *path, value=value)


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", "\x00\xff", '"text"', "null", "[" * 10**5, "9" * 10**5, '{"version": {}}']
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CONFIG).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=CONFIG):
        read_config(tmp_path)


def test_a_folder_without_config_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        read_config(tmp_path)


def test_records_read_back_in_order(tmp_path: Path) -> None:
    records = [
        Record(step=i, seconds=1.5, fraction=0.5, loss=0.1, psnr=20.0, rays_per_second=3.0, memory_mb=4.0)
        for i in range(3)
    ]
    assert read_records(tmp_path) == []
    for record in records:
        append_record(tmp_path, record)
    assert read_records(tmp_path) == records


def some_records(count: int) -> list[Record]:
    return [
        Record(step=i, seconds=1.5, fraction=0.5, loss=0.1, psnr=20.0, rays_per_second=3.0, memory_mb=4.0)
        for i in range(count)
    ]


def test_a_line_that_was_torn_off_is_left_out(tmp_path: Path) -> None:
    for record in some_records(3):
        append_record(tmp_path, record)
    content = (tmp_path / METRICS).read_text()
    (tmp_path / METRICS).write_text(content[:-20])
    assert read_records(tmp_path) == some_records(2)
    forget_records_after(tmp_path, 5)
    append_record(tmp_path, some_records(3)[2])
    assert read_records(tmp_path) == some_records(3)


def test_records_of_steps_that_are_done_again_are_forgotten(tmp_path: Path) -> None:
    for record in some_records(6):
        append_record(tmp_path, record)
    forget_records_after(tmp_path, 3)
    assert [record.step for record in read_records(tmp_path)] == [0, 1, 2, 3]


def test_records_that_find_no_room_are_told_once_and_leave_no_torn_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    append_record(tmp_path, some_records(1)[0])
    whole = (tmp_path / METRICS).read_bytes()
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))
    try:
        for record in some_records(3):
            append_record(tmp_path, record)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert caplog.text.count("records are lost (File too large); training goes on") == 1
    assert (tmp_path / METRICS).read_bytes() == whole


def test_a_run_from_before_there_were_checkpoints_is_read(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIGURED)
    values = json.loads((tmp_path / CONFIG).read_text())
    for key in ("checkpoint_every", "keep_checkpoints", "deterministic"):
        del values["train_config"][key]
    (tmp_path / CONFIG).write_text(json.dumps(values))
    assert read_config(tmp_path) == replace(
        CONFIGURED, train_config=TrainConfig(steps=7, seed=3, checkpoint_every=0.0)
    )


def test_a_run_from_before_there_were_labels_is_read(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIGURED)
    values = json.loads((tmp_path / CONFIG).read_text())
    del values["scene"]["num_labels"]
    (tmp_path / CONFIG).write_text(json.dumps(values))
    assert read_config(tmp_path) == replace(CONFIGURED, scene=replace(FORWARD, num_labels=0))


def test_a_place_where_no_folder_can_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(InputError, match=r"run: cannot be written \(Read-only file system\)"):
        empty_folder(tmp_path / "run", tmp_path)
    with pytest.raises(InputError, match=r"1: cannot be written \(Read-only file system\)"):
        empty_folder(None, tmp_path)


def test_a_folder_that_holds_anything_is_never_used(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match="exists and is not empty"):
        empty_folder(tmp_path, tmp_path)
    with pytest.raises(InputError, match="exists and is not empty"):
        empty_folder(tmp_path / "photo.jpg", tmp_path)
    assert empty_folder(tmp_path / "new" / "run", tmp_path).is_dir()
    assert empty_folder(tmp_path / "new" / "run", tmp_path).is_dir()


def test_default_folders_are_numbered(tmp_path: Path) -> None:
    assert [empty_folder(None, tmp_path / "a").name for _ in range(3)] == ["1", "2", "3"]


def test_runs_go_by_capture_and_method(tmp_path: Path) -> None:
    capture = tmp_path / "my.fox"
    capture.mkdir()
    (capture / "transforms.json").touch()
    assert default_parent(capture, "nerf") == Path("outputs/my.fox/nerf")
    assert default_parent(capture / "transforms.json", "ideas/haze_nerf.py") == Path(
        "outputs/my.fox/haze_nerf"
    )


def test_weights_of_another_method_are_refused_by_name(tmp_path: Path) -> None:
    save_weights(tmp_path, torch.nn.Linear(3, 2))
    other = torch.nn.Sequential(torch.nn.Linear(3, 4))
    with pytest.raises(InputError, match=r'Missing key.*"0.weight".*Unexpected key.*"bias"'):
        load_weights(tmp_path, other)


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all"])
def test_broken_weights_are_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(InputError, match=r"weights.safetensors: cannot be read"):
        load_weights(tmp_path, torch.nn.Linear(3, 2))
