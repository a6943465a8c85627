"""What rayloom writes and reads again, and others may have sent: runs, checkpoints, reports, camera paths."""

import hashlib
import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from rayloom.baking.bake import Voxels
from rayloom.baking.blocks import Blocks
from rayloom.baking.files import page, page_bytes, read_page, write_page
from rayloom.baking.letters import bytes_from_letters, letters_from_bytes
from rayloom.baking.shading import Shading
from rayloom.cameras.path_files import read_camera_path
from rayloom.kernels.voxels import DensityScale, VoxelSpace
from rayloom.sfm.report import REPORT, read_report, write_report
from rayloom.training.checkpoints import FOLDER, STATE, SUMS, TENSORS, Checkpoints
from rayloom.training.records import Record
from rayloom.training.runs import (
    CONFIG,
    METRICS,
    WEIGHTS,
    append_record,
    read_config,
    read_records,
    write_config,
)
from rayloom.training.weights import load_weights, save_weights
from rayloom.viewing.path_draft import load_path
from tests.baking.shining_ball import SCENES, origin_of
from tests.fuzzing.law import Target, file_target
from tests.fuzzing.mutations import BINARY, JSON, Mutation, mutated, with_numbers, with_values
from tests.sfm.reports import good_report
from tests.training.test_runs import CONFIGURED

RECORD = Record(3, 1.5, 0.1, 0.02, 17.0, 1e5, 300.0)
SLOW = 0.1
NOTHING = (np.zeros((0, 3, 4)), np.zeros((0, 3)), np.zeros((0, 3), np.uint8))


def run_targets(folder: Path) -> Iterator[Target]:
    """Every file of a run, of its last checkpoint, and what else the toolkit has written."""
    folder.mkdir(exist_ok=True)
    write_config(folder, CONFIGURED)
    yield file_target(CONFIG, folder / CONFIG, JSON, partial(read_config, folder))
    for step in (1, 2):
        append_record(folder, Record(**asdict(RECORD) | {"step": step}))
    yield file_target(METRICS, folder / METRICS, BINARY, partial(read_records, folder))
    method = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    save_weights(folder, method)
    yield _tensors(WEIGHTS, folder / WEIGHTS, partial(load_weights, folder, method))
    yield from _checkpoint(folder)
    write_report(good_report(), *NOTHING, folder)
    yield file_target(REPORT, folder / REPORT, JSON, partial(read_report, folder))
    path = folder / "path.json"
    path.write_text(json.dumps(_camera_path()))
    yield file_target(
        "camera path", path, JSON, partial(read_camera_path, path, np.eye(4), near=0.1, far=9.0)
    )
    yield file_target("camera path to edit", path, JSON, partial(load_path, path, np.eye(4)))


def tiny_voxels() -> Voxels:
    """A baked scene of a few blocks of noise."""
    rng = np.random.default_rng(0)
    blocks = Blocks.of(torch.from_numpy(rng.random((2, 2, 3)) < 0.4))
    values = rng.integers(0, 256, (len(blocks), 8, 8, 8, 12), dtype=np.uint8)
    values[rng.random(values.shape[:-1]) < 0.9] = 0
    basis = torch.from_numpy(rng.normal(size=(8, 3, 15)).astype(np.float32))
    return Voxels(
        space=VoxelSpace((-1.0, -1.0, -1.0), 0.125, (2, 2, 3), contracted=False),
        scale=DensityScale(),
        blocks=blocks,
        values=torch.from_numpy(values),
        shading=Shading(basis, torch.zeros(8), torch.ones(8)),
    )


