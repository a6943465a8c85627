"""What a window says late does not make it leave where it was sent."""

from rayloom.viewing.arrival import PATIENCE_SECONDS, Arrival


def test_old_reports_do_not_count_until_the_window_is_there():
    now = [0.0]
    arrival = Arrival(lambda: now[0])
    assert arrival.after(at_the_place=False) == "coming"
    assert arrival.after(at_the_place=True) == "there"
    assert arrival.after(at_the_place=False) == "gone"


def test_a_window_that_never_comes_has_gone_elsewhere():
    now = [0.0]
    arrival = Arrival(lambda: now[0])
    now[0] = PATIENCE_SECONDS / 2
    assert arrival.after(at_the_place=False) == "coming"
    now[0] = 2 * PATIENCE_SECONDS
    assert arrival.after(at_the_place=False) == "gone"
