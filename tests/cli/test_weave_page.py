"""The page about a weave: what it says, and that names of files are text in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rayloom.cli.weave_page import MOST_PICTURES, Woven, page
from tests.html_reader import Reader

TAGS = {*("html", "head", "meta", "title", "style", "body", "h1", "h2", "section", "div", "b", "span", "p")}
TAGS |= {*("ul", "li", "table", "tr", "th", "td", "img", "video", "a", "details", "summary", "footer")}
SCORES = {"psnr": 30.126, "ssim": 0.95, "lpips_alex": None, "lpips_vgg": None}


def result(names: list[str], psnr: float = 30.126) -> Any:
    scores = SCORES | {"psnr": psnr}
    protocol = {"split": "test", "num_views": len(names)}
    return {"protocol": protocol, "mean": scores, "views": [{"name": name, **scores} for name in names]}


def woven(folder: Path, names: list[str], words: str = "words") -> Woven:
    (folder / "scene.html").write_bytes(bytes(1_500_000))
    evaluation = folder / "run" / "eval"
    evaluation.mkdir(parents=True, exist_ok=True)
    for number in range(len(names)):
        (evaluation / f"view_{number:03d}_r #{number}%.png").touch()
    films = [folder / "film" / name for name in ("film.mp4", "film_depth.mp4", "film_opacity.mp4")]
    return Woven(
        folder=folder,
        title=words,
        kind="object",
        num_photos=9,
        cameras=words,
        warnings=[words],
        training=words,
        run=folder / "run",
        page=folder / "scene.html",
        videos=films,
        report=None,
        result=result(names),
        baked=result(names[:1], psnr=29.5),
    )


def test_it_says_what_was_found(tmp_path: Path):
    names = [f"r_{i}" for i in range(2 * MOST_PICTURES + 1)]
    seen = Reader(page(woven(tmp_path, names)))
    text = " ".join(seen.text)
    for part in (
        "30.13 dB",
        "0.950",
        "13",
        "views held out",
        "1.5 MB, 29.50 dB where the field has 30.13 dB",
    ):
        assert part in text
    assert "LPIPS alex" not in text.split("Photos that it")[0]
    pictures = [unquote(address) for address in seen.addresses() if address.endswith(".png")]
    assert pictures == [f"run/eval/view_{i:03d}_r #{i}%.png" for i in (0, 3, 6, 9, 12)]
    assert "training.png" not in pictures
    assert not any(address.startswith(("/", "http", "..")) for address in seen.addresses())


def test_without_held_out_views_it_says_so(tmp_path: Path):
    made = woven(tmp_path, ["a"])
    made.result["protocol"]["split"] = "train"
    assert "never seen" not in page(made)
    assert "views it was trained on" in page(made)


def test_the_curve_and_the_report_are_there_where_they_were_made(tmp_path: Path):
    made = woven(tmp_path, ["a"])
    (made.run / "eval" / "training.png").touch()
    addresses = Reader(page(replace(made, report=tmp_path / "process" / "report.html"))).addresses()
    assert {"run/eval/training.png", "process/report.html"} <= set(addresses)


@given(st.text() | st.just("<script>alert('1')</script>\" onload=\"x"))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_names_are_text_whatever_is_in_them(tmp_path: Path, words: str):
    seen = Reader(page(woven(tmp_path, [words], words)))
    assert set(seen.tags) <= TAGS
    assert not any(name.startswith("on") for name, _ in seen.attributes)
    if words.strip() and "\r" not in words and "\0" not in words:
        assert seen.text.count(words) >= 3


def test_a_mean_without_views_is_none(tmp_path: Path):
    made = replace(woven(tmp_path, ["a"]), baked=result([]))
    assert made.baked_psnr() == {"field": None, "page": None}
    assert "– where the field has –" in page(made)


def test_smaller_copies_do_not_count_in_what_the_page_lost(tmp_path: Path):
    made = woven(tmp_path, ["a"])
    copy: Any = {"name": "a", "scale": "1/2", **SCORES, "psnr": 99.0}
    made.result["views"].append(copy)
    assert made.baked_psnr() == {"field": 30.126, "page": 29.5}
    assert "a at 1/2" in page(made)
