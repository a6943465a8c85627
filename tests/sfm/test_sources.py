from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayloom.errors import InputError
from rayloom.sfm.photos import Photo
from rayloom.sfm.sources import find_masks, is_bare, lay_out, lay_out_masks, photo_folder


def photo(path: Path, colour: int = 0) -> Photo:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (colour, 0, 0)).save(path)
    return Photo(path.name, path, 6, 4, None, "one", 1.0, 1.0)


@pytest.mark.parametrize("place", ["", "images/", "input/"])
def test_a_folder_of_photos_is_bare_until_something_tells_of_cameras(tmp_path: Path, place: str) -> None:
    assert not is_bare(tmp_path)
    photo(tmp_path / f"{place}a.PNG")
    assert is_bare(tmp_path)
    assert photo_folder(tmp_path) == tmp_path / place
    for name in (
        "transforms.json",
        "transforms_val.json",
        "poses_bounds.npy",
        "precomputed.json",
        "a.npz",
        "sparse/0/cameras.bin",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        assert not is_bare(tmp_path)
        (tmp_path / name).unlink()


def test_a_video_is_bare_and_a_file_of_a_capture_is_not(tmp_path: Path) -> None:
    for name, expected in (("clip.MP4", True), ("transforms.json", False), ("notes.txt", False)):
        (tmp_path / name).touch()
        assert is_bare(tmp_path / name) == expected
    assert not is_bare(tmp_path / "missing.mp4")


def test_names_are_fit_for_lists_and_a_second_call_changes_nothing(tmp_path: Path) -> None:
    photos = [photo(tmp_path / "p" / name, colour=i) for i, name in enumerate(("b c.png", "ä.PNG"))]
    for _ in range(2):
        assert lay_out(photos, tmp_path / "flat") == ["000000.png", "000001.png"]
    for original, name in zip(photos, ("000000.png", "000001.png"), strict=True):
        assert (tmp_path / "flat" / name).read_bytes() == original.path.read_bytes()
    assert len(list((tmp_path / "flat").iterdir())) == 2


def test_photos_are_copied_where_the_disk_cannot_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr("os.link", refuse)
    original = photo(tmp_path / "a.png")
    lay_out([original], tmp_path / "flat")
    assert (tmp_path / "flat" / "000000.png").read_bytes() == original.path.read_bytes()


@pytest.mark.parametrize("place", ["photos/masks", "masks"])
def test_masks_are_found_within_the_photos_and_beside_them(tmp_path: Path, place: str) -> None:
    photos = [photo(tmp_path / "photos" / name) for name in ("a.png", "b.png")]
    photo(tmp_path / place / "b.png.png")
    assert find_masks(tmp_path / "photos", photos) == [None, tmp_path / place / "b.png.png"]


def test_dark_pixels_of_any_mask_become_black_ones_of_the_size_of_the_photo(tmp_path: Path) -> None:
    photos = [photo(tmp_path / name) for name in ("a.png", "b.png")]
    levels = np.zeros((8, 12), np.uint8)
    levels[:, :6], levels[:, 6:] = 90, 200
    Image.fromarray(levels).save(tmp_path / "mask.png")
    names = ["0.png", "1.png"]
    folder = lay_out_masks(photos, [None, tmp_path / "mask.png"], names, tmp_path / "masks")
    assert folder == tmp_path / "masks"
    assert folder is not None
    # A photo without a mask has a white one, or COLMAP would not look at it.
    assert np.asarray(Image.open(folder / "0.png.png")).tolist() == [[255] * 6] * 4
    written = np.asarray(Image.open(folder / "1.png.png"))
    np.testing.assert_array_equal(written, np.tile([0, 0, 0, 255, 255, 255], (4, 1)))


def test_without_masks_there_is_no_folder_and_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    photos = [photo(tmp_path / "a.png")]
    assert lay_out_masks(photos, [None], ["0.png"], tmp_path / "masks") is None
    Image.new("L", (5, 5)).save(tmp_path / "square.png")
    with pytest.raises(InputError, match="does not fit"):
        lay_out_masks(photos, [tmp_path / "square.png"], ["0.png"], tmp_path / "masks")
