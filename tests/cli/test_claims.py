"""Listing claims, choosing them by name, measuring and recording them."""

from pathlib import Path

import pytest

from rayloom.claims.records import Claim, Measurement, Result
from rayloom.claims.store import read_results, write_results
from rayloom.cli import claims as claims_command
from rayloom.cli.main import run
from tests.cli.answers import json_of, refusal


def broken(seed: int) -> Measurement:
    raise RuntimeError("no light")


CLAIMS = (
    Claim("true", "Says so.", 1.5, "higher", lambda seed: Measurement(2.0 + seed, 1.0), unit="dB"),
    Claim("false", "Says so.", 0.52, "lower", lambda seed: Measurement(0.75)),
    Claim("broken", "Says so.", 1.0, "higher", broken),
    Claim("twice", "Says so.", 1.0, "higher", lambda seed: Measurement(3.0), seeds=2),
)


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of nerf's results; nerf makes the claims above, and no other method makes any."""
    monkeypatch.setattr(claims_command, "claims_of", lambda method: CLAIMS if method == "nerf" else ())
    monkeypatch.setattr(claims_command, "results_path", lambda method: tmp_path / f"{method}.toml")
    return tmp_path / "nerf.toml"


def kept(claim: str, **changes: object) -> Result:
    values = {"claim": claim, "seeds": 1, "seconds": 61.5, "device": "a CPU", "date": "2031-01-31"}
    return Result(**(values | {"measured": 9.0} | changes))  # pyright: ignore[reportArgumentType]


