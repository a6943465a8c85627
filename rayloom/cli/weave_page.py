"""The page about everything that `rayloom weave` made, with relative links to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING
from urllib.parse import quote

from rayloom import __version__, pages
from rayloom.training.runs import EVALUATION

if TYPE_CHECKING:
    from rayloom.training.evaluate import EvalResult, ViewScores

MOST_PICTURES = 6
"""Of held-out views; the others are in the run's folder."""
_SCORES = {"psnr": "PSNR", "ssim": "SSIM", "lpips_alex": "LPIPS alex", "lpips_vgg": "LPIPS vgg"}


@dataclass(frozen=True)
class Woven:
    """What a weave found out."""

    folder: Path
    """Where the page will lie, above everything that it links to."""
    title: str
    kind: str
    """Of the scene."""
    num_photos: int
    cameras: str
    """How they are known, in words."""
    warnings: Sequence[str]
    """About the capture."""
    training: str
    """In words."""
    run: Path
    page: Path
    """The web page of the scene."""
    videos: Sequence[Path]
    """Colour first."""
    report: Path | None
    """On how the cameras were found; None where they were known."""
    result: "EvalResult"
    """Scores of the field."""
    baked: "EvalResult"
    """Scores of the web page, on some of the same views."""

    def baked_psnr(self) -> dict[str, float | None]:
        """Mean PSNR of field and web page over the views on which both were scored."""
        seen = {view["name"] for view in self.baked["views"]}
        views = [view for view in self.result["views"] if view["name"] in seen]
        return {"field": _mean(views), "page": _mean(self.baked["views"])}


def page(woven: Woven) -> str:
    """The page; what it shows and links to lies beside or below it."""
    parts = [
        f"<h1>{escape(woven.title)}</h1>",
        _figures(woven),
        pages.sentences("What to know", woven.warnings, "warnings"),
        _walk(woven),
        _views(woven),
        _training(woven),
        _making(woven),
    ]
    return pages.document(woven.title, parts, f"Woven by rayloom {__version__}.")


def _figures(woven: Woven) -> str:
    mean, protocol = woven.result["mean"], woven.result["protocol"]
    scores = [(_number(mean[name], name), title) for name, title in _SCORES.items() if mean[name] is not None]
    seen = "views it was trained on" if protocol["split"] == "train" else "views held out"
    return pages.facts([(str(woven.num_photos), "photos"), *scores, (str(protocol["num_views"]), seen)])


def _walk(woven: Woven) -> str:
    """The way into the scene, and the film."""
    colours, *others = woven.videos
    links = ", ".join(_link(woven, video, video.stem.rpartition("_")[2]) for video in others)
    film = f'<video src="{_address(woven, colours)}" controls loop muted playsinline></video>'
    enter = f'<a class="button" href="{_address(woven, woven.page)}">Walk through the scene</a>'
    return pages.section("The scene", f"{enter}{film}<p>The same film as {links}.</p>")


def _views(woven: Woven) -> str:
    """Photo, rendering, error and depth of some views, evenly chosen, and the scores of all."""
    views = woven.result["views"]
    step = -(-len(views) // MOST_PICTURES)
    pictures = "".join(_picture(woven, i, views[i]["name"]) for i in range(0, len(views), step))
    rows = [(escape(_name(view)), *(_number(view[name], name) for name in _SCORES)) for view in views]
    scores = pages.table(("view", *_SCORES.values()), rows)
    every = f"<details><summary>Scores of all {len(views)} views</summary>{scores}</details>"
    trained_on = woven.result["protocol"]["split"] == "train"
    title = "Photos that it was trained on" if trained_on else "Photos that it has never seen"
    return pages.section(title, f"{pictures}{every}")


def _picture(woven: Woven, number: int, name: str) -> str:
    """The comparison that the evaluation drew of a view; nothing where it is gone."""
    found = sorted((woven.run / EVALUATION).glob(f"view_{number:03d}_*.png"))
    if not found:
        return ""
    words = f"Photo, rendering, error and depth of {name}"
    return (
        f'<img alt="{escape(words)}" title="{escape(name)}" src="{_address(woven, found[0])}" loading="lazy">'
    )


def _training(woven: Woven) -> str:
    """The curves of loss and PSNR, where they were drawn."""
    curve = woven.run / EVALUATION / "training.png"
    if not curve.is_file():
        return ""
    picture = f'<img alt="Loss and PSNR over the steps of training" src="{_address(woven, curve)}">'
    return pages.section("Training", picture)


def _making(woven: Woven) -> str:
    """What was done to come here, with the way to each result."""
    psnr, size = woven.baked_psnr(), woven.page.stat().st_size / 1e6
    link = _link(woven, woven.page, woven.page.name)
    baked, field = (_number(psnr[name], "psnr") for name in ("page", "field"))
    report = "" if woven.report is None else f" ({_link(woven, woven.report, 'report')})"
    rows = [
        ("capture", f"{woven.num_photos} photos, {escape(woven.kind)}"),
        ("cameras", f"{escape(woven.cameras)}{report}"),
        ("training", f"{escape(woven.training)} ({_link(woven, woven.run, 'run folder')})"),
        (
            "web page",
            f"{size:.1f} MB, {baked} where the field has {field} ({link})",
        ),
    ]
    return pages.section("How it was made", pages.table(("", ""), rows))


def _address(woven: Woven, path: Path) -> str:
    """A relative link, whatever is in the names of files."""
    return escape(quote(path.relative_to(woven.folder).as_posix()))


def _link(woven: Woven, path: Path, words: str) -> str:
    return f'<a href="{_address(woven, path)}">{escape(words)}</a>'


def _name(view: "ViewScores") -> str:
    return f"{view['name']} at {view['scale']}" if "scale" in view else view["name"]


def _number(value: float | None, name: str) -> str:
    if value is None:
        return "–"
    return f"{value:.2f} dB" if name == "psnr" else f"{value:.3f}"


def _mean(views: Sequence["ViewScores"]) -> float | None:
    values = [view["psnr"] for view in views if view["psnr"] is not None and "scale" not in view]
    return fmean(values) if values else None
