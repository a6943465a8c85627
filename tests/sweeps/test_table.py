"""Means over seeds, and what failed."""

import json

import pytest

from rayloom.sweeps.jobs import Done
from rayloom.sweeps.table import HEADER, cells, failures, markdown, means, row_of


def done(psnr: float | None, seconds: float) -> Done:
    scores = {"psnr": psnr, "ssim": 0.5, "lpips_alex": None, "lpips_vgg": None}
    return Done({"eval": {"mean": scores}, "seconds": seconds, "steps": 7, "run": "there"})


ROWS = [
    row_of("loom", "fox", 0, done(30.0, 10.0)),
    row_of("loom", "fox", 1, done(32.0, 12.0)),
    row_of("loom", "fox", 2, Done(None, "error: disk: is full")),
    row_of("nerf@tiny", "fox", 0, done(20.0, 9.0)),
    row_of("nerf@tiny", "chair", 0, Done({"eval": None, "seconds": 5.0, "steps": 7, "run": "there"})),
]


def test_a_row_has_the_figures_of_a_job():
    assert (ROWS[0]["psnr"], ROWS[0]["seconds"], ROWS[0]["steps"], ROWS[0]["error"]) == (30.0, 10.0, 7, None)
    assert (ROWS[2]["psnr"], ROWS[2]["run"], ROWS[2]["error"]) == (None, None, "error: disk: is full")


def test_means_and_deviations_are_those_of_the_runs_that_did_not_fail():
    loom, tiny, unscored = means(ROWS)
    assert (loom["method"], loom["capture"], loom["seeds"]) == ("loom", "fox", 2)
    assert loom["psnr"] == {"mean": 31.0, "deviation": pytest.approx(2**0.5)}
    assert loom["lpips_alex"] == {"mean": None, "deviation": None}
    assert tiny["psnr"] == {"mean": 20.0, "deviation": None}
    assert unscored["psnr"] == {"mean": None, "deviation": None}
    assert json.loads(json.dumps(loom)) == loom


def test_the_page_has_every_mean_and_every_failure():
    assert cells(means(ROWS)[0]) == [
        *("loom", "fox", "2", "31.00 ± 1.41", "0.5000 ± 0.0000", "none", "none", "11.0 ± 1.4")
    ]
    page = markdown(ROWS)
    assert f"| {' | '.join(HEADER)} |" in page
    assert "| nerf@tiny | fox | 1 | 20.00 | 0.5000 | none | none | 9.0 |" in page
    assert failures(ROWS) == ["loom on fox, seed 2: error: disk: is full"]
    assert "* loom on fox, seed 2: error: disk: is full\n" in page
    assert "Failed" not in markdown(ROWS[:2])
