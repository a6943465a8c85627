"""A made capture at four scales: what trains, and where it is."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.batches import PixelBatches, scene_cameras, truth_image
from rayloom.data.inspection import inspect_scene
from rayloom.data.multiscale import coarser_camera
from rayloom.data.pixels.images import flat_pixels
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig
from rayloom.data.synthetic import Dome, make_capture, object_world
from tests.data.camera_rings import capture_of, pinhole, ring_poses
from tests.data.small_captures import ALL_CAMERAS

NUM_SCALES = 4
PANORAMA = Intrinsics(CameraModel.EQUIRECTANGULAR, 32, 16, 1.0, 1.0, 16.0, 8.0)
PARALLEL = Intrinsics(CameraModel.ORTHOGRAPHIC, 24, 16, 5.0, 6.0, 11.0, 8.0)


@pytest.fixture(scope="module")
def capture():
    """Nine views of 40 x 32 pixels, with alpha."""
    return make_capture(object_world(0), Dome(), num_views=9, size=(40, 32), seed=0).capture


@pytest.fixture(scope="module")
def scene(capture):
    return prepare_scene(capture, DataConfig(num_scales=NUM_SCALES))


def test_copies_are_halved_again_and_again(scene):
    sizes = [{image.shape for image in scale.images} for scale in scene.scales]
    assert sizes == [{(32, 40, 4)}, {(16, 20, 4)}, {(8, 10, 4)}, {(4, 5, 4)}]
    assert all(scale.coarser == () for scale in scene.coarser)


def test_the_scene_itself_is_that_of_one_scale(capture, scene):
    plain = prepare_scene(capture, DataConfig())
    assert plain.coarser == ()
    assert inspect_scene(scene) == inspect_scene(plain)
    for item in fields(plain):
        if item.name != "coarser":
            np.testing.assert_equal(getattr(scene, item.name), getattr(plain, item.name))


def test_the_copies_share_all_but_their_pixels(scene):
    own = {"images", "ignore", "depths", "intrinsics", "coarser"}
    for scale in scene.coarser:
        for item in fields(scene):
            assert item.name in own or getattr(scale, item.name) is getattr(scene, item.name)


def test_the_colours_of_a_copy_are_means_of_the_photo(scene):
    for i in range(len(scene.names)):
        photo = truth_image(scene, i)[0].double()
        for level, scale in enumerate(scene.scales):
            block = 2**level
            means = photo.unflatten(0, (-1, block)).unflatten(2, (-1, block)).mean((1, 3))
            # Colour and alpha are each rounded to the nearest of 256 levels.
            assert (truth_image(scale, i)[0] - means).abs().max() <= 1.001 / 255


def test_a_batch_says_photo_size_and_place_of_every_pixel(scene):
    batch = PixelBatches(scene, seed=0).next(4000)
    train = scene.indices("train")
    assert batch.area is not None
    assert batch.area.unique().tolist() == [1.0, 4.0, 16.0, 64.0]
    assert scene.info.num_images == len(train) == 7
    assert batch.rays.camera_index.unique().tolist() == list(range(7))
    level = batch.area.log2().long() // 2
    column, row = batch.rays.pixels.long().T
    for k, scale in enumerate(scene.scales):
        truth = torch.stack([truth_image(scale, i)[0] for i in train])
        here = level == k
        where = batch.rays.camera_index[here], row[here], column[here]
        torch.testing.assert_close(batch.rgb[here], truth[where])


def test_every_pixel_of_every_copy_is_equally_likely(scene):
    num = 40_000
    area = PixelBatches(scene, seed=0).next(num).area
    assert area is not None
    counts = torch.stack([(area == 4**k).sum() for k in range(NUM_SCALES)])
    share = torch.tensor([scale.images[0].shape[0] * scale.images[0].shape[1] for scale in scene.scales])
    expected = num * share / share.sum()
    # Chi-squared with three degrees of freedom: 21 is exceeded once in ten thousand seeds.
    assert ((counts - expected).square() / expected).sum() < 21


def test_radii_grow_with_the_pixels(scene):
    batch = PixelBatches(scene, seed=0).next(2000)
    assert batch.area is not None
    side = batch.area.sqrt()
    photo = torch.tensor(scene.indices("train"))[batch.rays.camera_index]
    at_full_size = scene_cameras(scene).rays(photo, batch.rays.pixels * side[:, None])
    torch.testing.assert_close(batch.rays.directions, at_full_size.directions)
    torch.testing.assert_close(batch.rays.radii, side * at_full_size.radii)
    assert 1.9 < batch.rays.radii[side == 2].mean() / batch.rays.radii[side == 1].mean() < 2.1


def axes(scene):
    """Where the training cameras look to."""
    return torch.from_numpy(scene.world_from_camera[list(scene.indices("train")), :, 2]).float()


@pytest.mark.parametrize("camera", [*ALL_CAMERAS, PANORAMA, PARALLEL], ids=lambda camera: str(camera.model))
@pytest.mark.parametrize("block", [2, 4, 8])
def test_a_coarser_camera_sees_the_same_along_rays_that_are_wider(camera, block):
    if camera.model is not CameraModel.EQUIRECTANGULAR:
        camera = replace(camera, width=camera.width + 5, height=camera.height + 3)
    coarser = coarser_camera(camera, block)
    assert (coarser.width, coarser.height) == (camera.width // block, camera.height // block)
    assert (coarser.fx * block, coarser.cx * block) == (camera.fx, camera.cx)
    fine, coarse = (
        Cameras.from_intrinsics([item], np.eye(3, 4)[None], 1.0, 2.0, dtype=torch.float64)
        for item in (camera, coarser)
    )
    pixels = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([coarser.width, coarser.height])
    index = torch.zeros(50, dtype=torch.long)
    rays, wide = fine.rays(index, block * pixels), coarse.rays(index, pixels)
    for name in ("origins", "directions"):
        torch.testing.assert_close(getattr(wide, name), getattr(rays, name))
    torch.testing.assert_close(wide.radii, block * rays.radii)


def test_held_out_photos_are_held_out_at_every_scale():
    levels = [np.full((16, 16, 3), i, np.uint8) for i in range(9)]
    scene = prepare_scene(
        capture_of(ring_poses(9), images=levels, camera=pinhole(16, 16)), DataConfig(num_scales=3)
    )
    seen = (PixelBatches(scene, seed=0).next(4000).rgb[:, 0] * 255).round().long().unique()
    assert seen.tolist() == list(scene.indices("train"))
    assert 0 not in seen


def test_masks_and_depths_follow_the_copies(tmp_path):
    mask = np.full((12, 16), 255, np.uint8)
    mask[5, 9] = 0
    depth = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) + 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(depth).save(tmp_path / "depth.png")
    capture = capture_of(ring_poses(3))
    frames = [
        replace(frame, ignore_mask=tmp_path / "mask.png", depth=tmp_path / "depth.png")
        for frame in capture.frames
    ]
    scene = prepare_scene(replace(capture, frames=tuple(frames)), DataConfig(split="none", num_scales=3))
    masks, depths = [scale.ignore[0] for scale in scene.scales], [scale.depths[0] for scale in scene.scales]
    assert np.argwhere(np.array(masks[1])).tolist() == [[2, 4]]
    assert np.argwhere(np.array(masks[2])).tolist() == [[1, 2]]
    assert np.argwhere(~truth_image(scene.scales[2], 0)[1].numpy()).tolist() == [[1, 2]]
    np.testing.assert_array_equal(depths[1], np.array(depths[0])[1::2, 1::2])
    np.testing.assert_array_equal(depths[2], np.array(depths[0])[2::4, 2::4])

    batch = PixelBatches(scene, seed=0).next(5000)
    assert batch.area is not None
    assert batch.depth is not None
    pixels = torch.cat([batch.rays.camera_index[:, None], batch.area[:, None], batch.rays.pixels], dim=1)
    assert len(pixels.unique(dim=0)) == 3 * (12 * 16 - 1 + 6 * 8 - 1 + 3 * 4 - 1)
    quarters = batch.area == 16
    column, row = batch.rays.pixels[quarters].long().T
    along_axis = batch.depth * (batch.rays.directions * axes(scene)[batch.rays.camera_index]).sum(-1)
    torch.testing.assert_close(along_axis[quarters], torch.from_numpy(np.array(depths[2]))[row, column])


def test_pixels_of_all_copies_lie_in_one_array(scene):
    images = [image for scale in scene.scales for image in scale.images]
    rows, starts = flat_pixels(images)
    assert np.shares_memory(rows, images[-1])
    assert len(rows) == starts[-1] + images[-1].size // 4


def test_one_scale_has_no_areas(capture):
    batch = PixelBatches(prepare_scene(capture, DataConfig()), seed=0).next(3)
    assert batch.area is None
    assert batch[:2].area is None


def test_areas_go_with_their_rays(scene):
    batch = PixelBatches(scene, seed=0).next(300)
    assert batch.area is not None
    chosen = torch.tensor([7, 3, 200])
    torch.testing.assert_close(batch[chosen].area, batch.area[chosen])
    torch.testing.assert_close(batch.map(lambda tensor: tensor + 1).area, batch.area + 1)
