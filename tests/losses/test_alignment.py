import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rayloom.losses.alignment import (
    DisplacementLog,
    alignment,
    anchor,
    displaced,
    displacements,
    match_costs,
)
from rayloom.types import Crops

close = torch.testing.assert_close


def crops_of(rgb: Tensor, valid: Tensor | None = None) -> Crops:
    valid = torch.ones(rgb.shape[:3], dtype=torch.bool) if valid is None else valid
    return Crops(rgb, alpha=torch.ones(rgb.shape[:3]), valid=valid)


def brute_force(rendered: Tensor, crops: Crops, weight: float) -> Tensor:
    """The costs as their definition says, displacement by displacement."""
    side = rendered.shape[1]
    reach = crops.rgb.shape[1] - side
    costs = torch.full((len(rendered), reach + 1, reach + 1), math.inf, dtype=rendered.dtype)
    for n in range(len(rendered)):
        for top in range(reach + 1):
            for left in range(reach + 1):
                window = (n, slice(top, top + side), slice(left, left + side))
                valid = crops.valid[window]
                y, x = top - reach // 2, left - reach // 2
                if valid.all() or (x == y == 0):
                    errors = (rendered[n] - crops.rgb[window]).square().mean(-1)[valid]
                    penalty = weight * math.hypot(x, y)
                    costs[n, top, left] = (errors.mean() if len(errors) else 0.0) + penalty
    return costs


@given(
    st.integers(0, 2**31),
    st.integers(1, 9),
    st.integers(0, 4),
    st.sampled_from([0.0, 0.01, 3.0]),
    st.sampled_from([0.0, 0.03, 0.5]),
)
def test_costs_are_those_of_brute_force(seed, side, margin, weight, hidden):
    generator = torch.Generator().manual_seed(seed)
    size = side + 2 * margin
    rendered = torch.rand(3, side, side, 3, generator=generator)
    valid = torch.rand(3, size, size, generator=generator) >= hidden
    crops = crops_of(torch.rand(3, size, size, 3, generator=generator), valid)
    close(match_costs(rendered, crops, weight), brute_force(rendered, crops, weight), atol=1e-5, rtol=0)


def test_costs_are_true_at_the_size_of_the_paper_and_on_bright_and_flat_photos():
    photo = 0.9 + 0.05 * torch.rand(2, 48, 48, 3)
    rendered = photo[:, 8:40, 8:40] + 0.01 * torch.rand(2, 32, 32, 3)
    exact = brute_force(rendered.double(), crops_of(photo.double()), 0.0)
    assert (match_costs(rendered, crops_of(photo), 0.0) - exact).abs().max() < 1e-7


@pytest.mark.parametrize("move", [(3, -2), (-4, 4), (0, 0), (0, 1)])
def test_a_known_shift_is_found(move):
    x, y = move
    rendered = torch.rand(5, 16, 16, 3)
    photo = torch.rand(5, 24, 24, 3)
    photo[:, 4 + y : 20 + y, 4 + x : 20 + x] = rendered
    found = alignment(rendered, crops_of(photo), 0.0)
    assert found.displacements.tolist() == [[x, y]] * 5
    assert torch.equal(found.matched.rgb, rendered)
    assert found.loss == 0


def test_a_flat_patch_stays_in_its_place():
    rendered, crops = torch.full((2, 8, 8, 3), 0.3), crops_of(torch.full((2, 16, 16, 3), 0.7))
    assert displacements(rendered, crops, 1e-4).tolist() == [[0, 0]] * 2
    close(alignment(rendered, crops, 1e-4).loss, torch.tensor(0.16))


def test_a_long_way_is_gone_only_where_it_pays():
    photo = torch.zeros(1, 12, 12, 3)
    photo[:, :, 8:] = 1.0
    rendered = photo[:, 2:10, 4:12]
    # Two pixels to the right everything fits; in its place two of eight columns are off by 1.
    costs = match_costs(rendered, crops_of(photo), 0.0)[0]
    close(costs[2], torch.tensor([0.5, 0.375, 0.25, 0.125, 0.0]))
    for weight, x in ((0.124, 2), (0.126, 0)):
        assert displacements(rendered, crops_of(photo), weight).tolist() == [[x, 0]]


def test_the_loss_is_the_least_cost_with_its_penalty():
    rendered, crops = torch.rand(4, 6, 6, 3), crops_of(torch.rand(4, 12, 12, 3))
    least = match_costs(rendered, crops, 0.02).flatten(1).amin(1)
    close(alignment(rendered, crops, 0.02).loss, least.mean())


