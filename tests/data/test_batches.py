from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from rayloom.data.batches import PixelBatches, scene_cameras, truth_image
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.types import Patch
from tests.data.camera_rings import ball_images, capture_of, pinhole, ring_poses


def numbered_capture(sizes):
    """Images of different sizes whose pixels say which they are: image, row, column."""
    capture = capture_of(ring_poses(len(sizes)))
    frames = []
    for i, (width, height) in enumerate(sizes):
        y, x = np.mgrid[:height, :width]
        image = np.stack([np.full_like(x, i), y, x], axis=-1).astype(np.uint8)
        frames.append(replace(capture.frames[i], image=image, intrinsics=pinhole(width, height)))
    return replace(capture, frames=tuple(frames))


def scene_of(sizes):
    return prepare_scene(numbered_capture(sizes), DataConfig())


SIZES = [(16, 12), (10, 12), (16, 12), (8, 20), (5, 7)]


def test_rays_belong_to_their_pixels():
    scene = scene_of(SIZES)
    batch = PixelBatches(scene, seed=0).next(2000)
    image, row, column = (batch.rgb * 255).round().long().T
    train = torch.tensor(scene.indices("train"))
    torch.testing.assert_close(train[batch.rays.camera_index], image)
    torch.testing.assert_close(batch.rays.pixels, torch.stack([column, row], 1) + 0.5)
    expected = scene_cameras(scene).rays(image, batch.rays.pixels)
    for name in ("origins", "directions", "near", "far", "camera_index"):
        torch.testing.assert_close(getattr(batch.rays, name), getattr(expected, name))


def test_every_training_pixel_is_equally_likely():
    scene = scene_of(SIZES)
    counts = {}
    batches = PixelBatches(scene, seed=0)
    draws, num = 40, 5000
    for _ in range(draws):
        for row in (batches.next(num).rgb * 255).round().int().tolist():
            counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    num_pixels = sum(width * height for width, height in SIZES[1:])
    assert len(counts) == num_pixels
    expected = draws * num / num_pixels
    chi_squared = sum((count - expected) ** 2 / expected for count in counts.values())
    # Mean num_pixels - 1, standard deviation sqrt(2 num_pixels): within five of them.
    assert abs(chi_squared - num_pixels) < 5 * (2 * num_pixels) ** 0.5


def test_held_out_images_do_not_train():
    scene = scene_of(SIZES)
    assert 0 in scene.indices("test")
    seen = (PixelBatches(scene, seed=0).next(3000).rgb[:, 0] * 255).round().long().unique()
    assert seen.tolist() == [1, 2, 3, 4]


def test_ignored_pixels_are_never_drawn(tmp_path):
    levels = np.full((12, 16), 255, np.uint8)
    levels[2:9, 3:14] = 0
    Image.fromarray(levels).save(tmp_path / "mask.png")
    capture = numbered_capture([(16, 12)] * 3)
    frames = [replace(f, ignore_mask=tmp_path / "mask.png") for f in capture.frames[:2]]
    scene = prepare_scene(replace(capture, frames=(*frames, capture.frames[2])), DataConfig(split="none"))
    image, row, column = (PixelBatches(scene, seed=0).next(5000).rgb * 255).round().long().T
    allowed = torch.from_numpy(levels > 0)[row, column]
    assert allowed[image < 2].all()
    assert not allowed[image == 2].all()
    assert len(torch.stack([image, row, column]).unique(dim=1).T) == 3 * 192 - 2 * 77
    crops = PixelBatches(scene, seed=0).next(5000, Patch(5)).crops
    assert crops is not None
    image, row, column = (crops.rgb * 255).round().long().unbind(-1)
    torch.testing.assert_close(crops.valid, torch.from_numpy(levels > 0)[row, column] | (image == 2))


def test_the_seed_decides_about_every_batch():
    scene = scene_of(SIZES)
    first, again, other = (PixelBatches(scene, seed=seed) for seed in (3, 3, 4))
    for _ in range(3):
        one, two, three = first.next(50), again.next(50), other.next(50)
        torch.testing.assert_close(one.rgb, two.rgb, rtol=0, atol=0)
        assert not torch.equal(one.rgb, three.rgb)


def test_a_saved_state_goes_on_where_it_stopped():
    scene = scene_of(SIZES)
    batches = PixelBatches(scene, seed=0)
    batches.next(10)
    state = {name: tensor.clone() for name, tensor in batches.state_dict().items()}
    expected = batches.next(20)
    resumed = PixelBatches(scene, seed=99)
    resumed.load_state_dict(state)
    torch.testing.assert_close(resumed.next(20).rgb, expected.rgb, rtol=0, atol=0)


def test_alpha_is_composited_over_the_background():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (12, 16, 4), dtype=np.uint8) for _ in range(4)]
    capture = capture_of(ring_poses(4), images=images, background=(0.2, 0.4, 0.6))
    scene = prepare_scene(capture, DataConfig(split="none", kind="unbounded"))
    values = torch.from_numpy(np.stack(images)).double() / 255
    alpha = values[..., 3:]
    expected = alpha * values[..., :3] + (1 - alpha) * torch.tensor([0.2, 0.4, 0.6])
    batch = PixelBatches(scene, seed=0).next(500)
    column, row = batch.rays.pixels.long().T
    where = batch.rays.camera_index, row, column
    torch.testing.assert_close(batch.rgb, expected[where].float())
    torch.testing.assert_close(batch.alpha, alpha[where][:, 0].float())
    rgb, valid = truth_image(scene, 2)
    torch.testing.assert_close(rgb, expected[2].float())
    assert valid.all()


