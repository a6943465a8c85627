import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom.paper import MethodConfig
from rayloom.schedules import exponential, lr_scale, rate, warmup

rates = st.floats(1e-6, 1.0)


@given(rates, rates, st.floats(0.0, 1.0))
def test_the_curve_joins_its_ends_and_its_middle_is_their_geometric_mean(
    start: float, end: float, fraction: float
) -> None:
    assert exponential(0.0, start, end) == pytest.approx(start)
    assert exponential(1.0, start, end) == pytest.approx(end)
    assert exponential(0.5, start, end) == pytest.approx((start * end) ** 0.5)
    assert min(start, end) * 0.999 <= exponential(fraction, start, end) <= max(start, end) * 1.001


@given(rates, rates, st.floats(0.0, 0.99), st.floats(0.0, 1.0))
def test_a_held_curve_is_the_curve_that_begins_later(
    start: float, end: float, hold: float, share: float
) -> None:
    assert exponential(hold * share, start, end, hold) == start
    later = exponential(hold + (1 - hold) * share, start, end, hold)
    assert later == pytest.approx(exponential(share, start, end))


@given(st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_warmup_rises_from_a_hundredth_to_one(share: float, fraction: float) -> None:
    assert warmup(0.0, share) == pytest.approx(0.01)
    assert warmup(share, share) == 1
    assert warmup(fraction, share) <= warmup(min(fraction + 0.01, 1.0), share) + 1e-12


def test_the_scale_is_relative_to_the_first_rate() -> None:
    config = MethodConfig(lr=0.1, lr_final=0.001, lr_warmup=0.2)
    assert lr_scale(config, 0.0) == pytest.approx(0.01)
    assert lr_scale(config, 0.5) == pytest.approx(0.1)
    assert lr_scale(config, 1.0) == pytest.approx(0.01)
    assert lr_scale(MethodConfig(lr=0.1, lr_final=0.001, lr_hold=0.5), 0.75) == pytest.approx(0.1)


@given(rates, rates, st.floats(0.0, 0.9), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_rate_joins_any_two_ends_under_the_settings_of_all(
    start: float, end: float, hold: float, share: float, fraction: float
) -> None:
    config = MethodConfig(lr=0.1, lr_final=0.001, lr_hold=hold, lr_warmup=share)
    assert rate(config, 1.0, start, end) == pytest.approx(end)
    assert rate(config, 0.0, start, end) == pytest.approx(start * warmup(0.0, share))
    expected = warmup(fraction, share) * exponential(fraction, start, end, hold)
    assert rate(config, fraction, start, end) == pytest.approx(expected)
    from_the_start = warmup(fraction, share) * exponential(fraction, start, end)
    assert rate(config, fraction, start, end, 0.0) == pytest.approx(from_the_start)
    assert rate(config, fraction, 0.1, 0.001) == pytest.approx(0.1 * lr_scale(config, fraction))
