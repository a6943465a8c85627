"""Paths in the files of strangers lead nowhere but into their own folder, whatever links lie there."""

import json
import os
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.sfm.photos import find_photos
from tests.data.small_captures import PINHOLE, small_capture
from tests.fuzzing.law import Target, attack

CASES = 300
PARTS = (
    *(
        "..",
        ".",
        "",
        "images",
        "image_0000.png",
        "image_0001",
        "out.png",
        "outside",
        "loop",
        "back",
        "\\..\\",
    ),
    *("pipe.png", "folder.png", "~", "$HOME", "%2e%2e", "..\u2044", "C:", "\0", "\n", "\x1b[2J", "a" * 300),
)
"""Of paths; some lead on, some away, and some nowhere."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A capture full of traps: links away or to themselves, a pipe, and a folder called like a photo."""
    folder = tmp_path / "capture"
    write_capture(small_capture(PINHOLE, num_images=2), folder, "transforms")
    Image.new("RGB", (24, 16)).save(tmp_path / "secret.png")
    shutil.copy(folder / "sparse_points.ply", tmp_path / "secret.ply")
    for place in (folder, folder / "images"):
        (place / "out.png").symlink_to(tmp_path / "secret.png")
        (place / "outside").symlink_to(tmp_path)
        (place / "back").symlink_to(folder)
        (place / "loop").symlink_to(place / "loop")
        (place / "folder.png").mkdir()
        os.mkfifo(place / "pipe.png")
    return folder


def hostile_path(root: Path, chance: random.Random) -> str:
    parts = [chance.choice(PARTS) for _ in range(chance.randint(1, 5))]
    start = chance.choice(
        ["", "", "images/", "back/images/", "/", f"{root}/", f"{root.parent}/", "images/../"]
    )
    return start + "/".join(
        [*parts, chance.choice(["", "image_0001.png", "secret.png", "secret.ply", "secret"])]
    )


def spoil(root: Path, chance: random.Random) -> None:
    file = root / "transforms.json"
    content = json.loads(file.read_text())
    frame = content["frames"][1]
    for field in ("file_path", "mask_path", "depth_file_path"):
        frame.pop(field, None)
    frame["file_path"] = "images/image_0001.png"
    content["ply_file_path"] = "sparse_points.ply"
    field = chance.choice(["file_path", "file_path", "mask_path", "depth_file_path", "ply_file_path"])
    (content if field == "ply_file_path" else frame)[field] = hostile_path(root, chance)
    file.write_text(json.dumps(content))


def read_below(root: Path) -> None:
    """Read the capture, and make sure that all it names lies below its folder."""
    for frame in read_capture(root, DataConfig()).frames:
        for path in (frame.image, frame.ignore_mask, frame.depth):
            if isinstance(path, Path):
                assert Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)), path


def test_paths_of_a_transforms_json_stay_below_it(root: Path) -> None:
    refused = attack(Target("paths", partial(spoil, root), partial(read_below, root)), CASES)
    assert CASES / 2 < refused < CASES


@pytest.mark.parametrize("field", ["file_path", "mask_path", "depth_file_path", "ply_file_path"])
def test_what_a_link_hides_outside_is_not_read(root: Path, field: str) -> None:
    content = json.loads((root / "transforms.json").read_text())
    name = "secret.ply" if field == "ply_file_path" else "secret.png"
    (content if field == "ply_file_path" else content["frames"][1])[field] = f"back/images/outside/{name}"
    (root / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="leaves the capture folder"):
        read_capture(root, DataConfig())


def test_names_in_a_model_of_colmap_stay_below_it(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_capture(small_capture(num_images=2), root, "colmap-text")
    Image.new("RGB", (24, 16)).save(tmp_path / "secret.png")
    (root / "images" / "outside").symlink_to(tmp_path)
    file = root / "sparse" / "0" / "images.txt"
    text = file.read_text()
    assert "image_0001.png" in text

    def spoil_name(chance: random.Random) -> None:
        # A name ends with its line.
        name = "_".join(hostile_path(root, chance).split())
        file.write_text(text.replace("image_0001.png", name), encoding="utf-8", errors="replace")

    attack(Target("names of COLMAP", spoil_name, partial(read_below, root)), CASES)


def links(folder: Path, away: Path) -> dict[str, Callable[[], None]]:
    """Ways in which a file that looks like a photo is none."""
    return {
        "link away": lambda: (folder / "a.png").symlink_to(away),
        "link to itself": lambda: (folder / "a.png").symlink_to(folder / "a.png"),
        "link to nothing": lambda: (folder / "a.png").symlink_to(folder / "nothing.png"),
        "link to an endless file": lambda: (folder / "a.png").symlink_to("/dev/zero"),
        "pipe": lambda: os.mkfifo(folder / "a.png"),
        "folder": (folder / "a.png").mkdir,
    }


@pytest.mark.parametrize("kind", links(Path(), Path()))
def test_photos_that_are_none_are_left_out(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.effect_noise((24, 16), 50).save(folder / "b.png")
    Image.new("RGB", (24, 16)).save(tmp_path / "secret.png")
    links(folder, tmp_path / "secret.png")[kind]()
    photos, _ = find_photos(folder, tmp_path / "copies")
    assert [photo.name for photo in photos] == ["b.png"]
