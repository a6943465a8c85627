"""Labels from pictures of every kind that may hold them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayloom.data.batches import PixelBatches, truth_labels
from rayloom.data.capture import Frame
from rayloom.data.formats.detect import read_capture
from rayloom.data.formats.writers import write_capture
from rayloom.data.pixels.labels import MAX_CLASSES, load_labels
from rayloom.data.prepare import load_scene, prepare_scene
from rayloom.data.scene import DataConfig
from rayloom.data.synthetic import Dome, Inside, make_capture, room_world, sparse_world
from rayloom.errors import InputError

CLASSES = np.array([[0, 1, 2], [3, 255, 5]])
EXPECTED = np.array([[0, 1, 2], [3, -1, 5]])


def frame_with(labels: Path | np.ndarray) -> Frame:
    """A frame of a capture, with these labels."""
    made = make_capture(sparse_world(), Dome(), num_views=1, size=4, samples=1).capture
    (frame,) = made.frames
    return replace(frame, labels=labels)


@pytest.mark.parametrize("kind", ["grey", "palette", "16 bits"])
def test_numbers_of_classes_are_read_as_they_are(kind: str, tmp_path: Path):
    levels = CLASSES.astype(np.uint8)
    picture = Image.fromarray(levels)
    if kind == "palette":
        picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    if kind == "16 bits":
        picture = Image.fromarray(np.where(CLASSES == 255, 65535, CLASSES).astype(np.uint16))
    picture.save(tmp_path / "labels.png")
    (found,) = load_labels([frame_with(tmp_path / "labels.png")], [(3, 2)])
    assert found is not None
    assert np.array_equal(found, EXPECTED)


def test_classes_are_picked_at_the_middles_of_pixels():
    fine = np.arange(36, dtype=np.uint8).reshape(6, 6)
    (found,) = load_labels([frame_with(fine)], [(2, 2)])
    assert found is not None
    assert found.tolist() == [[7, 10], [25, 28]]


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (Image.new("RGB", (3, 2)), "channels RGB; expected one"),
        (Image.new("L", (9, 2)), "size 9 x 2 does not fit"),
        (Image.fromarray(np.full((2, 3), MAX_CLASSES, np.uint16)), "a label 1024; expected"),
    ],
)
def test_other_pictures_are_refused(picture: Image.Image, message: str, tmp_path: Path):
    picture.save(tmp_path / "labels.png")
    with pytest.raises(InputError, match=message):
        load_labels([frame_with(tmp_path / "labels.png")], [(3, 2)])


@pytest.mark.parametrize("format", ["transforms", "blender"])
def test_labels_survive_writing_and_reading(format: str, tmp_path: Path):
    world, rig = (room_world(), Inside()) if format == "transforms" else (sparse_world(), Dome())
    made = make_capture(world, rig, num_views=9, size=16, samples=1, labels=True)
    write_capture(made.capture, tmp_path / "capture", format)
    assert read_capture(tmp_path / "capture", DataConfig()).label_names == world.labels
    scene = load_scene(tmp_path / "capture", DataConfig(num_scales=2))
    assert scene.info.num_labels == len(world.labels)
    order = [int(Path(name).stem) for name in scene.names]
    for place, number in enumerate(order):
        labels = truth_labels(scene, place)
        assert labels is not None
        assert np.array_equal(labels, made.truth(number).label)
        coarse = truth_labels(scene.coarser[0], place)
        assert coarse is not None
        assert np.array_equal(coarse, labels[1::2, 1::2])


def test_a_batch_has_the_labels_of_its_pixels():
    made = make_capture(room_world(), Inside(), num_views=5, size=12, samples=1, labels=True)
    scene = prepare_scene(made.capture, DataConfig())
    batch = PixelBatches(scene, seed=0).next(200)
    assert batch.labels is not None
    train = scene.indices("train")
    for ray in range(200):
        x, y = (batch.rays.pixels[ray] - 0.5).long().tolist()
        assert batch.labels[ray] == scene.labels[train[int(batch.rays.camera_index[ray])]][y, x]  # type: ignore[index]


def test_captures_without_labels_have_none():
    made = make_capture(sparse_world(), Dome(), num_views=3, size=8, samples=1)
    scene = prepare_scene(made.capture, DataConfig())
    assert scene.labels == ()
    assert scene.info.num_labels == 0
    assert truth_labels(scene, 0) is None
    assert PixelBatches(scene, seed=0).next(3).labels is None


def test_a_label_beyond_the_named_classes_is_told():
    made = make_capture(sparse_world(), Dome(), num_views=2, size=8, samples=1, labels=True).capture
    short = replace(made, label_names=("nothing",))
    with pytest.raises(InputError, match=r"0000\.png: has a label \d+; expected one of 1 named"):
        prepare_scene(short, DataConfig())
