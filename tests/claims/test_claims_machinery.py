import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom import methods
from rayloom.claims.records import Claim, Measurement, Result, status
from rayloom.claims.runner import device_description, measure_next
from rayloom.claims.store import claims_of, read_results, record, results_path, write_results
from rayloom.errors import InputError


def claim(**changes: object) -> Claim:
    values = {
        "name": "sharper",
        "description": "Gains over a blur.",
        "threshold": 2.0,
        "better": "higher",
        "measure": lambda seed: Measurement(measured=float(seed), baseline=10.0 * seed),
        "seeds": 4,
    }
    return Claim(**(values | changes))  # pyright: ignore[reportArgumentType]


def measure(one: Claim, num_seeds: int) -> Result:
    """The result of seeds 0, 1, ..., up to one that fails."""
    found = None
    while found is None or not (found.reason or found.is_whole(num_seeds)):
        found = measure_next(one, found)
    return found


def result(**changes: object) -> Result:
    values = {"claim": "sharper", "seeds": 4, "seconds": 1.5, "device": "a CPU", "date": "2031-01-31"}
    return Result(**(values | changes))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("statistic", "measured", "baseline"),
    [("mean", 1.5, 15.0), ("median", 1.5, 15.0), ("min", 0.0, 0.0), ("max", 3.0, 30.0)],
)
def test_one_figure_comes_from_the_seeds_by_the_statistic(
    statistic: str, measured: float, baseline: float
) -> None:
    found = measure(claim(statistic=statistic), 4)
    assert (found.measured, found.baseline, found.seeds) == (measured, baseline, 4)


def test_the_number_of_seeds_can_be_chosen() -> None:
    seen: list[int] = []

    def note(seed: int) -> Measurement:
        seen.append(seed)
        return Measurement(1.0)

    assert measure(claim(measure=note), 2).baseline is None
    assert seen == [0, 1]


def test_a_measuring_that_raises_is_a_failure_with_its_reason() -> None:
    def broken(seed: int) -> Measurement:
        raise ZeroDivisionError(f"seed {seed}")

    found = measure(claim(measure=broken), 4)
    assert (found.measured, found.reason) == (None, "ZeroDivisionError: seed 0")
    assert status(claim(), found) == "failed"


@pytest.mark.parametrize(
    ("better", "measured", "expected"),
    [
        ("higher", 2.0, "shown"),
        ("higher", 1.9, "failed"),
        ("lower", 2.0, "shown"),
        ("lower", 2.1, "failed"),
        ("higher", math.nan, "failed"),
        ("lower", math.nan, "failed"),
    ],
)
def test_the_threshold_decides(better: str, measured: float, expected: str) -> None:
    assert status(claim(better=better), result(measured=measured)) == expected


@pytest.mark.parametrize(
    ("better", "threshold", "unit", "expected"),
    [("higher", 1.5, "dB", ">= 1.5 dB"), ("lower", 0.52, "", "<= 0.52"), ("lower", -1.0, "s", "<= -1 s")],
)
def test_what_a_figure_must_reach_is_told_with_direction_and_unit(
    better: str, threshold: float, unit: str, expected: str
) -> None:
    assert claim(better=better, threshold=threshold, unit=unit).requirement == expected


def test_a_figure_has_four_digits_and_its_unit() -> None:
    assert claim(unit="dB").figure(2.51234) == "2.512 dB"
    assert claim().figure(0.0) == "0"
    assert claim(unit="dB").figure(None) == ""


def test_what_was_never_measured_is_unverified() -> None:
    assert status(claim(), None) == "unverified"


def test_fewer_seeds_than_asked_for_verify_nothing_but_one_that_failed_fails() -> None:
    assert status(claim(), result(seeds=3, measured=9.0)) == "unverified"
    assert status(claim(), result(seeds=1, reason="RuntimeError: no light")) == "failed"


def test_each_seed_adds_its_figure() -> None:
    one = None
    for seed in range(4):
        one = measure_next(claim(), one)
        assert one.figures == tuple(map(float, range(seed + 1)))
        assert one.baselines == tuple(10.0 * number for number in range(seed + 1))
        assert one.measured == seed / 2


def test_a_seed_that_fails_leaves_the_figures_of_the_others_and_is_tried_again() -> None:
    answers = iter([Measurement(1.0), ValueError("dark"), Measurement(3.0)])

    def moody(seed: int) -> Measurement:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    one = claim(measure=moody)
    failed = measure_next(one, measure_next(one, None))
    assert (failed.figures, failed.measured, failed.reason) == ((1.0,), None, "ValueError: dark")
    again = measure_next(one, failed)
    assert (again.figures, again.measured, again.reason, again.seeds) == ((1.0, 3.0), 2.0, None, 2)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, texts, st.floats(), st.none() | st.floats(allow_nan=False))
def test_results_read_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    reason: str,
    device: str,
    measured: float,
    baseline: float | None,
) -> None:
    path = tmp_path_factory.getbasetemp() / "nerf.toml"
    kept = [
        result(reason=reason, device=device, measured=None, baseline=baseline),
        result(claim="other", measured=measured, figures=(measured, 1.0), baselines=(0.5, measured)),
    ]
    write_results(path, kept)
    assert repr(read_results(path)) == repr({item.claim: item for item in kept})


@given(st.lists(st.sampled_from("abcde"), unique=True), st.sampled_from("abc"))
def test_recording_changes_one_result_and_drops_those_without_a_claim(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "recorded.toml"
    write_results(path, [result(claim=old, measured=1.0) for old in before])
    dropped = record(path, [claim(name=known) for known in "abc"], result(claim=name, measured=2.0))
    assert dropped == [old for old in before if old in "de"]
    figures = [(kept, found.measured) for kept, found in read_results(path).items()]
    assert figures == [(kept, 2.0 if kept == name else 1.0) for kept in "abc" if kept in {*before, name}]


def test_without_a_file_there_are_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none.toml") == {}


@pytest.mark.parametrize("text", ["x =", "[[result]]\nclaim = 3\n", "result = 3"])
def test_a_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(InputError, match=r"a\.toml"):
        read_results(tmp_path / "a.toml")


def test_the_device_is_named_with_its_cores() -> None:
    name, cores, word = device_description().rsplit(maxsplit=2)
    assert name.endswith(",")
    assert int(cores) >= 1
    assert word == "cores"


@pytest.mark.parametrize("method", methods.names())
def test_claims_have_unique_names_and_say_what_they_measure(method: str) -> None:
    claims = claims_of(method)
    assert len({item.name for item in claims}) == len(claims)
    for item in claims:
        assert item.description.endswith(".")
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", item.name)


@pytest.mark.parametrize("method", methods.names())
def test_a_claim_that_failed_says_why(method: str) -> None:
    results = read_results(results_path(method))
    for one in claims_of(method):
        assert status(one, results.get(one.name)) != "failed" or len(one.analysis) > 60, one.name
