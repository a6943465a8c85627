"""Displacements that are known: of whole pictures, of halves, and none."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rayloom.metrics.images import MAX_PSNR, psnr
from rayloom.metrics.warping import REACH, optical_flow, shifted_psnr, warped, warped_error

HEIGHT, WIDTH = 72, 96


def waves(x: float = 0.0, y: float = 0.0, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """A picture of many waves without sharp edges, moved to the right by x and down by y."""
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    rows, columns = rows - y, columns - x
    g = np.random.default_rng(0)
    picture = np.zeros((height, width, 3))
    for _ in range(12):
        along, down, phase = *g.uniform(-0.6, 0.6, 2), g.uniform(0, 7)
        picture += np.sin(along * columns + down * rows + phase)[..., None] * g.uniform(0.5, 1, 3)
    return torch.from_numpy(0.5 + 0.06 * picture).clamp(0, 1).float()


@pytest.mark.parametrize("image", [waves(), torch.full((20, 30, 3), 0.5)], ids=["waves", "flat"])
def test_equal_pictures_differ_in_nothing(image: Tensor):
    # Places are computed in float32.
    assert (warped_error(image, image) or 0) < 1e-7
    found = shifted_psnr(image, image)
    assert found is not None
    assert (found.psnr, found.x, found.y) == (MAX_PSNR, 0, 0)


@given(st.integers(-REACH, REACH), st.integers(-REACH, REACH))
@settings(deadline=None, max_examples=15)
def test_a_whole_displacement_is_found_and_costs_nothing(x: int, y: int):
    found = shifted_psnr(waves(-x, -y), waves())
    assert found is not None
    assert (found.x, found.y) == (x, y)
    assert found.psnr > 90


def test_a_displacement_of_quarter_pixels_is_found():
    found = shifted_psnr(waves(-1.25, 2.5), waves())
    assert found is not None
    assert (found.x, found.y) == (1.25, -2.5)
    # What is left is the error of Lanczos interpolation.
    assert found.psnr > 45 > psnr(waves(-1.25, 2.5), waves()) + 20


def test_a_displacement_beyond_reach_is_not_found():
    near, far = shifted_psnr(waves(-3), waves(), reach=3), shifted_psnr(waves(-5), waves(), reach=3)
    assert near is not None
    assert far is not None
    assert near.psnr > 90
    assert far.psnr < 40
    assert max(abs(far.x), abs(far.y)) <= 3


@given(st.integers(0, 2**31), st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=15)
def test_moving_never_scores_below_staying_where_the_same_pixels_are_judged(seed: int, share: float):
    g = torch.Generator().manual_seed(seed)
    truth = torch.rand(24, 26, 3, generator=g)
    rendered = (truth + 0.3 * torch.rand(24, 26, 3, generator=g)).clamp(0, 1)
    valid = torch.rand(24, 26, generator=g) < share
    found, inner = shifted_psnr(rendered, truth, valid), (slice(8, -8), slice(8, -8))
    if not valid[inner].any():
        assert found is None
    else:
        assert found is not None
        assert found.psnr >= psnr(rendered[inner], truth[inner], valid[inner])


def test_pixels_that_are_not_valid_change_no_displacement_and_no_score():
    valid = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    valid[20:40, 30:60] = False
    spoilt = torch.where(valid[..., None], waves(), 1 - waves())
    found = shifted_psnr(waves(-2), spoilt, valid)
    assert found is not None
    assert (found.x, found.y) == (2, 0)
    assert found.psnr > 90
    error = warped_error(waves(-2), spoilt, valid)
    assert error is not None
    assert error < 0.01 < (warped_error(waves(-2), spoilt) or 0)


def test_pictures_too_small_for_their_reach_have_no_score():
    assert shifted_psnr(waves(height=16, width=96), waves(height=16, width=96)) is None
    assert shifted_psnr(waves(height=17, width=17), waves(height=17, width=17)) is not None


def test_flow_finds_where_each_half_went():
    end = torch.cat([waves(1.5, 0)[:, : WIDTH // 2], waves(0, -2)[:, WIDTH // 2 :]], dim=1)
    flow = optical_flow(waves(), end)
    left, right = flow[10:-10, 10 : WIDTH // 2 - 12], flow[10:-10, WIDTH // 2 + 12 : -10]
    torch.testing.assert_close(
        left.flatten(0, 1).median(0).values, torch.tensor([1.5, 0.0]), atol=0.2, rtol=0
    )
    torch.testing.assert_close(
        right.flatten(0, 1).median(0).values, torch.tensor([0.0, -2.0]), atol=0.2, rtol=0
    )


def test_flow_does_not_depend_on_the_number_of_threads_and_leaves_it_alone():
    before = cv2.getNumThreads()
    try:
        flows = []
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            flows.append(optical_flow(waves(), waves(1, 1)))
            assert cv2.getNumThreads() == threads
        torch.testing.assert_close(*flows, rtol=0, atol=0)
    finally:
        cv2.setNumThreads(before)


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_an_image_warped_by_whole_pixels_is_read_there(x: int, y: int):
    image, inner = waves(), (slice(5, -5), slice(5, -5))
    flow = torch.tensor([float(x), float(y)]).expand(HEIGHT, WIDTH, 2)
    expected = torch.roll(image, (-y, -x), dims=(0, 1))
    torch.testing.assert_close(warped(image, flow)[inner], expected[inner], atol=1e-5, rtol=0)


def test_a_warp_between_pixels_is_bilinear():
    image = torch.tensor([[0.0, 1.0], [2.0, 4.0]])[..., None]
    flow = torch.tensor([0.25, 0.5]).expand(2, 2, 2)
    assert float(warped(image, flow)[0, 0, 0]) == pytest.approx(0.5 * 0.25 + 0.5 * 2.5)


def test_a_displaced_rendering_has_the_smaller_error_after_warping_and_a_brighter_one_has_not():
    plain = float((waves(-2, 1) - waves()).abs().mean())
    error = warped_error(waves(-2, 1), waves())
    assert error is not None
    assert error < 0.15 * plain
    assert warped_error(waves() + 0.1, waves()) == pytest.approx(0.1, abs=0.02)


def test_what_was_never_rendered_is_not_judged():
    nothing = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    assert warped_error(waves(), waves(), nothing) is None
    assert shifted_psnr(waves(), waves(), nothing) is None