def test_photos_are_not_matched_beyond_their_border_nor_at_ignored_pixels():
    rendered, valid = torch.rand(2, 6, 6, 3), torch.ones(2, 12, 12, dtype=torch.bool)
    photo = torch.rand(2, 12, 12, 3)
    # The perfect fits lie where there is no photo, and over one ignored pixel.
    photo[0, 3:9, 6:12] = rendered[0]
    valid[0, :, 10:] = False
    photo[1, 1:7, 1:7] = rendered[1]
    valid[1, 1, 1] = False
    costs = match_costs(rendered, crops_of(photo, valid), 0.0)
    assert costs[0, :, 5:].isinf().all()
    assert costs[0, :, :5].isfinite().all()
    assert costs[1].isinf().nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_where_nothing_else_is_left_a_patch_learns_from_its_own_valid_pixels():
    valid = torch.zeros(2, 10, 10, dtype=torch.bool)
    valid[0, 4:7, 4:6] = True
    rendered, crops = torch.rand(2, 6, 6, 3, requires_grad=True), crops_of(torch.rand(2, 10, 10, 3), valid)
    found = alignment(rendered, crops, 0.5)
    assert not found.displacements.any()
    errors = (rendered[0, 2:5, 2:4] - crops.rgb[0, 4:7, 4:6]).square()
    close(found.loss, errors.mean() / 2)
    found.loss.backward()
    assert rendered.grad is not None
    assert rendered.grad.isfinite().all()
    assert not rendered.grad[1].any()
    assert rendered.grad[0].any(-1).sum() == 6


def test_the_gradient_is_that_of_the_squared_error_at_the_displacement_found():
    rendered = torch.rand(3, 4, 4, 3, dtype=torch.float64, requires_grad=True)
    photo = torch.rand(3, 8, 8, 3, dtype=torch.float64, requires_grad=True)
    found = alignment(rendered, crops_of(photo), 0.01)
    rendered_slope, photo_slope = torch.autograd.grad(found.loss, [rendered, photo], retain_graph=True)
    close(rendered_slope, 2 * (rendered - found.matched.rgb) / rendered.numel())
    # The photo is data: what slope it has is that of the matched pixels, none of the choice.
    matched = displaced(crops_of(photo), found.displacements, 4).rgb
    expected = torch.autograd.grad((rendered - matched).square().mean(), photo)[0]
    close(photo_slope, expected)
    assert torch.autograd.gradcheck(lambda x: alignment(x, crops_of(photo.detach()), 0.01).loss, rendered)


def test_an_anchor_pulls_each_valid_pixel_to_its_own_place():
    rendered = torch.rand(2, 4, 4, 3, dtype=torch.float64, requires_grad=True)
    valid = torch.ones(2, 8, 8, dtype=torch.bool)
    valid[1, 2, 3] = False
    crops = crops_of(torch.rand(2, 8, 8, 3, dtype=torch.float64), valid)
    loss = anchor(rendered, crops)
    difference = rendered - crops.rgb[:, 2:6, 2:6]
    length = (difference.square() + 1e-6).sqrt()
    known = valid[:, 2:6, 2:6, None].expand_as(length)
    close(loss, (length[known].sum() + 3 * 1e-3) / length.numel())
    (slope,) = torch.autograd.grad(loss, rendered)
    close(slope, known * difference / length / length.numel())
    assert not slope[1, 0, 1].any()


def test_displaced_squares_are_cut_from_colours_alpha_and_validity_alike():
    rgb = torch.rand(3, 9, 9, 3)
    crops = Crops(rgb, alpha=rgb[..., 0], valid=rgb[..., 1] > 0.5)
    moves = torch.tensor([[2, -1], [0, 0], [-2, 2]])
    squares = displaced(crops, moves, 5)
    for n, (x, y) in enumerate(moves.tolist()):
        window = (n, slice(2 + y, 7 + y), slice(2 + x, 7 + x))
        assert torch.equal(squares.rgb[n], rgb[window])
        assert torch.equal(squares.alpha[n], crops.alpha[window])
        assert torch.equal(squares.valid[n], crops.valid[window])


def test_the_log_has_the_mean_of_each_photo():
    log = DisplacementLog(3)
    log.add(torch.tensor([[2, 0], [0, -4], [1, 1]]), torch.tensor([0, 2, 0]))
    log.add(torch.tensor([[3, 5]]), torch.tensor([0]))
    assert log.means().tolist() == [[2, 2], [0, 0], [0, -4]]
    assert set(log.state_dict()) == {"total", "count"}