def test_the_truth_says_which_pixels_are_valid(tmp_path):
    levels = np.full((12, 16), 255, np.uint8)
    levels[2, 3] = 0
    Image.fromarray(levels).save(tmp_path / "mask.png")
    capture = numbered_capture([(16, 12)] * 2)
    frames = [replace(frame, ignore_mask=tmp_path / "mask.png") for frame in capture.frames]
    _, valid = truth_image(prepare_scene(replace(capture, frames=tuple(frames)), DataConfig()), 0)
    assert (~valid).nonzero().tolist() == [[2, 3]]


def test_depth_is_along_the_ray_in_training_units(tmp_path):
    Image.fromarray(np.full((12, 16), 3000, np.uint16)).save(tmp_path / "depth.png")
    capture = numbered_capture([(16, 12)] * 3)
    frames = [replace(f, depth=tmp_path / "depth.png") for f in capture.frames[:2]]
    scene = prepare_scene(replace(capture, frames=(*frames, capture.frames[2])), DataConfig(split="none"))
    batch = PixelBatches(scene, seed=0).next(300)
    assert batch.depth is not None
    unit = np.linalg.norm(scene.raw_from_world[0, :3])
    axes = torch.from_numpy(scene.world_from_camera[:, :, 2]).float()[batch.rays.camera_index]
    along_axis = ((batch.rays.at(batch.depth[:, None])[:, 0] - batch.rays.origins) * axes).sum(-1)
    expected = (batch.rays.camera_index < 2) * float(3 / unit)
    torch.testing.assert_close(along_axis, expected)


def test_captures_without_depth_have_none():
    assert PixelBatches(scene_of(SIZES), seed=0).next(3).depth is None


def test_pixels_mapped_from_a_file_give_the_same_batches(tmp_path):
    capture = capture_of(ring_poses(3), root=tmp_path)
    frames = []
    for frame in capture.frames:
        Image.fromarray(np.asarray(frame.image)).save(tmp_path / f"{frame.name}.png")
        frames.append(replace(frame, image=tmp_path / f"{frame.name}.png"))
    capture = replace(capture, frames=tuple(frames))
    batches = [
        PixelBatches(prepare_scene(capture, DataConfig(pixel_budget_mb=budget)), seed=0).next(100)
        for budget in (1e-4, 100.0)
    ]
    torch.testing.assert_close(batches[0].rgb, batches[1].rgb, rtol=0, atol=0)


@pytest.mark.parametrize("num_rays", [0, 1])
def test_small_batches_are_batches(num_rays):
    camera = pinhole(40, 40, 50.0)
    poses = ring_poses(4)
    capture = capture_of(poses, images=ball_images(poses, camera, (0, 0, 0), 1.0), camera=camera)
    assert PixelBatches(prepare_scene(capture, DataConfig()), seed=0).next(num_rays).rgb.shape == (
        num_rays,
        3,
    )


def test_patches_are_squares_of_a_photo_with_what_is_around_them():
    scene = scene_of(SIZES)
    side, margin = 5, 3
    batch = PixelBatches(scene, seed=0).next(5 * 5 * 200 + 24, Patch(side, margin))
    assert batch.rgb.shape == (200 * side**2, 3)
    assert batch.crops is not None
    shown = (batch.crops.rgb * 255).round().long()
    middle = shown[:, margin:-margin, margin:-margin]
    torch.testing.assert_close(middle.flatten(0, 2), (batch.rgb * 255).round().long())
    corner = middle[:, 0, 0, 1:]
    steps = torch.arange(-margin, side + margin)
    sizes = torch.tensor(SIZES)[middle[:, 0, 0, 0]]
    for axis, along in ((1, steps[:, None].expand(11, 11)), (2, steps.expand(11, 11))):
        place = corner[:, axis - 1, None, None] + along
        inside = (place >= 0) & (place < sizes[:, 2 - axis, None, None])
        assert not batch.crops.valid[~inside].any()
        torch.testing.assert_close(shown[..., axis][batch.crops.valid], place[batch.crops.valid])
    assert (shown[~batch.crops.valid] == 0).all()
    assert (shown[..., 0] == middle[:, :1, :1, 0])[batch.crops.valid].all()
    assert batch.crops.valid[:, margin:-margin, margin:-margin].all()


def test_every_place_of_a_patch_is_equally_likely():
    batches = PixelBatches(scene_of(SIZES), seed=0)
    corners = (batches.next(4**2 * 30_000, Patch(4)).rgb.view(-1, 16, 3)[:, 0] * 255).round().int()
    counts = torch.unique(corners, dim=0, return_counts=True)[1]
    places = sum((width - 3) * (height - 3) for width, height in SIZES[1:])
    expected = 30_000 / places
    assert len(counts) == places
    assert abs(((counts - expected) ** 2).sum() / expected - places) < 5 * (2 * places) ** 0.5


def test_a_patch_that_no_photo_has_room_for_is_refused():
    with pytest.raises(InputError, match="expected room for 21x21"):
        PixelBatches(scene_of(SIZES), seed=0).next(441, Patch(21))
