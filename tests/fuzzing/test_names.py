"""Whatever is in the name of a file or scene: the pages that show it have the tags that they always have."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rayloom.baking.files import page as web_page
from rayloom.baking.files import page_bytes
from rayloom.cli.weave_page import page as weave_page
from rayloom.sfm.page import page as report_page
from rayloom.sfm.report import Attempt
from tests.baking.shining_ball import SCENES, origin_of
from tests.cli.test_weave_page import woven
from tests.fuzzing.run_targets import tiny_voxels
from tests.sfm.reports import report_on, row

HARMLESS = "name"
PIECES = (
    *("<script>alert(1)</script>", "</script>", "<!--", "-->", "<!--<script>", "]]>", "<svg/onload=x>"),
    *("</title>", "' onload='x", '" onload="x', "&lt;", "&#60;", "&amp", "{body}", "{", "%", "@VIEWER@"),
    *("\\u003c", "\\", "`", "\0", "\x1b[2J", "\u2028", "\u202e", "\ud800", "\udcff", "\ufeff"),
    *("javascript:x", "http://a/b", "//a"),
)
NAMES = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), min_size=1, max_size=6).map("".join)


class Outline(HTMLParser):
    """Tags and names of their attributes, in order, and where addresses lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, ...]] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, *(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self.seen.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment",))


@cache
def scene_page(name: str) -> str:
    """The web page of a scene of this title, as browsers get it, without its viewer."""
    origin = replace(origin_of(SCENES["object"]), method=name)
    return page_bytes(web_page(tiny_voxels(), origin, name).rpartition("<script>")[0]).decode("utf-16")


def written(text: str) -> str:
    """A page as browsers get it: letters that are no text are replaced."""
    return text.encode("utf-8", errors="replace").decode()


def check(page: Callable[[str], str], name: str) -> None:
    compare(Outline(written(page(name))), Outline(written(page(HARMLESS))))


def compare(found: Outline, expected: Outline) -> None:
    assert found.seen == expected.seen
    assert not any(re.match(r"\s*(javascript:|https?:|//)", address) for address in found.addresses)


@given(NAMES)
@settings(max_examples=150)
def test_the_report_on_cameras(name: str) -> None:
    nothing = (np.zeros((0, 3, 4)), np.zeros((0, 3)), np.zeros((0, 3), np.uint8))

    def page(name: str) -> str:
        rows = [replace(row(name), camera=name), row("b", registered=False)]
        attempt = Attempt(name, 1.0, 1, [1], 0.5, name)
        report = report_on(rows, warnings=[name], advice=[name], attempts=[attempt])
        return report_page(replace(report, colmap=name), *nothing)

    check(page, name)


@given(NAMES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_page_of_a_weave(tmp_path: Path, name: str) -> None:
    check(lambda name: weave_page(woven(tmp_path, [name], name)), name)


@given(NAMES)
@settings(max_examples=25)
@example("".join(PIECES))
def test_the_web_page_of_a_scene(name: str) -> None:
    text = scene_page(name)
    compare(Outline(text), Outline(scene_page(HARMLESS)))
    # Not even a comment may begin in the description: with a second "<script" it would swallow the page.
    described = text.split('type="application/json">')[1].split("</script>")[0]
    assert "<" not in described
    title = json.loads(described)["title"]
    assert title.encode("utf-16", "surrogatepass") == name.encode("utf-16", "surrogatepass")
