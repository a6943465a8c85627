import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom.errors import InputError
from rayloom.sfm.photos import Photo
from rayloom.sfm.report import PhotoRow, Report, read_report, write_report
from tests.sfm.reports import good_report, report_on, ring_scene, row

NOTHING = (np.zeros((0, 3, 4)), np.zeros((0, 3)), np.zeros((0, 3), np.uint8))


def test_a_report_comes_back_as_it_was_written(tmp_path):
    rows = [row("a.jpg"), row("<script>'\" été.jpg", registered=False, error_px=None, piece=None)]
    report = report_on(rows, warnings=["one"], advice=["two"])
    write_report(report, *ring_scene(), tmp_path / "out")
    assert read_report(tmp_path / "out") == report
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]


def test_the_file_is_plain_json_with_the_names_that_are_documented(tmp_path):
    write_report(good_report(3), *NOTHING, tmp_path)
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert content["num_photos"] == content["num_registered"] == 3
    assert content["pieces"] == [3]
    assert content["photos"][0]["name"] == "IMG_01.jpg"
    assert content["attempts"][0]["name"] == "plain"
    assert content["colmap"] == pycolmap.__version__


def test_a_number_that_is_none_is_null(tmp_path):
    write_report(replace(good_report(3), mean_error_px=math.nan), *NOTHING, tmp_path)
    assert read_report(tmp_path).mean_error_px is None


def test_a_report_can_begin_with_the_photos_alone():
    photo = Photo("a.jpg", Path("a.jpg"), 8, 6, None, "Acme, 8 x 6", 100.0, 0.5)
    report = Report.of([photo], warnings=["odd"])
    assert report.photos == [PhotoRow("a.jpg", 8, 6, 100.0, 0.5, "Acme, 8 x 6")]
    assert (report.num_photos, report.num_registered, report.pieces) == (1, 0, [])
    assert (report.warnings, report.mean_error_px) == (["odd"], None)


@given(st.binary(max_size=40) | st.sampled_from([b"{}", b'{"num_photos": "many"}', b"[]"]))
def test_a_damaged_report_is_an_input_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "report.json").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        read_report(folder)


def test_a_missing_report_and_a_folder_that_cannot_be_written_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_report(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(good_report(3), *NOTHING, tmp_path / "file")
