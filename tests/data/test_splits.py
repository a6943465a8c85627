from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom.data.scene import DataConfig
from rayloom.data.splits import assign_splits
from tests.data.camera_rings import capture_of, ring_poses


def capture_with(*splits):
    capture = capture_of(ring_poses(len(splits)))
    frames = [replace(frame, split=split) for frame, split in zip(capture.frames, splits, strict=True)]
    return replace(capture, frames=tuple(frames))


def held_out(capture, config=DataConfig()):  # noqa: B008
    split, _ = assign_splits(capture, config)
    return [i for i, item in enumerate(split) if item == "test"]


@given(st.integers(2, 40))
def test_every_eighth_image_is_held_out(num):
    assert held_out(capture_with(*[None] * num)) == list(range(0, num, 8))


def test_images_are_counted_by_name():
    capture = capture_with(*[None] * 9)
    reordered = replace(capture, frames=capture.frames[::-1])
    assert held_out(reordered) == [0, 8]
    rotated = replace(capture, frames=capture.frames[1:] + capture.frames[:1])
    assert held_out(rotated) == [7, 8]


@pytest.mark.parametrize(("num", "expected"), [(2, [1]), (10, [9]), (24, [22, 23])])
def test_the_last_tenth_is_held_out_on_request(num, expected):
    assert held_out(capture_with(*[None] * num), DataConfig(split="last-10-percent")) == expected


def test_the_captures_own_split_comes_first():
    capture = capture_with("train", "val", "test", None)
    assert assign_splits(capture, DataConfig()) == (("train", "val", "test", "train"), ())
    assert held_out(capture, DataConfig(split="every-8th")) == [0]


def test_validation_images_stand_in_for_missing_test_images():
    split, (warning,) = assign_splits(capture_with("train", "val", "val"), DataConfig())
    assert split == ("train", "test", "test")
    assert "validation" in warning


@pytest.mark.parametrize("only", ["train", "test", "val"])
def test_a_split_with_one_side_is_no_split(only):
    assert held_out(capture_with(*[only] * 9)) == [0, 8]


def test_holding_out_nothing_trains_on_everything_and_says_so():
    split, (warning,) = assign_splits(capture_with("train", "test"), DataConfig(split="none"))
    assert split == ("train", "train")
    assert "No image is held out" in warning


def test_a_single_image_trains_and_says_so():
    split, (warning,) = assign_splits(capture_with("test"), DataConfig())
    assert split == ("train",)
    assert "one image" in warning
