"""The training photos as a method sees them before training."""

from dataclasses import replace

import numpy as np
import torch

from rayloom.data.batches import PixelBatches
from rayloom.data.multiscale import coarser_scenes
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.views import training_views
from tests.data.camera_rings import capture_of, ring_poses


def scene() -> Scene:
    """Noise from a ring of cameras; the first and the ninth are held out."""
    return prepare_scene(capture_of(ring_poses(10)), DataConfig(split="every-8th"))


def test_photos_and_cameras_are_those_of_the_training_images_in_order():
    whole = scene()
    train = whole.indices("train")
    views = training_views(whole)
    assert 0 < len(train) < len(whole.names)
    assert len(views.images) == len(views.cameras) == len(train)
    for number, index in enumerate(train):
        assert views.images[number] is whole.images[index]
        assert views.cameras.size[number].tolist() == [
            whole.intrinsics[index].width,
            whole.intrinsics[index].height,
        ]
    torch.testing.assert_close(
        views.cameras.world_from_camera, torch.from_numpy(whole.world_from_camera[list(train)]).float()
    )
    torch.testing.assert_close(views.cameras.near, torch.from_numpy(whole.near[list(train)]).float())
    torch.testing.assert_close(views.cameras.far, torch.from_numpy(whole.far[list(train)]).float())


def test_the_number_of_a_view_is_the_camera_index_of_its_rays():
    whole = scene()
    views = training_views(whole)
    batch = PixelBatches(whole, seed=0).next(400)
    again = views.cameras.rays(batch.rays.camera_index, batch.rays.pixels)
    torch.testing.assert_close(again.origins, batch.rays.origins)
    torch.testing.assert_close(again.directions, batch.rays.directions)
    assert torch.equal(again.camera_index, batch.rays.camera_index)
    column, row = batch.rays.pixels.long().T
    images = torch.from_numpy(np.stack(views.images))
    torch.testing.assert_close(batch.rgb, images[batch.rays.camera_index, row, column].float() / 255)


def test_smaller_copies_are_not_shown():
    whole = scene()
    halves = [np.ascontiguousarray(image[::2, ::2]) for image in whole.images]
    both = replace(whole, coarser=coarser_scenes(whole, halves))
    assert len(training_views(both).images) == len(training_views(whole).images)
