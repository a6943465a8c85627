import os
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Frame
from rayloom.data.pixels.decoding import decode, read_header
from rayloom.errors import InputError
from rayloom.sfm.photos import find_photos
from tests.sfm.pictures import camera_exif, noise_picture, save_photo, write_dng


@pytest.fixture
def folder(tmp_path):
    """Two good photos, to which a test adds what is wrong."""
    path = tmp_path / "photos"
    path.mkdir()
    for i in (1, 2):
        save_photo(path / f"good_{i}.png", noise_picture(i))
    return path


def found(folder):
    photos, notes = find_photos(folder, folder.parent / "copies")
    return [photo.name for photo in photos], notes


def test_photos_come_by_name_with_what_they_say(tmp_path):
    pixels = noise_picture()
    save_photo(tmp_path / "b.jpg", pixels[::-1], camera_exif(FocalLengthIn35mmFilm=36), quality=95)
    save_photo(tmp_path / "a.PNG", pixels)
    photos, notes = find_photos(tmp_path, tmp_path / "copies")
    assert notes == []
    assert [photo.name for photo in photos] == ["a.PNG", "b.jpg"]
    assert [photo.path for photo in photos] == [tmp_path / "a.PNG", tmp_path / "b.jpg"]
    assert {(photo.width, photo.height) for photo in photos} == {(96, 64)}
    assert [photo.focal_px for photo in photos] == [None, pytest.approx(96.0)]
    assert [photo.camera_key for photo in photos] == ["96 x 64", "Acme, Box 1, 36 mm, 96 x 64"]
    assert all(photo.sharpness > 100 and photo.texture == 1 for photo in photos)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_pixels_are_those_that_training_sees(tmp_path, orientation):
    pixels = noise_picture()
    save_photo(tmp_path / "a.png", pixels, camera_exif(orientation=orientation))
    (photo,), _ = find_photos(tmp_path, tmp_path / "copies")
    assert (photo.width, photo.height) == (96, 64)
    camera = Intrinsics(CameraModel.PINHOLE, photo.width, photo.height, 90.0, 90.0, 48.0, 32.0)
    frame = Frame(photo.name, photo.path, camera, np.eye(3, 4))
    assert np.array_equal(decode(frame, read_header(frame)), pixels)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.jpg", b"", "not a readable picture"),
        ("text.png", b"hello", "not a readable picture"),
        ("cut.png", None, "cannot be decoded"),
        ("cut.jpg", None, "cannot be decoded"),
        ("bad.heic", b"\0\0\0\x18ftypheic" + bytes(99), "cannot be decoded"),
        ("bad.nef", bytes(99), "cannot be decoded"),
    ],
)
def test_a_file_that_is_no_whole_picture_is_left_out_with_a_note(folder, name, content, says):
    if content is None:
        save_photo(folder / name, noise_picture(3))
        content = (folder / name).read_bytes()[:-2000]
    (folder / name).write_bytes(content)
    names, notes = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    (note,) = notes
    assert note.startswith(f"Left out {name}: ")
    assert says in note
    assert str(folder) not in note


def test_the_same_pixels_twice_are_one_photo(folder):
    (folder / "same_bytes.png").write_bytes((folder / "good_1.png").read_bytes())
    save_photo(folder / "same_pixels.bmp", noise_picture(2))
    names, notes = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    assert notes == [
        "Left out same_bytes.png: it has the same pixels as good_1.png.",
        "Left out same_pixels.bmp: it has the same pixels as good_2.png.",
    ]


def test_a_shot_that_is_there_as_raw_and_as_picture_is_used_once(folder):
    write_dng(folder / "good_1.dng", np.full((48, 64), 9000))
    save_photo(folder / "good_2.webp", noise_picture(5))
    names, notes = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    assert notes == [
        "Left out good_1.dng: it is the same shot as good_1.png.",
        "Left out good_2.webp: it has the same name as good_2.png.",
    ]


def test_links_may_lead_to_photos_of_the_folder_only(folder):
    save_photo(folder.parent / "private.png", noise_picture(7))
    (folder / "private.png").symlink_to(folder.parent / "private.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "good_3.png").symlink_to(folder / "good_1.png")
    os.mkfifo(folder / "pipe.png")
    names, notes = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    said = "\n".join(notes)
    for part in ("private.png: a link that leads out", "gone.png: no ordinary file", "pipe.png: no ordinary"):
        assert part in said
    assert "good_3.png: it has the same pixels" in said


def test_a_folder_may_itself_be_a_link(folder):
    (folder.parent / "link").symlink_to(folder)
    assert found(folder.parent / "link") == (["good_1.png", "good_2.png"], [])


def test_other_files_are_counted_and_hidden_ones_and_folders_passed_over(folder):
    (folder / "notes.txt").write_text("x")
    (folder / "clip.mov").write_bytes(b"x")
    (folder / "._good_1.png").write_bytes(b"x")
    (folder / "more.png").mkdir()
    names, notes = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    assert notes == ["Files that are no photos: 2 (clip.mov, notes.txt)."]


@pytest.mark.parametrize("name", ["<script>alert(1)<script>'\".png", "été 日本 👩‍👧.png", "a b.png"])
def test_any_text_may_be_a_name(folder, name):
    save_photo(folder / name, noise_picture(9))
    assert name in found(folder)[0]


@pytest.mark.parametrize("name", [b"line\nbreak.png", b"\xff\xfe.png"])
def test_a_name_that_is_no_text_is_left_out(folder, name):
    path = os.fsdecode(os.path.join(os.fsencode(folder), name))
    Image.fromarray(noise_picture(9)).save(path)
    names, (note,) = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    assert note.isprintable()
    assert "its name cannot be written" in note


def test_bombs_are_left_out(folder, monkeypatch):
    save_photo(folder / "bomb.png", noise_picture(4, width=960, height=640))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 64)
    names, (note,) = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    assert note.startswith("Left out bomb.png: too many pixels")


def test_without_the_extra_a_note_says_what_to_install(folder, monkeypatch):
    write_dng(folder / "raw.dng", np.zeros((48, 64), int))
    monkeypatch.setitem(sys.modules, "rawpy", None)
    names, (note,) = found(folder)
    assert names == ["good_1.png", "good_2.png"]
    assert note == "Left out raw.dng: a RAW picture, which takes `pip install rayloom[raw]` to read."


def test_a_folder_without_usable_photos_says_what_is_in_it(tmp_path):
    with pytest.raises(InputError, match=r"no usable photos; .* The folder is empty\."):
        find_photos(tmp_path, tmp_path / "copies")
    for i in range(5):
        (tmp_path / f"{i}.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match=r"Left out 0\.jpg: not a readable picture.* \.\.\."):
        find_photos(tmp_path, tmp_path / "copies")
    with pytest.raises(InputError, match="no such folder"):
        find_photos(tmp_path / "missing", tmp_path / "copies")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_a_note_or_harmless(folder, data):
    ending = data.draw(st.sampled_from([".png", ".jpg", ".webp", ".tif", ".bmp"]))
    whole = save_photo(folder / f"hurt{ending}", noise_picture(5, 24, 16)).read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=8))
    (folder / f"hurt{ending}").write_bytes(whole[:place] + damage + whole[place + len(damage) :])
    names, notes = found(folder)
    assert names[:2] == ["good_1.png", "good_2.png"]
    assert len(names) + len(notes) == 3
    (folder / f"hurt{ending}").unlink()
