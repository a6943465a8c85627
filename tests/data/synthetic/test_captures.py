import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.data.synthetic import (
    Defects,
    Dome,
    Inside,
    Orbit,
    SyntheticCapture,
    head_world,
    make_capture,
    moving_world,
    room_world,
    sparse_world,
)
from rayloom.geometry.transforms import compose, invert_rigid, se3_log


def _capture(
    defects: Defects | None = None, num_views: int = 6, size: int = 32, seed: int = 0
) -> SyntheticCapture:
    return make_capture(
        sparse_world(),
        Dome(),
        num_views=num_views,
        size=size,
        seed=seed,
        defects=defects,
        holdout=3,
        samples=1,
    )


def _photo(capture: SyntheticCapture, index: int) -> np.ndarray:
    image = capture.capture.frames[index].image
    assert isinstance(image, np.ndarray)
    return image


def test_the_same_seed_gives_the_same_capture():
    first, second, other = _capture(), _capture(), _capture(seed=1)
    assert np.array_equal(_photo(first, 1), _photo(second, 1))
    assert np.array_equal(first.capture.frames[1].raw_from_camera, second.capture.frames[1].raw_from_camera)
    assert not np.array_equal(_photo(first, 1), _photo(other, 1))


def test_defects_are_drawn_alike_for_the_same_seed():
    defects = Defects(noise_sd=0.1, occluded_share=0.5, exposure_sd=0.2, shift_px=2.0)
    assert np.array_equal(_photo(_capture(defects), 1), _photo(_capture(defects), 1))


def test_without_defects_photos_and_poses_are_the_truth():
    capture = _capture()
    truth = capture.truth(1)
    rgba = torch.cat([truth.rgb, truth.alpha[..., None]], -1)
    assert np.array_equal(_photo(capture, 1), (rgba * 255).round().byte().numpy())
    pose = torch.from_numpy(capture.capture.frames[1].raw_from_camera).float()
    assert torch.equal(pose, capture.cameras.world_from_camera[1])


def test_every_eighth_view_by_name_is_held_out():
    capture = make_capture(sparse_world(), Orbit(), num_views=17, size=8, with_val=True, samples=1).capture
    names = [frame.name for frame in capture.frames]
    assert names == sorted(names)
    splits = [frame.split for frame in capture.frames]
    assert [i for i, split in enumerate(splits) if split == "test"] == [0, 8, 16]
    assert [i for i, split in enumerate(splits) if split == "val"] == [4, 12]


def test_open_worlds_have_alpha_and_rooms_have_none():
    assert _photo(_capture(), 0).shape == (32, 32, 4)
    room = make_capture(room_world(), Inside(), num_views=2, size=(24, 16), samples=1)
    assert _photo(room, 0).shape == (16, 24, 3)
    assert bool(room.truth(0).mask.all())


def test_depth_bounds_and_points_are_those_of_the_truth():
    capture = _capture()
    frame, truth = capture.capture.frames[1], capture.truth(1)
    pose = torch.from_numpy(frame.raw_from_camera)
    z = (truth.points[truth.mask].double() - pose[:, 3]) @ pose[:, 2]
    assert (frame.near, frame.far) == pytest.approx((float(z.min()), float(z.max())), abs=1e-5)
    points = torch.from_numpy(capture.capture.points)
    world = capture.worlds[0]
    distance = torch.stack(
        [item.body(0.0).distance((points - item.pose(0.0)[1]) @ item.pose(0.0)[0]) for item in world.objects]
    )
    assert float(distance.abs().amin(0).max()) < 1e-4


def test_held_out_photos_have_no_defects():
    defects = Defects(0.1, 0.1, 3.0, False, 0.3, 0.3, 0.1, 1.0, (0.3, 0.5), 0.05, 1.0, 0.1, 0.5)
    clean, faulty = _capture(), _capture(defects)
    for i in (0, 3):
        assert np.array_equal(_photo(clean, i), _photo(faulty, i))
        assert np.array_equal(
            clean.capture.frames[i].raw_from_camera, faulty.capture.frames[i].raw_from_camera
        )
        assert torch.equal(faulty.observed_labels(i), clean.truth(i).label)
    assert not np.array_equal(_photo(clean, 1), _photo(faulty, 1))
    assert torch.equal(clean.truth(1).rgb, faulty.truth(1).rgb)


