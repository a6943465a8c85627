import math
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IFDRational

from rayloom.sfm.exif import camera_key, camera_tags, focal_px, to_exif
from tests.sfm.pictures import camera_exif


def tags(**named):
    return {int(Base[name]): value for name, value in named.items()}


def test_a_full_frame_camera_has_36_mm_across():
    assert focal_px(tags(FocalLengthIn35mmFilm=36), 3000, 2000) == pytest.approx(3000)


@given(st.integers(10, 200), st.integers(100, 9000), st.integers(100, 9000))
def test_equivalent_focal_length_keeps_the_diagonal_field_of_view(equivalent_mm, width, height):
    found = focal_px(tags(FocalLengthIn35mmFilm=equivalent_mm), width, height)
    if found is not None:
        angle = math.atan(math.hypot(width, height) / 2 / found)
        assert angle == pytest.approx(math.atan(math.hypot(36, 24) / 2 / equivalent_mm))


@pytest.mark.parametrize(
    ("unit", "per_unit"), [(2, 2540.0), (3, 1000.0), (4, 100.0), (5, 0.1), (None, 2540.0)]
)
def test_the_pitch_of_pixels_gives_the_focal_length_in_any_unit(unit, per_unit):
    named = dict(FocalLength=50.0, FocalPlaneXResolution=per_unit, ExifImageWidth=4000, ExifImageHeight=3000)
    named |= {} if unit is None else {"FocalPlaneResolutionUnit": unit}
    assert focal_px(tags(**named), 4000, 3000) == pytest.approx(5000)
    assert focal_px(tags(**named), 1000, 750) == pytest.approx(1250), "the photo was made smaller"
    assert focal_px(tags(**named), 750, 1000) == pytest.approx(1250), "and turned"


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"FocalLength": 50.0},
        {"FocalLengthIn35mmFilm": 0},
        {"FocalLengthIn35mmFilm": 60_000},
        {"FocalLengthIn35mmFilm": "wide"},
        {"FocalLengthIn35mmFilm": (35, 50)},
        {"FocalLengthIn35mmFilm": IFDRational(1, 0)},
        {"FocalLength": 50.0, "FocalPlaneXResolution": 100.0, "FocalPlaneResolutionUnit": 9},
        {"FocalLength": 50.0, "FocalPlaneXResolution": 100.0, "FocalPlaneResolutionUnit": (2, 3)},
        {"FocalLength": 50.0, "FocalPlaneXResolution": float("nan")},
    ],
)
def test_what_is_missing_or_nonsense_gives_no_focal_length(named):
    assert focal_px(tags(**named), 1000, 750) is None


def test_photos_share_a_camera_if_all_that_matters_is_alike():
    camera = dict(Make="Acme", Model="Box", LensModel="35/2", FocalLength=IFDRational(35, 1))
    key = camera_key(tags(**camera), 300, 200)
    assert key == "Acme, Box, 35/2, 35 mm, 300 x 200"
    assert camera_key(tags(**camera, FocalLengthIn35mmFilm=50), 300, 200) == key
    assert camera_key(tags(**camera), 200, 300) != key
    assert camera_key(tags(**camera | {"FocalLength": 36.0}), 300, 200) != key
    assert camera_key({}, 300, 200) == "300 x 200"


def test_hostile_words_become_one_short_line():
    key = camera_key(tags(Make="A\0\n\x1b[31m" + "B" * 1000, Model=7, LensModel=b"raw"), 3, 2)
    assert key.isprintable()
    assert len(key) < 80


def test_tags_come_back_from_a_file_with_what_matters_and_nothing_else():
    exif = camera_exif(orientation=6, LensModel="35/2", FocalLengthIn35mmFilm=35)
    exif[IFD.GPSInfo] = {1: "N"}
    expected = tags(Make="Acme", Model="Box 1", LensModel="35/2", FocalLengthIn35mmFilm=35)
    pixels = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
    for picture_format in ("JPEG", "PNG"):
        first, second = BytesIO(), BytesIO()
        pixels.save(first, picture_format, exif=exif)
        with Image.open(first) as picture:
            assert camera_tags(picture) == expected
            pixels.save(second, picture_format, exif=to_exif(camera_tags(picture)))
        with Image.open(second) as copy:
            assert camera_tags(copy) == expected
            assert Base.Orientation not in copy.getexif(), "copies are upright"
            assert IFD.GPSInfo not in copy.getexif(), "where a photo was taken is nobody's business"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@given(st.binary(max_size=200), st.booleans())
def test_damaged_exif_is_none(noise, is_tiff):
    file = BytesIO()
    exif = b"Exif\0\0" + (b"II*\0\x08\0\0\0" if is_tiff else b"") + noise
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(file, "JPEG", exif=exif)
    with Image.open(file) as picture:
        focal_px(camera_tags(picture), 6, 4)
        assert camera_key(camera_tags(picture), 6, 4).endswith("6 x 4")
