import pytest
import torch

from rayloom.geometry.boxes import Box
from rayloom.sampling.growing_steps import growing_steps

BOX = Box(torch.tensor([-1.0, -0.5, 0.0]), torch.tensor([1.0, 1.5, 1.5]))


@pytest.mark.parametrize("share", [-1.0, 0.0, 0.3, 1.0])
def test_steps_in_a_box_are_even_and_cross_its_shortest_side(share):
    rule = growing_steps(BOX, 60, share, bounded=True)
    assert rule.growth == 0
    assert rule.smallest == pytest.approx(1.5 / 60)


def test_steps_without_end_grow_finer_by_equal_factors():
    def per_fold(share: float) -> float:
        return 1 / growing_steps(BOX, 192, share, bounded=False, first=24, coarse_share=0.5).growth

    assert per_fold(-0.5) == per_fold(0.0) == pytest.approx(24)
    assert per_fold(0.5) == per_fold(1.0) == pytest.approx(192)
    assert per_fold(0.25) == pytest.approx((24 * 192) ** 0.5)
    assert growing_steps(BOX, 192, 1.0, bounded=False).smallest == pytest.approx(1.5 / 192)


def test_steps_that_are_not_to_grow_finer_are_fine_at_once():
    assert growing_steps(BOX, 192, 0.0, bounded=False, coarse_share=0.0).growth == pytest.approx(1 / 192)