def test_a_shift_by_whole_pixels_rolls_the_photo():
    clean, shifted = _capture(), _capture(Defects(shift_px=3.0, whole_pixel_shifts=True))
    for i in (1, 2, 4, 5):
        x, y = (round(value) for value in shifted.flaws[i].shift)
        rolled = np.roll(_photo(clean, i), (y, x), (0, 1)).astype(int)
        inner = (slice(3, -3), slice(3, -3))
        # float32 rounds pixel positions differently; a handful of edge pixels may fall either way.
        differs = np.abs(rolled[inner] - _photo(shifted, i)[inner]).max(-1) > 1
        assert differs.mean() < 0.003
    assert any(flaw.shift != (0.0, 0.0) for flaw in shifted.flaws)


def test_a_shift_below_a_pixel_equals_a_moved_principal_point():
    shifted = _capture(Defects(shift_px=0.9))
    frame, (x, y) = shifted.capture.frames[1], shifted.flaws[1].shift
    moved = replace(frame.intrinsics, cx=frame.intrinsics.cx + x, cy=frame.intrinsics.cy + y)
    again = make_capture(sparse_world(), Dome(), num_views=6, size=32, intrinsics=moved, holdout=0, samples=1)
    differs = np.abs(_photo(again, 1).astype(int) - _photo(shifted, 1)).max(-1) > 1
    assert differs.mean() < 0.003


def test_pose_noise_has_the_spread_that_was_asked_for():
    noisy = make_capture(
        sparse_world(),
        Dome(),
        num_views=300,
        size=2,
        defects=Defects(pose_turn_sd=0.05, pose_move_sd=0.2),
        holdout=0,
    )
    given = torch.stack([torch.from_numpy(frame.raw_from_camera) for frame in noisy.capture.frames])
    true = Dome().poses(300, 0)
    twist = se3_log(compose(invert_rigid(true), given))
    # 900 draws each: the sd of an estimated sd is 2.4 %.
    assert float(twist[:, :3].std()) == pytest.approx(0.05, rel=0.1)
    assert float(twist[:, 3:].std()) == pytest.approx(0.2, rel=0.1)
    assert float(twist.mean(0).abs().max()) < 0.05


def test_exposure_tint_and_offset_are_affine_in_each_channel():
    defects = Defects(exposure_sd=0.2, tint_sd=0.1, offset_sd=0.05)
    capture = _capture(defects)
    flaw, truth = capture.flaws[1], capture.truth(1)
    expected = (truth.rgb * torch.tensor(flaw.gain) + torch.tensor(flaw.offset)).clamp(0, 1)
    assert np.abs(_photo(capture, 1)[..., :3] / 255 - expected.numpy()).max() < 0.6 / 255
    assert len(set(flaw.gain)) == 3


def test_an_occluder_changes_its_square_only():
    clean, hidden = _capture(), _capture(Defects(occluded_share=1.0))
    square = hidden.occluded(1).numpy()
    assert 0.25**2 * 0.8 < square.mean() < 0.5**2 * 1.2
    assert np.array_equal(_photo(clean, 1)[~square], _photo(hidden, 1)[~square])
    assert (_photo(hidden, 1)[square][:, 3] == 255).all()
    assert len(np.unique(_photo(hidden, 1)[square], axis=0)) == 10


def test_about_the_asked_share_of_photos_is_occluded():
    capture = make_capture(
        sparse_world(),
        Dome(),
        num_views=200,
        size=8,
        defects=Defects(occluded_share=0.3),
        holdout=0,
        samples=1,
    )
    share = np.mean([flaw.square is not None for flaw in capture.flaws])
    assert abs(share - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 200)


def test_blur_keeps_the_total_and_removes_detail():
    room = make_capture(room_world(), Inside(), num_views=2, size=48, holdout=0)
    blurred = make_capture(
        room_world(), Inside(), num_views=2, size=48, holdout=0, defects=Defects(blur_px=1.5)
    )
    sharp, soft = _photo(room, 0).astype(float), _photo(blurred, 0).astype(float)
    assert abs(sharp.mean() - soft.mean()) < 2
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.5 * np.abs(np.diff(sharp, axis=1)).mean()


