import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.synthetic.signals import pattern
from rayloom.data.views import Views
from rayloom.errors import InputError
from rayloom.methods.inerf import INeRF, INeRFConfig, interest_region, rates
from rayloom.schedules import exponential
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.types import Progress, SceneInfo
from tests.methods.ball import OBJECT, BallBatches


def inerf(scene: SceneInfo = OBJECT, **settings: object) -> INeRF:
    return INeRF(replace(INeRF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def at(fraction: float) -> Progress:
    return Progress(step=0, fraction=fraction)


def searching(method: INeRF) -> INeRF:
    """The method when its field has been fitted."""
    assert method.after_step(at(method.config.field_share))
    return method


def views(*images: np.ndarray) -> Views:
    """Photos from the origin."""
    intrinsics = [
        Intrinsics(CameraModel.PINHOLE, image.shape[1], image.shape[0], 40.0, 40.0, 12.0, 12.0)
        for image in images
    ]
    poses = torch.eye(3, 4).repeat(len(images), 1, 1)
    return Views(Cameras.from_intrinsics(intrinsics, poses, 1.0, 3.0), images)


def blob(height: int, width: int, x: int, y: int) -> np.ndarray:
    """A soft white dot on black."""
    rows, columns = np.mgrid[:height, :width]
    dot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    return (255 * np.repeat(dot[..., None], 3, axis=-1)).astype(np.uint8)


def test_the_paper_size_has_595844_parameters_and_a_twist_for_each_photo():
    method = INeRF(INeRFConfig(), OBJECT)
    assert sum(p.numel() for p in method.parameters()) == 595_844 + 6 * OBJECT.num_images


def test_first_the_field_is_fitted_and_then_the_cameras_are_sought():
    method = inerf(rays_per_step=64)
    field = {name: value.clone() for name, value in method.network.state_dict().items()}
    seen, after_step = [], method.after_step

    def watch(progress: Progress) -> bool:
        frozen = after_step(progress)
        seen.append((progress.fraction, {name: value.clone() for name, value in method.state_dict().items()}))
        return frozen

    method.after_step = watch
    train(method, BallBatches(OBJECT), TrainConfig(steps=8))
    fitted, last = next(state for fraction, state in seen if fraction >= 0.5), seen[-1][1]
    assert not torch.equal(fitted["network.density_head.weight"], field["density_head.weight"])
    assert not fitted["cameras.twists"].any()
    assert all(torch.equal(last[f"network.{name}"], fitted[f"network.{name}"]) for name in field)
    assert last["cameras.twists"].any()


def test_cameras_are_thrown_off_by_the_known_amount():
    method = searching(inerf(start_turn_deg=12.0, start_move=0.1))
    turns, moves = method.cameras.twists.detach().split(3, dim=-1)
    torch.testing.assert_close(turns.norm(dim=-1), torch.full((4,), math.radians(12)))
    torch.testing.assert_close(moves.norm(dim=-1), torch.full((4,), 0.1))
    assert not searching(inerf()).cameras.twists.any()


def test_the_field_is_frozen_once():
    method = searching(inerf(start_move=0.1))
    assert not any(parameter.requires_grad for parameter in method.network.parameters())
    before = method.cameras.twists.detach().clone()
    assert not method.after_step(at(0.9))
    assert torch.equal(method.cameras.twists, before)


def test_rates_hold_from_share_to_share():
    whole = rates(1e-2, 1e-3, 0.25, 0.75)
    for fraction, rate in ((0.25, 1e-2), (0.5, math.sqrt(1e-5)), (0.75, 1e-3)):
        assert exponential(fraction, whole["lr"], whole["lr_final"]) == pytest.approx(rate)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_cameras_wait_while_the_field_is_fitted_however_long(share: float):
    method = inerf(field_share=share)
    train(method, BallBatches(OBJECT), TrainConfig(steps=1))
    assert not method.cameras.twists.any()


@pytest.mark.parametrize("share", [0.0, 0.95, -0.5])
def test_both_parts_take_time(share: float):
    with pytest.raises(InputError, match="field_share"):
        inerf(field_share=share)


def test_interest_lies_around_what_stands_out_and_grows_by_two_pixels_a_dilation():
    photo = blob(48, 64, x=40, y=20)
    region = interest_region(photo, 1)
    rows, columns = region.nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (18, 22, 38, 42)
    assert interest_region(photo, 3).sum() == 13**2


def test_keypoints_are_found_in_a_detailed_picture_and_fewer_pixels_count():
    photo = (255 * pattern(64)).astype(np.uint8)
    assert 0.02 < interest_region(photo, 1).mean() < 0.6


def test_a_photo_without_detail_counts_everywhere():
    assert interest_region(np.full((20, 30, 3), 90, np.uint8), 3).all()


def test_what_lies_behind_alpha_is_of_no_interest():
    hidden = np.concatenate([blob(48, 64, x=40, y=20), np.zeros((48, 64, 1), np.uint8)], axis=-1)
    assert inerf().region(hidden).all()


def test_regions_are_looked_up_by_photo_and_pixel_at_every_scale():
    method = searching_in(blob(48, 64, x=40, y=20), blob(40, 40, x=10, y=30))
    batch = BallBatches(OBJECT).next(6)
    camera = torch.tensor([0, 0, 1, 1, 0, 1])
    pixels = torch.tensor([[40.5, 20.5], [10.5, 30.5], [40.5, 20.5], [10.5, 30.5], [42.9, 22.9], [5.0, 15.0]])
    batch = replace(batch, rays=replace(batch.rays, camera_index=camera, pixels=pixels))
    assert method.of_interest(batch).tolist() == [True, False, False, True, True, False]
    halved = replace(batch, area=torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 4.0]))
    assert method.of_interest(halved).tolist() == [True, False, False, True, True, True]


def searching_in(*images: np.ndarray) -> INeRF:
    method = inerf(replace(OBJECT, num_images=len(images)))
    method.observe(views(*images))
    return searching(method)


def test_rays_outside_count_nothing_and_more_are_drawn():
    method = searching_in(blob(48, 64, x=40, y=20))
    batch = BallBatches(replace(OBJECT, num_images=1)).next(6)
    pixels = torch.tensor([[40.5, 20.5]] * 2 + [[5.5, 5.5]] * 4)
    batch = replace(batch, rays=replace(batch.rays, pixels=pixels))
    rendering = method.eval().render(batch.rays)
    loss = method.losses(rendering, batch, at(0.9))["photometric"]
    torch.testing.assert_close(loss, (rendering.rgb - batch.rgb)[:2].square().mean())
    assert method.rays_per_step() == round(256 * 48 * 64 / 25)


def test_where_no_ray_is_of_interest_all_count():
    method = searching_in(blob(48, 64, x=40, y=20))
    batch = BallBatches(replace(OBJECT, num_images=1)).next(3)
    batch = replace(batch, rays=replace(batch.rays, pixels=torch.full((3, 2), 1.5)))
    assert method.of_interest(batch).all()


def test_without_regions_every_pixel_counts():
    method = inerf(interest_regions=False)
    method.observe(views(*[blob(48, 64, x=40, y=20)] * 4))
    assert searching(method).rays_per_step() == method.config.rays_per_step
    assert method.of_interest(BallBatches(OBJECT).next(5)).all()
