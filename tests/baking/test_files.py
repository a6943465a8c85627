"""Pages hold their scene whole, and say what is wrong with them."""

import hashlib
from pathlib import Path

import pytest
import torch

from rayloom.baking.bake import Voxels
from rayloom.baking.files import page, read_page, write_page
from rayloom.errors import InputError
from tests.baking.shining_ball import SCENES, baked_scene, baked_voxels, cameras_around, origin_of

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def voxels(tmp_path_factory: pytest.TempPathFactory) -> Voxels:
    return baked_voxels(tmp_path_factory.mktemp("parts"), resolution=32)


@pytest.fixture
def file(voxels: Voxels, tmp_path: Path) -> Path:
    path = tmp_path / "scene.html"
    write_page(page(voxels, origin_of(SCENES["object"]), 'A <ball> & "</script>"'), path)
    return path


def test_a_page_shows_what_was_baked(voxels: Voxels, file: Path) -> None:
    read, rays = read_page(file), cameras_around(2).image_rays(1)
    assert read.origin == origin_of(SCENES["object"])
    torch.testing.assert_close(read.look(rays).rgb, baked_scene(voxels).look(rays).rgb, rtol=0, atol=0)


def test_a_page_names_no_outside_address(file: Path) -> None:
    text = file.read_text(encoding="utf-16")
    assert "default-src 'none'" in text
    assert "://" not in text
    assert "&lt;ball&gt; &amp;" in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id="scene"', 'id="other"', "holds no baked scene"),
        ("rayloom baked scene, version 1", "rayloom baked scene, version 7", "version 7'; expected"),
        ('"stop":', '"stopp":', "description is damaged .*stop"),
        ('type="text/plain">', 'type="text/plain">!', "voxels cannot be read"),
        ('"num_bytes": ', '"num_bytes": 9', "voxels cannot be read"),
    ],
)
def test_damage_is_told(file: Path, old: str, new: str, words: str) -> None:
    file.write_text(file.read_text(encoding="utf-16").replace(old, new), encoding="utf-16")
    with pytest.raises(InputError, match=words):
        read_page(file)


def test_a_changed_letter_is_told(file: Path) -> None:
    text = file.read_text(encoding="utf-16")
    at = text.index('type="text/plain">') + 200
    file.write_text(text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :], encoding="utf-16")
    with pytest.raises(InputError, match=r"voxels cannot be unpacked|bytes of voxels"):
        read_page(file)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.html").write_bytes(b"\xff\xd8\xff\xe0")
    for path in (tmp_path / "photo.html", tmp_path / "nothing.html"):
        with pytest.raises(InputError, match="cannot be read"):
            read_page(path)


def test_the_viewer_was_built_from_its_sources() -> None:
    """`npm run build` in web/ mends it."""
    digest = hashlib.sha256()
    for source in sorted((PROJECT / "web/src").iterdir(), key=lambda path: path.name):
        digest.update(source.read_bytes())
    bundle = (PROJECT / "rayloom/baking/page/viewer.js").read_text(encoding="utf-8")
    assert digest.hexdigest() in bundle.splitlines()[0]