def test_sensor_noise_has_the_spread_that_was_asked_for():
    clean = make_capture(room_world(), Inside(), num_views=1, size=64, holdout=0)
    noisy = make_capture(
        room_world(), Inside(), num_views=1, size=64, holdout=0, defects=Defects(noise_sd=0.03)
    )
    middle = (_photo(clean, 0) > 60) & (_photo(clean, 0) < 195)
    noise = (_photo(noisy, 0).astype(float) - _photo(clean, 0))[middle] / 255
    # Rounding to 8 bits twice adds 0.0016.
    assert noise.std() == pytest.approx(0.03, rel=0.1)


def test_the_asked_share_of_labels_is_wrong():
    room = make_capture(
        room_world(), Inside(), num_views=1, size=64, holdout=0, defects=Defects(wrong_labels=0.4)
    )
    wrong = room.observed_labels(0) != room.truth(0).label
    assert float(wrong.float().mean()) == pytest.approx(0.4, abs=0.03)
    assert int(room.observed_labels(0).max()) < len(room.worlds[0].labels)


def test_few_labels_are_known_and_blocks_share_that_of_their_middle():
    room = make_capture(
        room_world(), Inside(), num_views=1, size=64, holdout=0, labels=True,
        defects=Defects(labelled_share=0.05, label_block=8),
    )  # fmt: skip
    seen, true = room.observed_labels(0), room.truth(0).label
    known = seen >= 0
    assert float(known.float().mean()) == pytest.approx(0.05, abs=0.01)
    middles = true[4::8, 4::8].repeat_interleave(8, 0).repeat_interleave(8, 1)
    assert torch.equal(seen[known], middles[known])
    handed_out = room.capture.frames[0].labels
    assert isinstance(handed_out, np.ndarray)
    assert np.array_equal(handed_out[known.numpy()], seen[known].numpy())
    assert (handed_out[~known.numpy()] == 255).all()
    assert room.capture.label_names == room.worlds[0].labels


def test_photos_have_labels_only_if_they_are_asked_for():
    assert _capture().capture.frames[0].labels is None
    assert _capture().capture.label_names == ()


def test_sway_moves_things_in_the_photos_but_not_in_the_truth():
    swaying = _capture(Defects(sway_sd=0.05))
    assert not np.array_equal(_photo(swaying, 1), _photo(_capture(), 1))
    assert torch.equal(swaying.truth(1).rgb, _capture().truth(1).rgb)


def test_sparse_points_lie_on_what_does_not_move():
    world = moving_world(0, "slide")
    points = make_capture(world, Orbit(), num_views=4, size=16, samples=1, holdout=0).capture.points
    assert points is not None
    assert len(points) == 80
    ball = next(item for item in world.objects if item.moves)
    for view, own in enumerate(points.reshape(4, 20, 3)):
        from_center = np.linalg.norm(own - ball.pose(view / 3)[1].numpy(), axis=-1)
        assert np.abs(from_center - 0.16).min() > 1e-3


def test_time_runs_from_zero_to_one_in_moving_worlds_only():
    moving = make_capture(moving_world(), Orbit(), num_views=5, size=8, samples=1)
    assert [frame.time for frame in moving.capture.frames] == [0, 0.25, 0.5, 0.75, 1]
    assert {frame.time for frame in _capture().capture.frames} == {0.0}
    assert float(moving.scene_flow(1, 0.5).norm(dim=-1).max()) >= 0
    flow, visible = moving.flow(1, 1)
    assert float(flow.abs().max()) < 1e-3
    assert bool(visible.eq(moving.truth(1).mask).all())


def test_each_view_can_have_a_world_of_its_own():
    worlds = [head_world(mouth=mouth) for mouth in (0.0, 1.0)]
    still = Orbit(turns=0.0, elevation_rad=0.1)
    capture = make_capture(worlds, still, num_views=2, size=24, holdout=0)
    assert not np.array_equal(_photo(capture, 0), _photo(capture, 1))


def test_making_a_capture_leaves_the_number_of_threads_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        _capture()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
