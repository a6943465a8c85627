from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.transform import Rotation

from rayloom.data.batches import scene_cameras
from rayloom.data.prepare import load_scene, prepare_scene
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from tests.data.camera_rings import (
    ball_images,
    capture_of,
    moved,
    pinhole,
    pixels_of,
    ring_poses,
    window_poses,
)

CAMERA = pinhole(40, 40, 50.0)
Z = np.array([0.0, 0.0, 1.0])


def object_capture(**fields):
    poses = np.concatenate([ring_poses(8, height=h, centre=(0.1, 0.2, 0)) for h in (-3.0, 0.5, 3.0)])
    images = ball_images(poses, CAMERA, (0.3, 0.1, 0.2), 0.6)
    return capture_of(poses, images=images, camera=CAMERA, **fields)


def window_capture():
    points = np.random.default_rng(0).uniform((-3, 3, -3), (3, 9, 3), (500, 3))
    return capture_of(window_poses(9), points=points)


CAPTURES = {
    "object": lambda: capture_of(ring_poses(9, arc=4.0), kind_hint="object"),
    "unbounded": lambda: capture_of(ring_poses(9, arc=4.0)),
    "forward-facing": window_capture,
}


def ray_table(scene):
    """Origins, directions, near and far of a few pixels of every image."""
    cameras = scene_cameras(scene)
    n = len(scene.names)
    index = torch.arange(n).repeat_interleave(3)
    pixels = torch.tensor([[0.5, 0.5], [8.0, 3.0], [15.5, 11.5]]).repeat(n, 1)
    rays = cameras.rays(index, pixels)
    return torch.cat([rays.origins, rays.directions], 1).numpy(), torch.stack([rays.near, rays.far]).numpy()


@pytest.mark.parametrize("kind", CAPTURES)
@pytest.mark.parametrize("up_known", [False, True])
@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_the_raw_frame_does_not_matter(kind, up_known, seed):
    """Without a known up axis the turn about z follows the cameras; with one it is left as it is."""
    rng = np.random.default_rng(seed)
    capture = replace(CAPTURES[kind](), up=Z if up_known else None)
    rotation = Rotation.random(rng=rng).as_matrix()
    other = moved(capture, np.exp(rng.uniform(-5, 5)), rotation, rng.normal(size=3))
    first, second = (prepare_scene(item, DataConfig()) for item in (capture, other))
    assert first.info.kind == second.info.kind == kind
    (rays, bounds), (other_rays, other_bounds) = ray_table(first), ray_table(second)
    np.testing.assert_allclose(other_bounds, bounds, rtol=1e-4)
    a, b = first.world_from_camera[0], second.world_from_camera[0]
    turn = b[:, :3] @ a[:, :3].T
    np.testing.assert_allclose(turn @ Z, Z, atol=1e-6)
    if not up_known:
        np.testing.assert_allclose(turn, np.eye(3), atol=1e-6)
    both = rays.reshape(-1, 3) @ turn.T
    np.testing.assert_allclose(other_rays.reshape(-1, 3), both, atol=1e-5)


def test_the_box_of_an_object_follows_the_raw_frame():
    capture = object_capture()
    rotation = Rotation.from_rotvec([1.0, 2.0, 0.5]).as_matrix()
    first = prepare_scene(capture, DataConfig())
    second = prepare_scene(moved(capture, 7.0, rotation, np.array([5.0, 6.0, 7.0])), DataConfig())
    np.testing.assert_allclose(first.info.box_high, second.info.box_high, atol=0.03)
    np.testing.assert_allclose(first.world_from_camera, second.world_from_camera, atol=0.05)


def test_an_object_is_boxed_by_its_silhouettes():
    scene = prepare_scene(object_capture(up=Z), DataConfig())
    assert scene.info.kind == "object"
    assert scene.info.has_alpha
    assert scene.info.background == (1, 1, 1)
    raw_box = np.array([scene.info.box_low, scene.info.box_high]) @ scene.raw_from_world[:3, :3].T
    raw_box = raw_box + scene.raw_from_world[:3, 3]
    np.testing.assert_allclose(raw_box, [[-0.3, -0.5, -0.4], [0.9, 0.7, 0.8]], atol=0.2)
    assert (raw_box[0] < (-0.3, -0.5, -0.4)).all()
    assert (raw_box[1] > (0.9, 0.7, 0.8)).all()


def test_the_similarity_leads_back_to_the_raw_frame():
    capture = window_capture()
    scene = prepare_scene(capture, DataConfig())
    assert scene.points is not None
    assert capture.points is not None
    matrix = scene.raw_from_world
    np.testing.assert_allclose(scene.points @ matrix[:3, :3].T + matrix[:3, 3], capture.points, rtol=1e-9)
    positions = scene.world_from_camera[:, :, 3] @ matrix[:3, :3].T + matrix[:3, 3]
    raw = np.stack([frame.raw_from_camera[:, 3] for frame in capture.frames])
    np.testing.assert_allclose(positions, raw, atol=1e-9)


def test_a_forward_facing_capture_has_an_ndc_frame_and_others_have_none():
    assert prepare_scene(window_capture(), DataConfig()).info.ndc is not None
    assert prepare_scene(capture_of(ring_poses(9)), DataConfig()).info.ndc is None


def test_the_kind_can_be_asked_for():
    scene = prepare_scene(window_capture(), DataConfig(kind="unbounded"))
    assert scene.info.kind == "unbounded"
    assert scene.info.ndc is None


