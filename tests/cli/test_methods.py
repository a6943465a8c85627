import pytest

from rayloom import methods
from tests.cli.answers import json_of


def test_methods_prints_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json_of(["methods"], capsys)
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == methods.names()
    for row in rows:
        assert set(row) == {"name", "title", "year", "arxiv", "tags", "presets"}
        assert {"default", "tiny"} <= set(row["presets"])
