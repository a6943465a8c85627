from dataclasses import replace

import pytest
import torch

from rayloom.fields.frame_codes import FrameCodes
from tests.methods.ball import OBJECT, random_rays

close = torch.testing.assert_close


def codes(*times: float) -> FrameCodes:
    made = FrameCodes(len(times), 3, spread=1.0)
    made.start_from(torch.tensor(times))
    return made


def test_a_training_ray_has_the_code_of_its_photo_whatever_its_time():
    made, rays = codes(0.0, 1.0, 0.5), random_rays(OBJECT, 3, torch.Generator().manual_seed(0))
    rays = replace(rays, camera_index=torch.tensor([2, 0, 1]), time=torch.rand(3))
    close(made(rays), made.weight[[2, 0, 1]])


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0.0, (1.0, 0.0, 0.0)),
        (0.25, (0.5, 0.0, 0.5)),
        (0.5, (0.0, 0.0, 1.0)),
        (0.875, (0.0, 0.75, 0.25)),
        (1.0, (0.0, 1.0, 0.0)),
    ],
)
def test_moments_lie_between_the_photos_around_them(time: float, expected: tuple[float, ...]):
    made, rays = codes(0.0, 1.0, 0.5), random_rays(OBJECT, 1, torch.Generator().manual_seed(0))
    rays = replace(rays, camera_index=torch.tensor([-1]), time=torch.tensor([time]))
    close(made(rays)[0], torch.tensor(expected) @ made.weight)


def test_codes_begin_on_a_line_in_the_order_of_the_times():
    made, times = FrameCodes(5, 3, spread=0.0), torch.tensor([0.0, 1.0, 0.5, 0.75, 0.25])
    made.start_from(times, reach=2.0)
    whole = made.weight[1] - made.weight[0]
    close(made.weight.detach(), (times - 0.5)[:, None] * whole.detach())
    assert whole.abs().max() > 0
    made.start_from(times)
    close(made.weight.detach(), torch.zeros(5, 3))


def test_before_the_first_and_behind_the_last_photo_the_code_stays():
    made = codes(0.25, 0.75)
    close(made.at(torch.tensor([0.0, 1.0])), made.weight.detach())


def test_photos_of_one_moment_count_with_their_mean():
    made = codes(0.5, 0.5, 1.0)
    close(made.at(torch.tensor(0.5)), made.weight[:2].mean(0))
    close(codes(0.0, 0.0).at(torch.rand(4, 2)).shape, torch.Size([4, 2, 3]))


def test_a_moment_hands_its_gradient_to_its_neighbours():
    made = codes(0.0, 0.5, 1.0)
    made.at(torch.tensor([0.125])).sum().backward()
    assert made.weight.grad is not None
    close(made.weight.grad, torch.tensor([[0.75] * 3, [0.25] * 3, [0.0] * 3]))