def test_intrinsics_follow_the_size_of_the_images():
    scene = prepare_scene(capture_of(ring_poses(3), camera=pinhole(32, 24, 28.0)), DataConfig(scale=2.0))
    assert scene.images[0].shape == (12, 16, 3)
    assert scene.intrinsics[0] == pinhole(16, 12, 14.0)


def test_black_is_behind_images_without_alpha():
    scene = prepare_scene(capture_of(ring_poses(3)), DataConfig())
    assert scene.info.background == (0, 0, 0)
    assert not scene.info.has_alpha


@pytest.mark.parametrize(("colour", "level"), [("white", 1.0), ("black", 0.0)])
def test_the_background_can_be_asked_for_where_there_is_alpha(colour, level):
    scene = prepare_scene(object_capture(), DataConfig(background=colour))
    assert scene.info.background == (level,) * 3
    plain = prepare_scene(
        capture_of(ring_poses(3), background=(0.5, 0.5, 0.5)), DataConfig(background=colour)
    )
    assert plain.info.background == (0.5, 0.5, 0.5)
    assert any("no alpha" in warning for warning in plain.warnings)


def test_silhouettes_that_contradict_each_other_are_reported():
    capture = object_capture()
    images = [np.roll(image, 20 * (i % 2), axis=0) for i, image in enumerate(pixels_of(capture))]
    frames = [replace(frame, image=image) for frame, image in zip(capture.frames, images, strict=True)]
    scene = prepare_scene(replace(capture, frames=tuple(frames)), DataConfig())
    assert scene.info.box_high == (1, 1, 1)
    assert any("silhouettes" in warning for warning in scene.warnings)


def masked(capture, folder, whole):
    for name, level in (("all", 0), ("none", 255)):
        Image.new("L", (16, 12), level).save(folder / f"{name}.png")
    frames = [
        replace(frame, ignore_mask=folder / ("all.png" if i in whole else "none.png"))
        for i, frame in enumerate(capture.frames)
    ]
    return replace(capture, frames=tuple(frames))


def test_a_capture_that_is_masked_whole_is_refused(tmp_path):
    capture = masked(capture_of(ring_poses(9), root=tmp_path), tmp_path, range(9))
    with pytest.raises(InputError, match="every pixel of every training image is masked"):
        prepare_scene(capture, DataConfig())


def test_an_image_that_is_masked_whole_is_reported(tmp_path):
    scene = prepare_scene(masked(capture_of(ring_poses(9)), tmp_path, {4}), DataConfig())
    assert "1 images are masked whole, the first is image_0004." in scene.warnings


def test_warnings_of_the_reader_are_kept():
    scene = prepare_scene(capture_of(ring_poses(9), warnings=("Something was odd.",)), DataConfig())
    assert scene.warnings == ("Something was odd.",)


def test_one_image_trains_and_none_is_held_out():
    scene = prepare_scene(capture_of(ring_poses(1)), DataConfig())
    assert scene.indices("train") == (0,)
    assert scene.indices("test") == ()
    assert scene.info.num_images == 1
    assert any("one image" in warning for warning in scene.warnings)


@pytest.mark.parametrize(
    ("name", "kind", "num"),
    [
        ("fox", "unbounded", 50),
        ("cafe_table_360", "unbounded", 64),
        ("desk_colmap", "forward-facing", 29),
        ("llff_fern", "forward-facing", 20),
        ("tiny_chair_100", "object", 106),
    ],
)
def test_real_captures_lie_well_in_the_training_frame(shared_data, name, kind, num):
    scene = load_scene(shared_data(name), DataConfig())
    assert (scene.info.kind, len(scene.names)) == (kind, num)
    assert len(scene.indices("test")) == -(-num // 8)
    distance = np.linalg.norm(scene.world_from_camera[:, :, 3], axis=-1)
    low, high = {"unbounded": (0.3, 1.0), "forward-facing": (1.0, 1.5), "object": (2.6, 2.7)}[kind]
    assert low < distance.min() < distance.max() < high + 1e-9
    # The cameras' y axes point down.
    assert (scene.world_from_camera[:, 2, 1] < (0.0 if kind == "object" else -0.5)).all()
    if scene.points is not None:
        assert (np.abs(scene.points) < 1).all(-1).mean() > 0.9


def test_the_box_of_a_real_object_is_met_by_all_rays_that_see_it(shared_data):
    scene = load_scene(shared_data("blender_chair_400"), DataConfig())
    assert [len(scene.indices(split)) for split in ("train", "val", "test")] == [100, 13, 25]
    low, high = torch.tensor(scene.info.box_low), torch.tensor(scene.info.box_high)
    assert _share_met(scene, low, high) == 1
    for axis in range(3):
        # The box is close: from a box a sixth shorter something stands out.
        shrunk = torch.ones(3)
        shrunk[axis] = 5 / 6
        assert _share_met(scene, low * shrunk, high * shrunk) < 1


def _share_met(scene, low, high):
    """Share of the rays to opaque pixels that meet the box."""
    cameras, hits = scene_cameras(scene), []
    for i in range(0, len(scene.names), 14):
        opaque = np.argwhere(scene.images[i][..., 3] > 127)[::5]
        pixels = torch.from_numpy(opaque[:, ::-1] + 0.5).float()
        rays = cameras.rays(torch.full((len(pixels),), i), pixels)
        ends = torch.stack([(corner - rays.origins) / rays.directions for corner in (low, high)])
        hits.append(ends.amin(0).amax(-1) < ends.amax(0).amin(-1))
    return torch.cat(hits).double().mean()
