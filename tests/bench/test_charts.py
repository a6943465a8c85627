from pathlib import Path

from PIL import Image

from rayloom.bench.charts import draw_report
from rayloom.bench.rows import Bar, Curve, Report, Row


def test_shares_and_curves_become_pictures(tmp_path: Path):
    rows = (Row("a", 1.0, "s", limit=2.0, limited_by="copies", bar=Bar("share", 0.6)), Row("b", None, "s"))
    curves = (
        Curve("threads", "threads", "M/s", ((1.0, 2.0), (2.0, 3.5))),
        Curve("psnr", "s", "dB", ((1.0, 20.0),), logarithmic=False),
        Curve("none", "x", "y", ()),
    )
    written = draw_report(Report("train", rows, curves), tmp_path, "cpu")
    names = ["bench-train-cpu-shares.png", "bench-train-cpu-threads.png", "bench-train-cpu-psnr.png"]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    for path in written:
        with Image.open(path) as picture:
            assert picture.width > 300


def test_a_report_without_limits_and_curves_draws_nothing(tmp_path: Path):
    assert draw_report(Report("kernels", (Row("a", 1.0, "s"),)), tmp_path, "cpu") == []
    assert not list(tmp_path.iterdir())
