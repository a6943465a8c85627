from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.pixels.blocks import block_means
from rayloom.data.pixels.images import flat_pixels, load_images
from rayloom.data.pixels.resize import area_resize
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.camera_rings import capture_of, pinhole, ring_poses

MAPPED = DataConfig(pixel_budget_mb=1e-4)


@pytest.fixture
def capture(tmp_path, monkeypatch):
    """Three PNG files, and a user cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    root = tmp_path / "capture"
    root.mkdir()
    made = capture_of(ring_poses(3), root=root)
    frames = []
    for frame in made.frames:
        path = root / f"{frame.name}.png"
        Image.fromarray(np.asarray(frame.image)).save(path)
        frames.append(replace(frame, image=path))
    return replace(made, frames=tuple(frames))


def truth(capture):
    return [np.asarray(Image.open(frame.image)) for frame in capture.frames]


def cache_files(folder):
    return sorted(folder.rglob("*.npy"))


def test_pixels_are_those_of_the_files(capture):
    images, warnings = load_images(capture, DataConfig())
    assert warnings == ()
    for image, expected in zip(images, truth(capture), strict=True):
        np.testing.assert_array_equal(image, expected)
    assert not cache_files(capture.root)


def test_a_scale_divides_the_resolution(capture):
    images, _ = load_images(capture, DataConfig(scale=2.5))
    for image, expected in zip(images, truth(capture), strict=True):
        assert image.shape == (5, 6, 3)
        np.testing.assert_array_equal(image, area_resize(expected, 6, 5))


@pytest.mark.parametrize("config", [DataConfig(scale=2.0), MAPPED])
def test_a_second_reading_comes_from_the_cache(capture, config):
    images = np.stack(load_images(capture, config)[0])
    (file,) = cache_files(capture.root)
    content = np.load(file)
    content[0] += 1
    np.save(file, content)
    again, _ = load_images(capture, config)
    np.testing.assert_array_equal(again[0][0, 0], images[0][0, 0] + np.uint8(1))
    np.testing.assert_array_equal(again[1], images[1])


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_broken_cache_is_made_anew(capture, damage):
    images, _ = load_images(capture, DataConfig(scale=2.0))
    (file,) = cache_files(capture.root)
    file.write_bytes(file.read_bytes()[:-5] if damage is None else damage)
    again, _ = load_images(capture, DataConfig(scale=2.0))
    np.testing.assert_array_equal(np.stack(again), np.stack(images))


def test_a_changed_photo_makes_the_cache_stale_and_replaces_it(capture):
    load_images(capture, DataConfig(scale=2.0))
    load_images(capture, DataConfig(scale=3.0))
    Image.new("RGB", (16, 12), (1, 2, 3)).save(capture.frames[1].image)
    images, _ = load_images(capture, DataConfig(scale=2.0))
    assert (images[1] == (1, 2, 3)).all()
    assert len(cache_files(capture.root)) == 2


def test_beyond_the_budget_pixels_are_mapped_from_a_file(capture):
    images, _ = load_images(capture, MAPPED)
    again, _ = load_images(capture, MAPPED)
    owner = again[0]
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    assert isinstance(owner, np.memmap)
    np.testing.assert_array_equal(np.stack(images), np.stack(truth(capture)))
    np.testing.assert_array_equal(np.stack(again), np.stack(images))


def test_a_capture_folder_that_cannot_be_written_uses_the_users_cache(capture, tmp_path):
    (capture.root / ".rayloom_cache").write_text("a file where the folder would be")
    load_images(capture, DataConfig(scale=2.0))
    assert len(cache_files(tmp_path / "user")) == 1


def test_a_folder_marked_read_only_is_left_alone(capture, tmp_path):
    capture.root.chmod(0o555)
    load_images(capture, DataConfig(scale=2.0))
    assert not (capture.root / ".rayloom_cache").exists()
    assert len(cache_files(tmp_path / "user")) == 1


def test_without_any_cache_folder_pixels_stay_in_memory(capture, tmp_path):
    (capture.root / ".rayloom_cache").write_text("a file where the folder would be")
    (tmp_path / "user").write_text("another one")
    images, warnings = load_images(capture, MAPPED)
    np.testing.assert_array_equal(np.stack(images), np.stack(truth(capture)))
    assert "stay in memory" in warnings[0]


def test_a_broken_photo_leaves_nothing_in_the_cache(capture):
    path = capture.frames[2].image
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"image_0002\.png: cannot be decoded"):
        load_images(capture, DataConfig(scale=2.0))
    assert not list((capture.root / ".rayloom_cache").iterdir())


def test_photos_without_alpha_among_others_are_opaque():
    cut_out = np.full((12, 16, 4), 7, np.uint8)
    plain = np.full((12, 16, 3), 9, np.uint8)
    images, _ = load_images(capture_of(ring_poses(2), images=[cut_out, plain]), DataConfig())
    np.testing.assert_array_equal(images[0], cut_out)
    assert (images[1] == (9, 9, 9, 255)).all()


def test_alpha_that_hides_nothing_is_dropped():
    opaque = np.full((12, 16, 4), 255, np.uint8)
    images, _ = load_images(capture_of(ring_poses(2), images=[opaque, opaque]), DataConfig())
    assert [image.shape for image in images] == [(12, 16, 3)] * 2


def test_loaded_images_lie_behind_one_another_and_are_not_copied():
    images, _ = load_images(capture_of(ring_poses(4)), DataConfig())
    rows, starts = flat_pixels(images)
    assert np.shares_memory(rows, images[3])
    assert starts.tolist() == [0, 192, 384, 576]
    np.testing.assert_array_equal(rows, np.concatenate([image.reshape(-1, 3) for image in images]))


@pytest.mark.parametrize("order", [(1, 0), (0, 2), (0, 0)])
def test_other_images_are_copied_into_rows(order):
    images, _ = load_images(capture_of(ring_poses(3)), DataConfig())
    chosen = [images[i] for i in order]
    rows, _ = flat_pixels(chosen)
    np.testing.assert_array_equal(rows, np.concatenate([image.reshape(-1, 3) for image in chosen]))


@pytest.mark.parametrize("scale", [0.0, 0.5, -1.0, float("nan"), float("inf")])
def test_a_scale_below_one_is_refused(scale):
    with pytest.raises(InputError, match="--scale"):
        load_images(capture_of(ring_poses(2)), DataConfig(scale=scale))


def test_no_scale_makes_an_image_vanish():
    images, _ = load_images(capture_of(ring_poses(1), camera=pinhole(3, 2)), DataConfig(scale=100.0))
    assert images[0].shape == (1, 1, 3)


@pytest.mark.parametrize("config", [DataConfig(num_scales=3), replace(MAPPED, num_scales=3)])
def test_copies_follow_the_images_scale_after_scale(capture, config):
    images, _ = load_images(capture, config)
    again, _ = load_images(capture, config)
    expected = [block_means(photo, block) for block in (1, 2, 4) for photo in truth(capture)]
    assert [image.shape for image in images] == [(12, 16, 3)] * 3 + [(6, 8, 3)] * 3 + [(3, 4, 3)] * 3
    for image, other, copy in zip(images, again, expected, strict=True):
        np.testing.assert_array_equal(image, copy)
        np.testing.assert_array_equal(other, copy)


def test_copies_count_towards_the_budget(capture):
    photos = 3 * 12 * 16 * 3 / 2**20
    load_images(capture, DataConfig(pixel_budget_mb=1.01 * photos))
    assert not cache_files(capture.root)
    load_images(capture, DataConfig(pixel_budget_mb=1.01 * photos, num_scales=2))
    assert len(cache_files(capture.root)) == 1


def test_each_number_of_scales_has_its_own_cache(capture):
    for num_scales in (1, 2, 1, 3):
        images, _ = load_images(capture, replace(MAPPED, num_scales=num_scales))
        assert len(images) == 3 * num_scales
    assert len(cache_files(capture.root)) == 3


def test_copies_of_photos_without_alpha_among_others_are_opaque():
    cut_out = np.full((12, 16, 4), 7, np.uint8)
    plain = np.full((12, 16, 3), 9, np.uint8)
    images, _ = load_images(capture_of(ring_poses(2), images=[cut_out, plain]), DataConfig(num_scales=2))
    assert (images[2] == 7).all()
    assert (images[3] == (9, 9, 9, 255)).all()


@pytest.mark.parametrize(
    ("num_scales", "words"),
    [
        (0, "0; expected a number of at least 1"),
        (-1, "-1; expected a number of at least 1"),
        (5, "5, but image_0000 has 16 x 12 pixels; expected at most 4"),
        (10**9, "1000000000, but image_0000 has 16 x 12 pixels; expected at most 4"),
    ],
)
def test_a_number_of_scales_that_images_do_not_have_is_refused(num_scales, words):
    with pytest.raises(InputError, match=f"--num-scales: {words}"):
        load_images(capture_of(ring_poses(2)), DataConfig(num_scales=num_scales))


def test_the_last_scale_may_be_of_one_pixel():
    images, _ = load_images(capture_of(ring_poses(2)), DataConfig(num_scales=4))
    assert images[-1].shape == (1, 2, 3)


def test_a_panorama_must_consist_of_whole_blocks():
    camera = Intrinsics(CameraModel.EQUIRECTANGULAR, 20, 10, 1.0, 1.0, 10.0, 5.0)
    panorama = capture_of(ring_poses(2), camera=camera)
    assert len(load_images(panorama, DataConfig(num_scales=2))[0]) == 4
    with pytest.raises(InputError, match="20 x 10 pixels; expected multiples of 4 for a panorama"):
        load_images(panorama, DataConfig(num_scales=3))
