import numpy as np
import pytest
from PIL import Image

from rayloom.data.capture import Frame
from rayloom.data.pixels.decoding import decode, decode_grey, read_header
from rayloom.errors import InputError
from tests.data.camera_rings import pinhole, ring_poses


def frame_of(path, camera=None):
    return Frame("image", path, camera or pinhole(), ring_poses(1)[0])


def decoded(path):
    frame = frame_of(path)
    return decode(frame, read_header(frame))


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 40), (10, 20, 30, 40)),
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 5), (77, 77, 77, 5)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 257 * 9, (9, 9, 9)),
    ],
)
def test_every_kind_of_pixel_becomes_eight_bit_colour(tmp_path, mode, colour, expected):
    path = tmp_path / "picture.png"
    Image.new(mode, (3, 2), colour).save(path)
    assert decoded(path).tolist() == [[list(expected)] * 3] * 2


def test_a_palette_keeps_its_transparent_colour(tmp_path):
    picture = Image.new("P", (2, 1), 1)
    picture.putpalette([9, 8, 7, 1, 2, 3])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "palette.png", transparency=0)
    assert decoded(tmp_path / "palette.png").tolist() == [[[9, 8, 7, 0], [1, 2, 3, 255]]]


def test_floating_point_pictures_are_refused(tmp_path):
    Image.new("F", (2, 2), 0.5).save(tmp_path / "float.tiff")
    with pytest.raises(InputError, match=r"float\.tiff: pixels are floating-point"):
        decoded(tmp_path / "float.tiff")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.02, 0.6])
def test_a_truncated_picture_is_an_error_that_names_the_file(tmp_path, suffix, share):
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"cut\.{suffix}: cannot be decoded"):
        decoded(path)


def test_a_missing_picture_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"gone\.png: the file is missing"):
        decoded(tmp_path / "gone.png")


def turned_picture(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (16, 12)).save(path, exif=exif)


@pytest.mark.parametrize(("width", "height"), [(16, 12), (12, 16)])
def test_an_exif_turn_is_applied_only_where_the_camera_asks_for_it(tmp_path, width, height):
    turned_picture(tmp_path / "turned.jpg", orientation=6)
    frame = frame_of(tmp_path / "turned.jpg", pinhole(width, height))
    header = read_header(frame)
    assert (header.width, header.height) == (width, height)
    assert decode(frame, header).shape == (height, width, 3)
    assert not header.turn_unclear


def test_an_exif_turn_that_keeps_the_size_is_reported_and_not_applied(tmp_path):
    turned_picture(tmp_path / "turned.jpg", orientation=3)
    header = read_header(frame_of(tmp_path / "turned.jpg"))
    assert header.turn_unclear
    assert not header.turn


def test_grey_pictures_keep_all_their_levels(tmp_path):
    levels = np.array([[0, 1000], [2000, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "depth.png")
    np.testing.assert_array_equal(decode_grey(tmp_path / "depth.png"), levels)
