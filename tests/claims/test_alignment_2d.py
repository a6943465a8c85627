import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.claims.alignment_2d import (
    NetworkPicture,
    TensorPicture,
    Windows,
    align,
    draw_windows,
    homographies,
    looked_up,
    outdoor_photo,
    warped,
)
from rayloom.data.synthetic.signals import pattern

close = torch.testing.assert_close


def photo(size: int = 32) -> torch.Tensor:
    return torch.from_numpy(pattern(size)).float()


@given(st.integers(0, 2**31))
def test_homographies_keep_areas_and_undo_each_other(seed):
    numbers = 0.3 * torch.randn(4, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    forth, back = homographies(numbers), homographies(-numbers)
    close(torch.linalg.det(forth), torch.ones(4, dtype=torch.float64))
    close(forth @ back, torch.eye(3, dtype=torch.float64).expand(4, 3, 3))


def test_the_eight_numbers_are_eight_directions():
    zero = torch.zeros(1, 8, dtype=torch.float64)
    moved = homographies(zero + 1e-6 * torch.eye(8, dtype=torch.float64)) - homographies(zero)
    assert torch.linalg.matrix_rank(moved.flatten(1) / 1e-6, atol=1e-3) == 8
    close(homographies(zero)[0], torch.eye(3, dtype=torch.float64))


def test_the_first_two_numbers_shift():
    shift = torch.tensor([[0.3, -0.2, 0, 0, 0, 0, 0, 0]])
    points = torch.rand(5, 2)
    close(warped(homographies(shift), points)[0], points + shift[0, :2])


def test_lines_stay_lines_under_a_homography():
    points = torch.tensor([[0.0, 0.0], [0.2, 0.1], [0.6, 0.3]], dtype=torch.float64)
    a, b, c = warped(homographies(0.2 * torch.randn(1, 8, dtype=torch.float64)), points)[0]
    area = (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]
    assert abs(area) < 1e-12


def test_pixels_have_their_own_colours_and_mixtures_lie_between():
    picture, middle = photo(8), (torch.arange(8) + 0.5) / 4 - 1
    y, x = torch.meshgrid(middle, middle, indexing="ij")
    close(looked_up(picture, torch.stack([x, y], -1).reshape(1, -1, 2))[0], picture.reshape(-1, 3))
    between = torch.tensor([[[middle[2], (middle[4] + middle[5]) / 2]]])
    close(looked_up(picture, between)[0, 0], (picture[4, 2] + picture[5, 2]) / 2)


def test_the_first_window_is_the_middle_of_the_picture():
    windows = draw_windows(photo(), seed=3)
    close(windows.rgb[0], photo()[8:24, 8:24])
    assert windows.rgb.shape == (5, 16, 16, 3)


def test_corner_errors_are_in_pixels_of_the_picture():
    straight = torch.eye(3).repeat(5, 1, 1)
    windows = Windows(torch.zeros(5, 16, 16, 3), straight)
    # The picture is 2 wide and has 32 pixels: 3 and 4 pixels make 5.
    numbers = torch.zeros(5, 8)
    numbers[1:, :2] = torch.tensor([3.0, 4.0]) / 16
    assert windows.corner_error(homographies(numbers)) == pytest.approx(5, rel=1e-5)
    assert windows.corner_error(straight) == 0


@pytest.mark.parametrize("width", [0.0, 2.0])
def test_the_gradient_reaches_picture_and_places(width: float):
    learner = TensorPicture(8, width).double()
    learner.colors.data.uniform_()
    learner.begin_step(0.1)
    places = (1.6 * torch.rand(2, 3, 2, dtype=torch.float64) - 0.8).requires_grad_()

    def colours(at: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(learner, {"colors": colors}, (at,))

    assert torch.autograd.gradcheck(colours, (places, learner.colors.detach().requires_grad_()))


def test_learners_go_from_coarse_to_fine():
    tensor, network = TensorPicture(32, 4.0), NetworkPicture()
    seen = []
    for fraction in (0.0, 0.25, 0.75, 1.0):
        for learner in (tensor, network):
            learner.begin_step(fraction)
        seen.append((tensor.blur, float(network.encoding.octaves_in)))
    assert seen == [(4.0, 0.0), (2.0, 5.0), (0.0, 8.0), (0.0, 8.0)]


def test_a_picture_and_its_windows_are_learnt_under_the_filter():
    windows = draw_windows(outdoor_photo(32, 0), seed=0)
    naive, filtered = (align(windows, TensorPicture(32, width), steps=150) for width in (0.0, 32 / 12))
    assert naive.corner_errors[0] == filtered.corner_errors[0] > 2
    assert filtered.corner_errors[-1] < 0.25 * naive.corner_errors[-1]
    assert filtered.psnr > naive.psnr + 8
    assert filtered.picture.shape == (32, 32, 3)
    # At the start, after every 25 steps.
    assert len(filtered.corner_errors) == 7


def test_a_network_learns_too():
    windows = draw_windows(photo(16), seed=0)
    learnt = align(windows, NetworkPicture(), steps=60)
    assert math.isfinite(learnt.corner_errors[-1])
    assert learnt.psnr > 12
    torch.testing.assert_close(learnt.homography[0], torch.eye(3))


def test_the_photo_is_detailed_everywhere():
    picture = outdoor_photo(24, 0)
    quarters = picture.unfold(0, 12, 12).unfold(1, 12, 12).flatten(3)
    assert (quarters.std(-1).amax(-1) > 0.02).all()
