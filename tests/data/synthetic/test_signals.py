import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.data.synthetic.signals import ellipses, pattern, sines


@given(st.integers(0, 1000), st.sampled_from([1, 4, 16]), st.booleans())
@settings(deadline=None, max_examples=10)
def test_sines_have_no_frequency_above_the_highest(seed: int, highest: int, octaves: bool):
    values = sines(256, seed, highest=highest, octaves=octaves)
    assert np.abs(values).max() <= 1
    spectrum = np.abs(np.fft.rfft(values))
    assert spectrum[highest] > 1e-3
    assert spectrum[highest + 1 :].max() < 1e-9
    assert spectrum[0] < 1e-9


@pytest.mark.parametrize("maker", [pattern, ellipses])
def test_pictures_depend_on_the_seed_only(maker):
    assert np.array_equal(maker(64, 1), maker(64, 1))
    assert not np.array_equal(maker(64, 1), maker(64, 2))


def test_a_pattern_is_sampled_at_pixel_centres():
    # Every third pixel of a picture three times as large has the same centre.
    np.testing.assert_allclose(pattern(40, 3), pattern(120, 3)[1::3, 1::3])
    assert pattern(64).min() >= 0
    assert pattern(64).max() <= 1


def test_densities_are_never_negative():
    assert ellipses(64).min() >= 0
    assert ellipses(64)[0].max() == 0
