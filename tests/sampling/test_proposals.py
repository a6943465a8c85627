from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.sampling.proposals import anneal_exponent, dilation_width, resample, resample_blurred

close = torch.testing.assert_close
SIZES, COUNTS, SEEDS = st.integers(1, 33), st.integers(2, 33), st.integers(0, 2**31)


def histogram(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Edges from 0 to 1 and weights for four rays, in float64."""
    g = torch.Generator().manual_seed(seed)
    inner = torch.rand(4, n - 1, generator=g, dtype=torch.float64).sort(-1).values
    edges = torch.nn.functional.pad(torch.nn.functional.pad(inner, (1, 0)), (0, 1), value=1.0)
    return edges, torch.rand(4, n, generator=g, dtype=torch.float64)


def cut_by_hand(
    edges: list[float], weights: list[float], num: int, width: float, power: float
) -> list[float]:
    """What `resample` does, ray by ray and bin by bin, on the real line instead of in bins."""
    bins = list(zip(edges[:-1], edges[1:], weights, strict=True))
    density = [(a - width, b + width, w / (b - a)) for a, b, w in bins]
    cuts = sorted({min(max(x, 0.0), 1.0) for a, b, _ in bins for x in (a - width, a, b, b + width)})
    pieces = []
    for low, high in pairwise(cuts):
        top = max(d for a, b, d in density if a < (low + high) / 2 < b)
        pieces.append([low, high, top * (high - low)])
    total = sum(piece[2] for piece in pieces)
    pieces = [(low, high, (mass / total) ** power) for low, high, mass in pieces]
    total = sum(piece[2] for piece in pieces)
    centers = []
    for k in range(num):
        wanted = (k + 0.5) / num * total
        for low, high, mass in pieces:
            if wanted <= mass:
                centers.append(low + (high - low) * wanted / mass)
                break
            wanted -= mass
    inner = [(a + b) / 2 for a, b in pairwise(centers)]
    first, last = 2 * centers[0] - inner[0], 2 * centers[-1] - inner[-1]
    return [max(first, 0.0), *inner, min(last, 1.0)]


@given(SIZES, COUNTS, SEEDS, st.floats(1e-3, 0.3), st.floats(0.1, 1))
def test_a_level_asks_where_the_widened_and_annealed_histogram_says(n, num, seed, width, power):
    edges, weights = histogram(n, seed)
    found = resample(edges, weights, num, dilation=width, annealing=power, jitter=False)
    wanted = [
        cut_by_hand(e, w, num, width, power) for e, w in zip(edges.tolist(), weights.tolist(), strict=True)
    ]
    close(found, torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-7)


@given(
    SIZES, COUNTS, SEEDS, st.sampled_from([0.0, 0.01, 2.0]), st.sampled_from([0.0, 0.5, 1.0]), st.booleans()
)
def test_new_edges_rise_inside_the_ray_whatever_was_seen(n, num, seed, dilation, annealing, jitter):
    edges, weights = histogram(n, seed)
    weights[0] = 0
    weights[1, n // 2 :] = 0
    weights[2, : n // 2] = 0
    edges[3, : n // 2] = 0
    new = resample(edges.float(), weights.float(), num, dilation=dilation, annealing=annealing, jitter=jitter)
    assert new.shape == (4, num + 1)
    assert (new.diff() >= 0).all()
    assert ((new >= 0) & (new <= 1)).all()


def test_the_first_level_is_even_and_its_jitter_moves_all_edges_of_a_ray_together():
    edges, weights = torch.tensor([0.0, 1.0]).expand(5, 2), torch.ones(5, 1)
    even = resample(edges, weights, 8, dilation=0.0, annealing=1.0, jitter=False)
    close(even, torch.linspace(0, 1, 9).expand(5, 9))
    moved = resample(edges, weights, 8, dilation=0.0, annealing=1.0, jitter=True)
    shift = (moved - even)[:, 1:-1]
    close(shift, shift[:, :1].expand_as(shift))
    assert len(shift[:, 0].unique()) == 5
    assert (shift.abs() <= 0.5 / 8).all()


def test_dilation_also_looks_beside_what_was_found():
    edges, weights = torch.linspace(0, 1, 11), torch.zeros(10)
    weights[4] = 1
    plain = resample(edges, weights, 100, dilation=0.0, annealing=1.0, jitter=False)
    wider = resample(edges, weights, 100, dilation=0.05, annealing=1.0, jitter=False)
    close(plain[[0, -1]], torch.tensor([0.4, 0.5]))
    close(wider, torch.linspace(0.35, 0.55, 101))


def test_at_the_start_of_training_all_bins_count_alike():
    edges, weights = torch.tensor([0.0, 0.1, 1.0]), torch.tensor([0.99, 0.01])
    new = resample(edges, weights, 10, dilation=0.0, annealing=0.0, jitter=False)
    assert ((new[1:-1] < 0.1).sum(), (new[1:-1] > 0.1).sum()) == (4, 5)


@pytest.mark.parametrize("jitter", [True, False])
def test_no_gradient_passes_between_levels(jitter):
    edges, weights = histogram(8, 0)
    edges.requires_grad_()
    weights.requires_grad_()
    assert not resample(edges, weights, 4, dilation=0.1, annealing=0.5, jitter=jitter).requires_grad
    assert not resample_blurred(edges, weights, 4, padding=0.01, jitter=jitter).requires_grad


def test_blurred_resampling_follows_the_upper_envelope_and_leaves_nothing_out():
    edges, weights = torch.tensor([2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    new = resample_blurred(edges, weights, 20000, padding=0.01, jitter=False)
    share = torch.histogram(new, edges).hist / len(new)
    envelope = torch.tensor([0.01, 0.51, 1.01, 0.51, 0.01])
    close(share, envelope / envelope.sum(), rtol=0, atol=1e-3)


@given(SIZES, SIZES, SEEDS, st.booleans())
def test_blurred_resampling_keeps_order_and_stays_on_the_ray(n, num, seed, jitter):
    edges, weights = histogram(n, seed)
    weights[0] = 0
    edges[1, : n // 2] = 0
    new = resample_blurred(edges, weights, num, padding=0.01, jitter=jitter)
    assert new.shape == (4, num + 1)
    assert (new.diff() >= 0).all()
    assert ((new >= 0) & (new <= 1)).all()
    if not jitter:
        close(new[:, [0, -1]], edges[:, [0, -1]])


def test_jitter_moves_each_blurred_edge_in_its_own_share():
    edges, weights = torch.tensor([2.0, 4.0]).expand(50, 2), torch.ones(50, 1)
    new = resample_blurred(edges, weights, 7, padding=0.01, jitter=True)
    assert torch.equal(((new - 2) * 4).floor().clamp_max(7), torch.arange(8.0).expand(50, 8))
    assert (new.std(0) > 0.02).all()


def test_dilation_shrinks_as_samples_multiply():
    widths = [dilation_width(before, multiplier=0.5, bias=0.0025) for before in ([64], [64, 64])]
    assert widths == pytest.approx([0.0103125, 0.0026220703125])
    assert dilation_width([], multiplier=0.5, bias=0.0025) == 0.5025


@given(st.floats(1.5, 50), st.floats(0, 0.99))
def test_the_exponent_rises_from_0_to_1_and_fastest_at_first(slope, fraction):
    assert anneal_exponent(0.0, slope) == 0
    assert anneal_exponent(1.0, slope) == pytest.approx(1)
    assert anneal_exponent(1e-9, slope) == pytest.approx(slope * 1e-9, rel=1e-6)
    assert fraction <= anneal_exponent(fraction, slope) < anneal_exponent(fraction + 0.01, slope)


def test_the_exponent_without_slope_is_the_share_of_training():
    assert anneal_exponent(0.3, 1.0) == 0.3
