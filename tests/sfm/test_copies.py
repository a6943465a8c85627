import os
import sys

import numpy as np
import pytest
from PIL import Image

from rayloom.errors import InputError
from rayloom.sfm.copies import readable
from rayloom.sfm.exif import camera_tags
from tests.sfm.pictures import camera_exif, noise_picture, save_photo, write_dng

PIXELS = noise_picture()


def write_heic(path, pixels, exif=None):
    pillow_heif = pytest.importorskip("pillow_heif")
    options = {"exif": exif.tobytes()} if exif else {}
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(path, quality=-1, chroma=444, **options)
    return path


@pytest.mark.parametrize("ending", [".jpg", ".JPEG", ".png", ".tif", ".bmp"])
def test_what_all_programs_read_is_not_copied(tmp_path, ending):
    photo = tmp_path / f"a{ending}"
    Image.fromarray(PIXELS).save(photo)
    assert readable(photo, tmp_path / "copies") == photo
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize(("name", "options"), [("a.webp", {"lossless": True}), ("a.jpg", {"format": "PNG"})])
def test_a_copy_is_lossless_where_the_photo_is(tmp_path, name, options):
    photo = save_photo(tmp_path / name, PIXELS, camera_exif(FocalLengthIn35mmFilm=35), **options)
    copy = readable(photo, tmp_path / "copies")
    assert copy.parent == tmp_path / "copies"
    with Image.open(copy) as picture, Image.open(photo) as original:
        assert np.array_equal(np.asarray(picture), PIXELS)
        assert len(camera_tags(original)) == 3
        assert camera_tags(picture) == camera_tags(original)


def test_a_copy_is_upright(tmp_path):
    photo = save_photo(tmp_path / "a.webp", PIXELS, camera_exif(orientation=6), lossless=True)
    with Image.open(readable(photo, tmp_path / "copies")) as picture:
        assert np.array_equal(np.asarray(picture), np.rot90(PIXELS, -1))


def test_copies_are_made_once_and_again_for_a_newer_photo(tmp_path):
    photo = save_photo(tmp_path / "a.webp", PIXELS)
    copy = readable(photo, tmp_path / "copies")
    os.utime(photo, (1, 1))
    made = copy.stat().st_mtime_ns
    assert readable(photo, tmp_path / "copies") == copy
    assert copy.stat().st_mtime_ns == made
    save_photo(photo, PIXELS[:32])
    later = copy.stat().st_mtime + 10
    os.utime(photo, (later, later))
    with Image.open(readable(photo, tmp_path / "copies")) as picture:
        assert picture.size == (96, 32)


@pytest.mark.parametrize("name", ["a.heic", "a.jpg"])
def test_heic_is_decoded_upright_whatever_its_ending(tmp_path, name):
    exif = camera_exif(orientation=6, FocalLengthIn35mmFilm=26)
    smooth = np.tile(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], (64, 1, 3))
    photo = write_heic(tmp_path / "a.heic", smooth, exif).rename(tmp_path / name)
    with Image.open(readable(photo, tmp_path / "copies")) as picture:
        assert picture.format == "JPEG"
        assert len(camera_tags(picture)) == 3
        shown = np.asarray(picture).astype(int)
    # Turned by a quarter clockwise, what went from left to right goes from top to bottom.
    assert np.abs(shown - np.rot90(smooth, -1)).mean() < 3


def test_raw_is_developed_upright_with_its_camera(tmp_path):
    levels = np.tile(np.linspace(2000, 60_000, 64).astype(int), (48, 1))
    photo = write_dng(tmp_path / "a.dng", levels, flip=6)
    pytest.importorskip("rawpy")
    with Image.open(readable(photo, tmp_path / "copies")) as picture:
        assert picture.size == (48, 64)
        assert sorted(map(str, camera_tags(picture).values())) == ["36", "Acme", "Rawbox"]
        rows = np.asarray(picture).mean((1, 2))
    assert (np.diff(rows[2:-2]) > 0).all()


def test_photos_of_one_exposure_keep_their_brightness(tmp_path):
    pytest.importorskip("rawpy")
    means = []
    for name, level in (("dark", 5000), ("bright", 40_000)):
        photo = write_dng(tmp_path / f"{name}.dng", np.full((48, 64), level))
        with Image.open(readable(photo, tmp_path / "copies")) as picture:
            means.append(np.asarray(picture).mean())
    assert means[1] > means[0] + 50


@pytest.mark.parametrize(("package", "extra"), [("pillow_heif", "heic"), ("rawpy", "raw")])
def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch, package, extra):
    photo = write_dng(tmp_path / "a.dng", np.zeros((48, 64), int))
    if extra == "heic":
        photo = write_heic(tmp_path / "a.heic", PIXELS)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"pip install rayloom\[{extra}\]"):
        readable(photo, tmp_path / "copies")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("name", ["a.heic", "a.dng", "a.webp", "a.jpg"])
def test_a_cut_file_is_an_input_error_or_a_picture(tmp_path, name, share):
    photo = tmp_path / name
    if name == "a.heic":
        write_heic(photo, PIXELS)
    elif name == "a.dng":
        write_dng(photo, np.full((48, 64), 9000))
    else:
        save_photo(photo, PIXELS)
    content = photo.read_bytes()
    photo.write_bytes(content[: int(share * len(content))])
    try:
        assert readable(photo, tmp_path / "copies").is_file()
    except InputError as error:
        assert str(error).startswith(str(photo))  # noqa: PT017  Either outcome is right.


@pytest.mark.parametrize("name", ["a.heic", "a.dng", "a.png"])
@pytest.mark.parametrize("content", [b"", b"not a picture", bytes(4000), b"\0\0\0\x18ftypheic" + bytes(99)])
def test_what_is_no_picture_is_an_input_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        readable(tmp_path / name, tmp_path / "copies")
    assert not list(tmp_path.glob("copies/*"))


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    heic = write_heic(tmp_path / "a.heic", PIXELS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for photo in (heic, write_dng(tmp_path / "a.dng", np.zeros((48, 64), int))):
        with pytest.raises(InputError, match="too many pixels"):
            readable(photo, tmp_path / "copies")