def page_targets(folder: Path) -> Iterator[Target]:
    """A web page: as a file, by its description of the scene, and by the voxels before they are packed."""
    folder.mkdir(exist_ok=True)
    voxels, origin = tiny_voxels(), origin_of(SCENES["object"])
    # Without the viewer, which nobody reads in Python.
    text = page(voxels, origin, "ball").rpartition("<script>")[0]
    begin, end = (text.index(mark) + len(mark) for mark in ('type="application/json">', 'type="text/plain">'))
    described, letters = (
        text[begin : text.index("</script>", begin)],
        text[end : text.index("</script>", end)],
    )
    data = bytes_from_letters(letters, json.loads(described)["num_bytes"])
    file = folder / "scene.html"
    write_page(text, file)
    read = partial(read_page, file)
    yield replace(file_target("web page", file, BINARY, read), share=SLOW)

    def write(description: str, content: bytes) -> None:
        told = description.replace(f'"num_bytes": {len(data)}', f'"num_bytes": {len(content)}')
        whole = text.replace(described, told).replace(letters, letters_from_bytes(content))
        file.write_bytes(page_bytes(whole))

    def spoil_description(chance: random.Random) -> None:
        write(with_values(described.encode(), chance).decode(), data)

    def spoil_voxels(chance: random.Random) -> None:
        raw = zlib.decompress(data)
        level = chance.choice([0, 9])
        write(
            described,
            zlib.compress(chance.choice([mutated, with_numbers])(raw[:300], chance) + raw[300:], level),
        )

    yield Target("web page's description", spoil_description, read, share=SLOW)
    yield Target("web page's voxels", spoil_voxels, read, share=SLOW)


def _tensors(name: str, file: Path, read: Callable[[], object]) -> Target:
    """Safetensors, spoilt in the header that says what the rest is."""
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")

    def spoil(chance: random.Random) -> None:
        if chance.random() < 0.5:
            header = with_values(content[8 : 8 + length], chance)
            file.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
        else:
            start = chance.choice([mutated, with_numbers])(content[: 8 + length], chance)
            file.write_bytes(start + content[8 + length :])

    return Target(name, spoil, read)


def _checkpoint(folder: Path) -> Iterator[Target]:
    """A checkpoint with right checksums: they are proof against accidents, not against strangers."""
    checkpoints = Checkpoints(folder, 2)
    state = {"weights": {"a": torch.ones(3)}, "list": [1, None, ("b", 2.0)], "numbers": np.arange(4)}
    checkpoints.save(state, 7, 0.5)
    place = folder / FOLDER / "step-000000007"
    whole = {name: (place / name).read_bytes() for name in (STATE, TENSORS)}

    def spoil(spoilt: str, mutations: tuple[Mutation, ...], chance: random.Random) -> None:
        content = {**whole, spoilt: chance.choice(mutations)(whole[spoilt], chance)}
        sums = "".join(f"{hashlib.sha256(content[name]).hexdigest()}  {name}\n" for name in (TENSORS, STATE))
        for name, data in {**content, SUMS: sums.encode()}.items():
            (place / name).write_bytes(data)

    def read() -> None:
        assert checkpoints.newest() is not None

    yield Target(f"checkpoint's {STATE}", partial(spoil, STATE, tuple(JSON)), read)
    yield Target(f"checkpoint's {TENSORS}", partial(spoil, TENSORS, tuple(BINARY)), read)


def _camera_path() -> dict[str, object]:
    """A path with keyframes, as the viewer of nerfstudio writes it."""
    matrix = np.eye(4).ravel().tolist()
    frame = {"camera_to_world": matrix, "fov": 60.0, "aspect": 1.5, "render_time": 0.5}
    key = {"matrix": matrix, "fov": 60.0, "aspect": 1.5, "override_transition_enabled": False}
    return {
        "camera_type": "perspective",
        "render_width": 60,
        "render_height": 40,
        "fps": 24,
        "seconds": 0.1,
        "is_cycle": True,
        "smoothness_value": 0.0,
        "default_transition_sec": 2.0,
        "default_fov": 60.0,
        "keyframes": [key, {**key, "fov": 50.0}, key],
        "camera_path": [frame, frame],
    }
