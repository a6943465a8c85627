import math

import pytest
import torch

from rayloom.claims.alignment_1d import (
    HIGHEST,
    NUM_SAMPLES,
    SHIFT,
    WIDTH,
    ShiftedCopies,
    align,
    loss,
    pull,
    share_found,
    shifted_copies,
    slope,
)

close = torch.testing.assert_close


def test_the_second_copy_is_the_first_one_shifted_to_the_right():
    copies = shifted_copies(3, 0, noise=0.0)
    k = torch.arange(NUM_SAMPLES) * (2 * math.pi / NUM_SAMPLES)
    lowest_first, lowest_second = (
        (copy * torch.exp(-1j * k)).sum(-1) for copy in (copies.first, copies.second)
    )
    close((lowest_second / lowest_first).angle(), -2 * math.pi * copies.shift)
    close(copies.first.square().mean(-1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("cells", [0, 1, -7])
def test_the_loss_is_twice_that_of_the_best_signal_between_both_copies(cells: int):
    copies = shifted_copies(4, 1)
    # b(x + v) for a shift by whole samples; the best signal is found by least squares on the samples.
    moved = copies.second.roll(-cells, -1)
    mean_free = [copy - copy.mean(-1, keepdim=True) for copy in (copies.first, moved)]
    both = torch.cat([torch.eye(NUM_SAMPLES, dtype=torch.float64)] * 2)
    seen = torch.cat(mean_free, dim=-1).T
    best = torch.linalg.lstsq(both, seen).solution
    left = (both @ best - seen).square().sum(0) / NUM_SAMPLES
    shift = torch.full((4,), cells / NUM_SAMPLES, dtype=torch.float64)
    close(loss(copies, shift), 2 * left)


@pytest.mark.parametrize("width", [0.0, 0.03])
def test_the_slope_in_closed_form_is_that_of_the_loss(width: float):
    copies, shift = shifted_copies(5, 2), torch.linspace(-0.3, 0.3, 5, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(copies, shift, width).sum(), shift)
    close(slope(copies, shift.detach(), width), gradient)


def test_filtering_both_copies_is_what_the_width_does():
    copies, width = shifted_copies(4, 3), 0.04
    x = torch.arange(NUM_SAMPLES, dtype=torch.float64) / NUM_SAMPLES
    # The kernel of a signal that repeats: the sum of Gaussians one period apart.
    apart = x[:, None] - x[None, :] + torch.arange(-4, 5)[:, None, None]
    kernel = (
        torch.exp(-0.5 * (apart / width).square()).sum(0) / (width * math.sqrt(2 * math.pi)) / NUM_SAMPLES
    )
    filtered = ShiftedCopies(copies.first @ kernel, copies.second @ kernel, copies.shift)
    shift = torch.tensor([0.0, 0.01, -0.2, 0.4], dtype=torch.float64)
    close(loss(filtered, shift), loss(copies, shift, width))


def test_without_noise_the_slope_is_the_sum_of_energy_times_pull():
    copies, shift, width = shifted_copies(3, 4, noise=0.0), torch.tensor([0.02, -0.05, 0.3]).double(), 0.01
    k = torch.arange(1, NUM_SAMPLES // 2 + 1, dtype=torch.float64)
    energy = copies.spectra[0].abs().square()
    remaining = (shift - copies.shift)[:, None]
    close(slope(copies, shift, width), 2 * (energy * pull(k, remaining, width)).sum(-1))


def test_a_frequency_pulls_the_right_way_within_half_its_period_only():
    k = torch.arange(1.0, HIGHEST + 1)
    for u in (0.02, 0.13, 0.4):
        right = pull(k, torch.tensor(u)) > 0
        assert right[k < 1 / (2 * u)].all()
        assert not right[(k > 1 / (2 * u)) & (k < 1 / u)].any()


def test_alignment_from_the_truth_stays_there():
    copies = shifted_copies(5, 5, noise=0.0)
    aligned = ShiftedCopies(copies.first, copies.first, torch.zeros_like(copies.shift))
    assert (align(aligned, WIDTH, steps=50).abs() < 1e-9).all()


def test_the_filter_finds_what_is_lost_without_it_and_with_too_much_of_it():
    unfiltered, filtered, too_wide = (share_found(20, 0, width) for width in (0.0, WIDTH, 10 * WIDTH))
    assert unfiltered < 0.3
    assert filtered > 0.9
    assert too_wide < filtered
    assert abs(WIDTH - 0.6 * SHIFT) < 1e-12
