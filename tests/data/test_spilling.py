from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rayloom.data.batches import PixelBatches
from rayloom.data.pixels.images import flat_pixels, load_images
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig
from rayloom.data.spilling import spilled
from rayloom.errors import InputError
from tests.data.camera_rings import ball_images, capture_of, pinhole, ring_poses


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of a capture, and a user cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    root = tmp_path / "capture"
    root.mkdir()
    return root


def ball_scene(root, num_scales=1):
    camera = pinhole(32, 24, 30.0)
    poses = ring_poses(5)
    images = ball_images(poses, camera, (0.0, 0.0, 0.0), 1.0)
    capture = capture_of(poses, images=images, camera=camera, root=root)
    return prepare_scene(capture, DataConfig(num_scales=num_scales))


def owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@pytest.mark.parametrize("num_scales", [1, 3])
def test_the_same_pixels_are_mapped_from_one_file_that_has_no_name(home, num_scales):
    scene = ball_scene(home, num_scales)
    other = spilled(scene)
    images = [image for scale in other.scales for image in scale.images]
    assert len(images) == 5 * num_scales
    for ours, theirs in zip(scene.scales, other.scales, strict=True):
        for image, copy in zip(ours.images, theirs.images, strict=True):
            np.testing.assert_array_equal(image, copy)
    assert all(isinstance(owner(image), np.memmap) for image in images)
    rows, _ = flat_pixels(images)
    assert rows.ctypes.data == images[0].ctypes.data, "training reads the file itself"
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_batches_are_the_same_wherever_pixels_lie(home):
    scene = ball_scene(home, 2)
    here, there = PixelBatches(scene, seed=3), PixelBatches(spilled(scene), seed=3)
    for _ in range(3):
        one, other = here.next(200), there.next(200)
        assert one.rgb.equal(other.rgb)
        assert one.alpha.equal(other.alpha)
        assert one.rays.origins.equal(other.rays.origins)


def test_without_a_place_for_the_file_one_sentence_says_so(home, monkeypatch):
    scene = ball_scene(home)
    monkeypatch.setattr("rayloom.data.pixels.pixel_cache._writable", lambda folder, room: False)
    with pytest.raises(InputError, match="no file of 0 MB can be written"):
        spilled(scene)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_alpha_that_says_nothing_is_left_out_wherever_pixels_lie(home, scale):
    opaque = [np.dstack([image, np.full((12, 16), 255, np.uint8)]) for image in noise(3)]
    capture = files_of(home, opaque)
    found = [
        load_images(capture, DataConfig(scale=scale, pixel_budget_mb=budget))[0]
        for budget in (2048.0, 0.0, 0.0)
    ]
    for image, mapped, again in zip(*found, strict=True):
        assert image.shape[2] == 3
        np.testing.assert_array_equal(image, mapped)
        np.testing.assert_array_equal(image, again)
    assert isinstance(owner(found[1][0]), np.memmap)
    rows, starts = flat_pixels(found[1])
    assert rows.ctypes.data == found[1][0].ctypes.data
    np.testing.assert_array_equal(rows, flat_pixels(found[0])[0])
    assert starts.tolist() == flat_pixels(found[0])[1].tolist()


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, 12, 16, 3), dtype=np.uint8)


def files_of(root, images):
    capture = capture_of(ring_poses(len(images)), root=root)
    frames = []
    for frame, image in zip(capture.frames, images, strict=True):
        path = root / f"{frame.name}.png"
        Image.fromarray(image).save(path)
        frames.append(replace(frame, image=path))
    return replace(capture, frames=tuple(frames))
