import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rayloom.sfm.page import draw, page
from rayloom.sfm.report import Attempt, Report
from tests.data.camera_rings import look_at
from tests.html_reader import Reader
from tests.sfm.reports import good_report, report_on, ring_scene, row

NOTHING = (np.zeros((0, 3, 4)), np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
TAGS = {*("html", "head", "meta", "title", "style", "body", "h1", "h2", "section", "div", "b", "span")}
TAGS |= {*("ul", "li", "table", "tr", "th", "td", "i", "img", "footer")}


def ink(png):
    """Share of a picture that is drawn on, of its left and its right half."""
    alpha = np.asarray(Image.open(io.BytesIO(png)))[..., 3]
    return [float((half > 0).mean()) for half in np.split(alpha, [alpha.shape[1] // 2], axis=1)]


def test_the_page_says_what_came_of_it():
    rows = [row("a.jpg"), row("b.jpg"), row("lost.jpg", registered=False, piece=None, error_px=None)]
    attempts = [Attempt("plain", 12.4, 2, [2], 0.61), Attempt("more features", 30.0, 0, [], None, "crashed")]
    report = report_on(rows, warnings=["Too dark."], advice=["Use light."], attempts=attempts)
    text = " ".join(Reader(page(report, *ring_scene())).text)
    for part in (
        "2 of 3",
        "0.70 px",
        "4,000",
        "Too dark.",
        "Use light.",
        "plain",
        "12 s",
        "crashed",
        "lost.jpg",
    ):
        assert part in text
    assert text.index("lost.jpg") < text.index("a.jpg"), "what needs a look comes first"


@given(st.text() | st.just("<script>alert('1')</script>\" onload=\"x"))
@settings(max_examples=50)
def test_names_and_notes_are_text_whatever_is_in_them(words):
    report = report_on(
        [row(words)], warnings=[words], advice=[words], attempts=[Attempt(words, 1.0, 1, [1], 0.5, words)]
    )
    seen = Reader(page(replace(report, colmap=words), *NOTHING))
    assert set(seen.tags) <= TAGS
    assert not any(name.startswith("on") for name, _ in seen.attributes)
    if words.strip() and "\r" not in words and "\0" not in words:
        assert seen.text.count(words) >= 4


def test_the_page_needs_nothing_from_outside():
    text = page(good_report(), *ring_scene())
    assert set(Reader(text).tags) <= TAGS
    addresses = Reader(text).addresses()
    assert len(addresses) == 1
    assert addresses[0].startswith("data:image/png;base64,")
    assert not re.search(r"https?:|url\(|@import", text)
    picture = Image.open(io.BytesIO(base64.b64decode(addresses[0].split(",")[1])))
    assert picture.size == (1320, 660)


@pytest.mark.parametrize("num_photos", [0, 2])
def test_a_report_without_cameras_has_a_page_without_a_picture(num_photos):
    rows = [row(f"{i}.jpg", registered=False, sharpness=0.0, num_matched_photos=0) for i in range(num_photos)]
    report = Report(num_photos, 0, [], None, 0, None, rows)
    assert "img" not in Reader(page(report, *NOTHING)).tags


def test_bars_are_shares_of_the_best():
    report = report_on([row("a", sharpness=200.0, texture=0.25), row("b", sharpness=50.0, texture=1.0)])
    widths = re.findall(r'style="width:(\d+)%"', page(report, *NOTHING))
    assert widths == ["100", "25", "100", "25", "100", "100"]


@pytest.mark.parametrize("num_cameras", [1, 2, 12])
@pytest.mark.parametrize("num_points", [0, 1, 40_000])
def test_the_picture_shows_both_views(num_cameras, num_points):
    assert min(ink(draw(*ring_scene(num_cameras, num_points)))) > 0.005


def test_the_view_from_above_does_not_depend_on_the_frame_of_the_model():
    cameras, points, colors = ring_scene(num_points=500)
    turn = look_at((0.3, -0.5, 0.8), (1.0, 0.2, 0.1))[:, :3]
    turned = np.concatenate([turn @ cameras[:, :, :3], (turn @ cameras[:, :, 3:]) + [[1.0], [2.0], [3.0]]], 2)
    shown = [
        np.asarray(Image.open(io.BytesIO(draw(poses, scene, colors))).convert("RGBA")).astype(int)
        for poses, scene in ((cameras, points), (turned, points @ turn.T + (1.0, 2.0, 3.0)))
    ]
    drawn = [np.argwhere(picture[..., 3] > 0) for picture in shown]
    assert len(drawn[0]) == pytest.approx(len(drawn[1]), rel=0.1)
    assert drawn[0].std(0) == pytest.approx(drawn[1].std(0), rel=0.05)


def test_a_point_far_away_does_not_shrink_the_rest():
    cameras, points, colors = ring_scene(num_points=500)
    far = np.concatenate([points, [[1e6, 0.0, 0.0]]])
    near, with_far = (
        ink(draw(cameras, points, colors)),
        ink(draw(cameras, far, np.pad(colors, ((0, 1), (0, 0))))),
    )
    assert with_far == pytest.approx(near, rel=0.1)
