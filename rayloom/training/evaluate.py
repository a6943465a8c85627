"""How well a method predicts photos that it has not seen."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, NotRequired, TypedDict

from jaxtyping import Bool, Float, Int
from torch import Tensor

from rayloom.data.batches import truth_image, truth_labels
from rayloom.data.capture import Split
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.method import Method
from rayloom.metrics import pictures
from rayloom.metrics.labels import LabelScores, LabelTally
from rayloom.metrics.protocol import Protocol
from rayloom.metrics.scores import Judge, mean_scores
from rayloom.metrics.scores import Scores as Scores
from rayloom.metrics.warping import FLOW, REACH
from rayloom.training.held_out_codes import CODE_FITTING_STEPS, HeldOutCodes
from rayloom.training.localize import frozen
from rayloom.training.viewpoints import POSE_REFINEMENT_STEPS, Viewpoints, learned_pose_errors
from rayloom.types import Image

QUICK_VIEWS = 4
"""Number of images in a quick evaluation."""

_FALLBACKS: tuple[Split, ...] = ("test", "val", "train")
"""Splits to score where the capture has no image in the one that was asked for."""


class ViewScores(Scores):
    """The metrics of one image at one scale."""

    name: str
    scale: NotRequired[str]
    """1/2, 1/4, ... for a smaller copy of the image; absent for the image itself."""


class PoseScores(TypedDict):
    """Medians over the training cameras, after the best similarity, against the scene's."""

    median_rotation_deg: float
    median_translation: float
    """World units."""


class EvalResult(TypedDict):
    """What an evaluation found, ready for JSON."""

    protocol: dict[str, Any]
    """The fields of `Protocol`."""
    mean: Scores
    """Means over the images that have a value, at all scales."""
    scales: dict[str, Scores]
    """The same at each scale alone, by its name: 1, 1/2, 1/4, ..."""
    views: list[ViewScores]
    """Scale after scale."""
    labels: LabelScores | None
    """Of the images themselves; None where the method or the capture knows no classes."""
    poses: PoseScores | None
    """How far learned cameras are from the scene's; None where the method learns none."""


def evaluate(
    method: Method[Any],
    scene: Scene,
    split: Split = "test",
    out: Path | None = None,
    on_view: Callable[[ViewScores, int], None] = lambda view, num_views: None,
    *,
    quick: bool = False,
    rounded_to_8_bit: bool = False,
    pose_refinement_steps: int = POSE_REFINEMENT_STEPS,
    code_fitting_steps: int = CODE_FITTING_STEPS,
) -> EvalResult:
    """The scores of a method on the images of a split; on test, val or train images where it has none.

    Coarser copies of the images are scored too. `out` is a folder for `eval.json` and a picture per view:
    photo, rendering, error, depth. `on_view` hears each view's scores and the number of views. A quick one
    takes a few images, evenly spread, and measures PSNR and SSIM alone. Held-out cameras follow those that
    a method learns, see `Viewpoints`, and of a method with codes of photos the right half of each held-out
    photo is scored, see `HeldOutCodes`. Raises InputError for colours that are not finite.
    """
    scored_split, chosen = _choose_views(scene, split, quick=quick)
    viewpoints = Viewpoints(method, scene, pose_refinement_steps)
    codes = HeldOutCodes(viewpoints, code_fitting_steps)
    judge, tally = Judge.on(viewpoints.device, quick=quick), LabelTally(scene.info.num_labels)
    views: list[ViewScores] = []
    with frozen(method):
        for view in _scored_views(codes, chosen, judge, tally, out, rounded_to_8_bit=rounded_to_8_bit):
            views.append(view)
            on_view(view, len(chosen) * len(scene.scales))
    result: EvalResult = {
        "protocol": asdict(_protocol(codes, split, scored_split, chosen, judge, rounded_to_8_bit)),
        "mean": mean_scores(views),
        "scales": _means_of_scales(scene, views),
        "views": views,
        "labels": tally.scores(),
        "poses": _pose_scores(method, scene),
    }
    if out is not None:
        _write_result(result, out / "eval.json")
    return result


