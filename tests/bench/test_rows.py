import json

import pytest

from rayloom.bench.rows import COLUMNS, Bar, Curve, Report, Row, log_log_slope


def row(**changes: object) -> Row:
    values = {
        "name": "x",
        "value": 3.0,
        "unit": "M/s",
        "limit": 4.0,
        "limited_by": "copies",
        "reference": 2.0,
    }
    return Row(**(values | changes))  # pyright: ignore[reportArgumentType]


def test_share_and_ratio_are_parts_of_the_limit_and_of_the_reference():
    assert row().share == 0.75
    assert row().ratio == 1.5
    assert row(better="lower").ratio == pytest.approx(2 / 3)
    assert row(value=None).share is None
    assert row(limit=None, reference=None).ratio is None


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({"bar": None}, None),
        ({"bar": Bar("share", 0.75)}, True),
        ({"bar": Bar("share", 0.76)}, False),
        ({"bar": Bar("ratio", 1.5)}, True),
        ({"bar": Bar("ratio", 1.6)}, False),
        ({"bar": Bar("value", 3.0), "better": "lower"}, True),
        ({"bar": Bar("value", 2.9), "better": "lower"}, False),
        ({"bar": Bar("value", 2.9)}, True),
        ({"bar": Bar("value", 3.1)}, False),
        ({"bar": Bar("ratio", 1.0), "value": None}, None),
    ],
)
def test_a_bar_is_met_missed_or_open(changes: dict[str, object], met: bool | None):
    assert row(**changes).met is met
    word = {True: "met", False: "missed", None: "open"}[met]
    assert row(**changes).cells()[4].endswith("" if changes["bar"] is None else word)


def test_a_row_comes_back_from_json():
    for made in (row(bar=Bar("share", 0.5), note="why"), row(value=None)):
        written = json.loads(json.dumps(made.as_json()))
        assert Row.from_json(written) == made
        assert (written["share"], written["ratio"], written["met"]) == (made.share, made.ratio, made.met)
        assert len(made.cells()) == len(COLUMNS)


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 2.0])
def test_the_slope_is_the_power_of_a_power_law(power: float):
    points = tuple((float(x), 7.0 * x**power) for x in (1, 2, 5, 100))
    assert log_log_slope(points) == pytest.approx(power, abs=1e-12)
    assert Curve("c", "x", "y", points, logarithmic=False).slope is None


def test_one_place_has_no_slope():
    assert log_log_slope([(2.0, 1.0), (2.0, 3.0), (0.0, 1.0)]) is None


def test_a_report_is_plain_json():
    curve = Curve("c", "x", "y", ((1.0, 1.0), (2.0, 2.0)))
    made = Report("kernels", (row(),), (curve,)).as_json({"cpu": "one"})
    assert set(made) == {"word", "machine", "rows", "curves"}
    assert json.loads(json.dumps(made, allow_nan=False))["curves"][0]["slope"] == pytest.approx(1.0)