def listed(args: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    rows = json_of(["claims", *args], capsys)
    assert isinstance(rows, list)
    return [f"{row['method']}/{row['claim']}" for row in rows]


def test_claims_are_measured_recorded_and_listed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json_of(["claims", "nerf"], capsys)
    assert isinstance(rows, list)
    assert {row["status"] for row in rows} == {"unverified"}
    assert set(rows[0]) == {
        *("method", "claim", "measured", "threshold", "better", "unit", "baseline", "analysis"),
        *("seeds", "status", "seconds", "device", "date"),
    }
    rows = json_of(["claims", "nerf", "--run", "--seeds", "3", "--record"], capsys)
    assert isinstance(rows, list)
    assert [row["status"] for row in rows] == ["shown", "failed", "failed", "shown"]
    assert [row["measured"] for row in rows] == [3.0, 0.75, None, 3.0]
    assert read_results(results)["broken"].reason == "RuntimeError: no light"
    assert json_of(["claims", "nerf"], capsys) == rows
    assert run(["claims", "nerf"]) == 0
    assert "nerf/broken could not be measured: RuntimeError: no light" in capsys.readouterr().err


def test_the_table_shows_unit_and_direction_of_the_threshold_and_the_seconds(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(results, [kept("true", baseline=0.0)])
    assert run(["claims", "nerf/true", "nerf/false"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    header, true, false = ([cell.strip() for cell in line if cell.strip()] for line in lines)
    assert header == list(claims_command.HEADER)
    assert true == ["nerf", "true", "shown", "9 dB", ">= 1.5 dB", "0 dB", "1", "61.5", "2031-01-31"]
    assert false == ["nerf", "false", "unverified", "-", "<= 0.52", *["-"] * 4]


def test_without_a_name_every_claim_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed([], capsys) == [f"nerf/{claim.name}" for claim in CLAIMS]
    assert listed(["mip-nerf"], capsys) == []


def test_a_claim_named_twice_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(["nerf/false", "nerf/false"], capsys) == ["nerf/false"]
    assert listed(["nerf/false", "nerf", "nerf"], capsys) == [
        *("nerf/false", "nerf/true", "nerf/broken", "nerf/twice")
    ]


def test_a_method_may_be_written_with_underscores(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        claims_command, "claims_of", lambda method: CLAIMS[:1] if method == "mip-nerf" else ()
    )
    assert listed(["mip_nerf/true", "mip-nerf"], capsys) == ["mip-nerf/true"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nerf/fales", "did you mean 'nerf/false'? expected one of nerf/true, nerf/false, nerf/broken"),
        ("nerf/", "did you mean 'nerf/true'? expected one of nerf/true, "),
        ("mip-nerf/twice", "did you mean 'nerf/twice'? expected one of alignerf, barf, "),
        ("nefr", "did you mean 'nerf'? expected one of alignerf, barf, "),
        ("fog", "no such method or claim; expected one of alignerf, barf, "),
        ("some/FILE.py", "some/FILE.py: is a file, which has no claims; expected METHOD or METHOD/CLAIM"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refusal(["claims", "nerf", word], capsys)


def test_a_file_that_exists_is_refused_like_one_that_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "haze.py").write_text("")
    assert "is a file, which has no claims" in refusal(["claims", tmp_path / "haze.py"], capsys)


def test_before_measuring_it_is_said_how_long_it_took_last_time(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(results, [kept("true", seeds=4), kept("broken", measured=None, reason="RuntimeError: no")])
    assert run(["claims", "nerf", "--run"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[:3] == [
        "nerf/true: Says so. Last time: 61.5 s, seeds: 4.",
        "nerf/true: shown: 2 dB; expected >= 1.5 dB",
        "nerf/false: Says so.",
    ]
    assert "nerf/broken: Says so." in said
    assert "nerf/broken: failed: RuntimeError: no light; expected >= 1" in said


def test_measuring_without_recording_leaves_the_file_as_it_was(results: Path) -> None:
    write_results(results, [kept("true")])
    before = results.read_bytes()
    assert run(["claims", "nerf/true", "--run", "--seeds", "1"]) == 0
    assert results.read_bytes() == before


def test_recording_keeps_what_was_not_measured_and_drops_what_is_no_longer_claimed(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(results, [kept("gone"), kept("twice"), kept("true")])
    assert run(["claims", "nerf/false", "nerf/true", "--run", "--record"]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert warnings == ["warning: nerf/gone is no longer claimed; its recorded result was dropped"]
    after = read_results(results)
    assert {name: result.measured for name, result in after.items()} == {
        "true": 2.0,
        "false": 0.75,
        "twice": 9.0,
    }
    assert after["twice"] == kept("twice")


def test_what_is_recorded_elsewhere_while_a_claim_is_measured_is_kept(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(seed: int) -> Measurement:
        write_results(results, [kept("true")])
        return Measurement(0.5)

    made = (CLAIMS[0], Claim("slow", "Says so.", 1.0, "lower", slow))
    monkeypatch.setattr(claims_command, "claims_of", lambda method: made if method == "nerf" else ())
    assert run(["claims", "nerf/slow", "--run", "--record"]) == 0
    assert set(read_results(results)) == {"true", "slow"}


def test_fewer_seeds_than_a_claim_asks_for_are_not_recorded(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["claims", "nerf", "--run", "--seeds", "1"]
    assert "--seeds: is 1; expected at least 2 to record nerf/twice" in refusal([*few, "--record"], capsys)
    assert not results.exists()
    assert run(few) == 0


def test_recording_that_is_broken_off_goes_on_with_the_seeds_that_are_missing(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, int]] = []

    def slow(name: str, seed: int) -> Measurement:
        if (name, seed) == ("b", 1) and len(seen) < 4:
            raise KeyboardInterrupt
        seen.append((name, seed))
        return Measurement(float(seed))

    made = tuple(
        Claim(name, "Says so.", 1.0, "lower", lambda seed, name=name: slow(name, seed), seeds=3)
        for name in "ab"
    )
    monkeypatch.setattr(claims_command, "claims_of", lambda method: made if method == "nerf" else ())
    words = ["claims", "nerf", "--run", "--record", "--resume"]
    assert run(words) == 130
    assert {name: one.figures for name, one in read_results(results).items()} == {
        "a": (0.0, 1.0),
        "b": (0.0,),
    }
    rows = json_of(["claims", "nerf"], capsys)
    assert isinstance(rows, list)
    assert [row["status"] for row in rows] == ["unverified", "unverified"]
    seen.append(("pause", 0))
    assert run(words) == 0
    assert seen == [("a", 0), ("b", 0), ("a", 1), ("pause", 0), ("b", 1), ("a", 2), ("b", 2)]
    said = capsys.readouterr().err
    assert "nerf/b: seed 1 of 3: 1\n" in said
    assert "nerf/b: shown: 1; expected <= 1\n" in said
    assert {name: one.measured for name, one in read_results(results).items()} == {"a": 1.0, "b": 1.0}
    assert run(words) == 0
    assert len(seen) == 7


def test_going_on_without_recording_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--resume: was given without --record" in refusal(["claims", "nerf", "--run", "--resume"], capsys)


def test_a_broken_file_is_refused_before_anything_is_measured(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.write_text("x =")
    assert "nerf.toml" in refusal(["claims", "nerf/true", "--run"], capsys)