def _choose_views(scene: Scene, split: Split, *, quick: bool) -> tuple[Split, tuple[int, ...]]:
    """The split that is scored and its images; a quick evaluation takes some at equal steps."""
    for candidate in (split, *_FALLBACKS):
        if indices := scene.indices(candidate):
            step = -(-len(indices) // QUICK_VIEWS) if quick else 1
            return candidate, indices[::step]
    raise InputError(scene.root, "the scene has no images to score; expected at least one")


def _protocol(
    codes: HeldOutCodes,
    asked: Split,
    scored: Split,
    chosen: Sequence[int],
    judge: Judge,
    rounded_to_8_bit: bool,
) -> Protocol:
    viewpoints = codes.viewpoints
    scene, learned = viewpoints.scene, viewpoints.corrections is not None
    halved = any(map(codes.is_stranger, chosen))
    return Protocol(
        split=scored,
        split_asked=asked,
        scales=tuple(map(_scale_name, range(len(scene.scales)))),
        num_views=len(chosen),
        num_views_in_split=len(scene.indices(scored)),
        resolution=_sizes(scene, chosen),
        background=scene.info.background,
        rounded_to_8_bit=rounded_to_8_bit,
        ssim=judge.ssim_variant,
        lpips_alex=judge.alex.version if judge.alex else None,
        lpips_vgg=judge.vgg.version if judge.vgg else None,
        psnr_shifted=None if judge.quick else REACH,
        e_warp=None if judge.quick else FLOW,
        aligned=learned,
        pose_refinement_steps=viewpoints.steps if learned and scored != "train" else 0,
        code_fitting_steps=codes.steps if halved else 0,
        part="right half" if halved else "whole",
    )


def _sizes(scene: Scene, chosen: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Each width and height of the chosen images that occurs at any scale."""
    cameras = [scale.intrinsics[i] for scale in scene.scales for i in chosen]
    return tuple(sorted({(camera.width, camera.height) for camera in cameras}))


def _scale_name(level: int) -> str:
    """The share of its size that an image keeps after it was halved so often."""
    return str(Fraction(1, 2**level))


def _scored_views(
    codes: HeldOutCodes,
    chosen: Sequence[int],
    judge: Judge,
    tally: LabelTally,
    out: Path | None,
    *,
    rounded_to_8_bit: bool,
) -> Iterator[ViewScores]:
    """The scores of each chosen image as it is rendered; draws it beside the photo if `out` is a folder."""
    viewpoints, scene = codes.viewpoints, codes.viewpoints.scene
    for number, (level, i) in enumerate(itertools.product(range(len(scene.scales)), chosen)):
        name = scene.names[i]
        with codes.of(i):
            image = viewpoints.method.render_image(viewpoints.rays(i, level))
        image = _displayable(image, name, rounded_to_8_bit=rounded_to_8_bit)
        photo, valid = (tensor.to(judge.device) for tensor in truth_image(scene.scales[level], i))
        valid = codes.scored(i, valid)
        scores = judge.scores(image.rgb, photo, valid)
        labels = truth_labels(scene, i) if level == 0 else None
        if image.labels is not None and labels is not None:
            tally.add(image.labels, labels.to(judge.device), valid)
        if out is not None:
            path = out / f"view_{number:03d}_{PurePosixPath(name).stem}.png"
            _write_comparison(image, photo, valid, scores["psnr"], labels, path)
        view: ViewScores = {"name": name, **scores}
        if level > 0:
            view["scale"] = _scale_name(level)
        yield view


def _displayable(image: Image, name: str, *, rounded_to_8_bit: bool) -> Image:
    """The image with its colours clipped to what a screen shows."""
    if not image.rgb.isfinite().all():
        raise InputError(name, "the rendering holds colours that are not finite; expected a trained method")
    rgb = image.rgb.clamp(0, 1)
    return replace(image, rgb=(255 * rgb).round() / 255 if rounded_to_8_bit else rgb)


def _write_comparison(
    image: Image,
    photo: Float[Tensor, "h w 3"],
    valid: Bool[Tensor, "h w"],
    score: float | None,
    labels: Int[Tensor, "h w"] | None,
    path: Path,
) -> None:
    """Write the photo, the rendering, its error and its depth in a row, and the classes that are known."""
    rgb, opacity, depth = (tensor.cpu().numpy() for tensor in (image.rgb, image.opacity, image.depth))
    truth = photo.cpu().numpy()
    near, far = pictures.depth_range(depth, opacity)
    panels = [
        ("photo", pictures.eight_bit(truth)),
        ("rendered" if score is None else f"rendered, {score:.2f} dB", pictures.eight_bit(rgb)),
        (f"error, 0 to {pictures.FULL_ERROR}", pictures.error_picture(rgb, truth, valid.cpu().numpy())),
        (f"depth, {near:.3g} to {far:.3g}", pictures.depth_picture(depth, opacity, near, far)),
    ]
    if image.labels is not None:
        known = [] if labels is None else [("labels", labels)]
        found = [*known, ("rendered labels", image.labels)]
        panels += [(caption, pictures.label_picture(part.cpu().numpy())) for caption, part in found]
    pictures.write_png(pictures.side_by_side(panels), path)


def _means_of_scales(scene: Scene, views: Sequence[ViewScores]) -> dict[str, Scores]:
    names = map(_scale_name, range(len(scene.scales)))
    return {name: mean_scores([view for view in views if view.get("scale", "1") == name]) for name in names}


def _pose_scores(method: Method[Any], scene: Scene) -> PoseScores | None:
    errors = learned_pose_errors(method, scene)
    if errors is None:
        return None
    return {
        "median_rotation_deg": errors.median_rotation_deg,
        "median_translation": errors.median_translation,
    }


def _write_result(result: EvalResult, path: Path) -> None:
    with whole_file(path) as part:
        part.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n")
