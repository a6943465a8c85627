"""What a command prints, and how it refuses."""

import json
from collections.abc import Sequence

import pytest

from rayloom.cli.main import run

SCORES = {"psnr", "ssim", "lpips_alex", "lpips_vgg", "psnr_shifted", "e_warp", "gradient_ratio"}


def json_of(args: list[str], capsys: pytest.CaptureFixture[str]) -> object:
    """What a command prints with --json."""
    capsys.readouterr()
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(args: Sequence[object], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr with which a command refuses bad input."""
    capsys.readouterr()
    assert run([str(arg) for arg in args]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err
