import pytest
import torch

from rayloom.metrics.labels import LabelTally

TRUE = torch.tensor([[0, 0, 0, 1], [1, 1, 2, -1]])
TOLD = torch.tensor([[0, 0, 1, 1], [1, 2, 2, 2]])
ALL = torch.ones(2, 4, dtype=torch.bool)


def test_scores_are_those_counted_by_hand():
    tally = LabelTally(4)
    tally.add(TOLD, TRUE, ALL)
    found = tally.scores()
    assert found is not None
    assert found["accuracy"] == pytest.approx(5 / 7)
    # Of class 0 two of three, of class 1 two of four, of class 2 one of two; class 3 does not occur.
    assert found["miou"] == pytest.approx((2 / 3 + 2 / 4 + 1 / 2) / 3)


def test_pictures_are_counted_together():
    halves, whole = LabelTally(3), LabelTally(3)
    for rows in (slice(0, 1), slice(1, 2)):
        halves.add(TOLD[rows], TRUE[rows], ALL[rows])
    whole.add(TOLD, TRUE, ALL)
    assert halves.scores() == whole.scores()


def test_pixels_that_are_not_valid_or_unknown_do_not_count():
    tally = LabelTally(3)
    assert tally.scores() is None
    tally.add(TOLD, TRUE, TRUE == TOLD)
    assert tally.scores() == {"accuracy": 1.0, "miou": 1.0}
