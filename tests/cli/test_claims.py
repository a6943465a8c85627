from pathlib import Path

import pytest

from rayloom.claims.records import Claim, Measurement
from rayloom.claims.store import read_results
from rayloom.cli import claims as claims_command
from rayloom.cli.main import run
from tests.cli.answers import json_of


def test_claims_are_measured_recorded_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(seed: int) -> Measurement:
        raise RuntimeError("no light")

    def claim(name: str, measure: object, **changes: object) -> Claim:
        values = {"name": name, "description": "Says so.", "threshold": 1.0, "better": "higher"}
        return Claim(**(values | {"measure": measure} | changes))  # pyright: ignore[reportArgumentType]

    made = (
        claim("true", lambda seed: Measurement(2.0 + seed, 1.0)),
        claim("false", lambda seed: Measurement(0.5)),
        claim("broken", broken),
        claim("slow", lambda seed: Measurement(3.0), long=True),
    )
    monkeypatch.setattr(claims_command, "claims_of", lambda method: made)
    monkeypatch.setattr(claims_command, "results_path", lambda method: tmp_path / f"{method}.toml")
    rows = json_of(["claims", "nerf"], capsys)
    assert isinstance(rows, list)
    assert {row["status"] for row in rows} == {"unverified"}
    assert set(rows[0]) == {
        *("method", "claim", "measured", "threshold", "baseline"),
        *("seeds", "status", "seconds", "device", "date"),
    }
    rows = json_of(["claims", "nerf", "--run", "--seeds", "3", "--record"], capsys)
    assert isinstance(rows, list)
    assert [row["status"] for row in rows] == ["shown", "failed", "failed", "unverified"]
    assert [row["measured"] for row in rows] == [3.0, 0.5, None, None]
    assert read_results(tmp_path / "nerf.toml")["broken"].reason == "RuntimeError: no light"
    assert json_of(["claims", "nerf"], capsys) == rows
    assert run(["claims", "nerf"]) == 0
    assert "broken could not be measured: RuntimeError: no light" in capsys.readouterr().err
