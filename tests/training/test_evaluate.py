"""Evaluation of small invented methods whose scores are known."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from torch import Tensor, nn

from rayloom.errors import InputError
from rayloom.metrics import scores as scores_module
from rayloom.metrics.lpips import LPIPS
from rayloom.metrics.warping import FLOW, REACH
from rayloom.training.evaluate import QUICK_VIEWS, Scores, ViewScores, evaluate
from rayloom.types import Rays, Rendering
from tests.training.painted_plane import learned_plane, plane_scene, similarity
from tests.training.painted_scenes import (
    HEIGHT,
    WIDTH,
    Gradient,
    at_two_scales,
    decibels,
    gradient,
    make_scene,
    painted,
    photo,
)


@pytest.fixture(autouse=True)
def no_lpips(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Tests that do not speak of LPIPS run as on a machine without its weights."""
    if "lpips" not in request.node.name:
        monkeypatch.setattr(scores_module, "load_lpips", lambda backbone: None)


def test_scores_are_those_of_the_images_and_the_mean_is_that_of_the_scores():
    scene = make_scene(("test", "test"), images=(photo(-0.2), photo(0.1)))
    result = evaluate(gradient(scene), scene)
    expected = [decibels(photo(-0.2)), decibels(photo(0.1))]
    assert [view["psnr"] for view in result["views"]] == pytest.approx(expected, abs=1e-4)
    assert result["mean"]["psnr"] == pytest.approx(np.mean(expected), abs=1e-4)


def test_rounding_to_eight_bits_is_on_request_and_on_record():
    scene = make_scene(("train", "test"))
    plain, rounded = (evaluate(gradient(scene), scene, rounded_to_8_bit=flag) for flag in (False, True))
    assert plain["protocol"]["rounded_to_8_bit"] is False
    assert rounded["protocol"]["rounded_to_8_bit"] is True
    assert plain["mean"]["psnr"] == pytest.approx(decibels(photo()), abs=1e-3)
    assert rounded["mean"]["psnr"] == 100


def test_renderings_are_clipped_to_what_a_screen_shows():
    scene = make_scene(("test",), images=(np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8),))
    assert evaluate(gradient(scene, error=7.0), scene)["mean"]["psnr"] == 100


@pytest.mark.parametrize(
    ("split", "asked", "scored", "count"),
    [
        (("train", "val", "test"), "test", "test", 1),
        (("train", "val", "val"), "test", "val", 2),
        (("train", "train", "train"), "test", "train", 3),
        (("train", "test", "test"), "val", "test", 2),
        (("train", "val", "test"), "val", "val", 1),
    ],
)
def test_a_split_without_images_is_replaced_and_the_protocol_says_so(
    monkeypatch: pytest.MonkeyPatch, split: tuple[str, ...], asked: Any, scored: str, count: int
):
    scene = make_scene(split)
    method = gradient(scene)
    if scored == "train":
        monkeypatch.setattr(method, "render", lambda rays: gradient_of_any_camera(method, rays))
    protocol = evaluate(method, scene, split=asked)["protocol"]
    assert (protocol["split_asked"], protocol["split"]) == (asked, scored)
    assert protocol["num_views"] == protocol["num_views_in_split"] == count


def gradient_of_any_camera(method: Gradient, rays: Rays) -> Rendering:
    """What `Gradient` paints, also for cameras that train."""
    return Gradient.render(method, replace(rays, camera_index=torch.full_like(rays.camera_index, -1)))


def test_ignored_pixels_change_no_score():
    ignore = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    ignore[3:9, 5:15] = True
    spoilt = np.where(ignore[..., None], 255 - photo(), photo())
    scene = make_scene(("test",), images=(spoilt,), ignore=(ignore,))
    result = evaluate(gradient(scene), scene, rounded_to_8_bit=True)
    assert result["mean"]["psnr"] == 100
    assert result["mean"]["ssim"] == pytest.approx(1, abs=1e-9)
    seen = evaluate(gradient(scene), replace(scene, ignore=(None,)), rounded_to_8_bit=True)
    assert (seen["mean"]["psnr"] or 0) < 20


def test_a_displaced_photo_is_told_from_a_wrong_one():
    # The photo shows at each pixel what is painted two pixels to the right of it.
    displaced = np.rint(255 * (painted() + np.array([2 / WIDTH, 0, 0])).clip(0, 1)).astype(np.uint8)
    scene = make_scene(("test",), images=(displaced,))
    result = evaluate(gradient(scene), scene)
    mean, protocol = result["mean"], result["protocol"]
    assert (mean["psnr_shifted"] or 0) > 45 > (mean["psnr"] or 100) + 15
    assert mean["e_warp"] is not None
    assert mean["gradient_ratio"] == pytest.approx(1, abs=0.1)
    assert protocol["psnr_shifted"] == REACH
    assert protocol["e_warp"] == FLOW
    quick = evaluate(gradient(scene), scene, quick=True)["mean"]
    assert quick["psnr"] == mean["psnr"]
    assert quick["psnr_shifted"] is quick["e_warp"] is quick["gradient_ratio"] is None


def test_a_view_that_is_ignored_whole_has_no_scores_and_no_part_in_the_mean():
    everything = np.ones((HEIGHT, WIDTH), dtype=np.bool_)
    scene = make_scene(("test", "test"), images=(photo(), photo(0.3)), ignore=(None, everything))
    result = evaluate(gradient(scene), scene, rounded_to_8_bit=True)
    view = result["views"][1]
    assert all(view[name] is None for name in get_type_hints(Scores))
    assert result["mean"]["psnr"] == 100


def test_the_result_is_json_and_the_folder_holds_it_with_one_picture_per_view(tmp_path: Path):
    scene = make_scene(("train", "test", "test"))
    result = evaluate(gradient(scene, error=0.1), scene, out=tmp_path / "eval")
    written = json.loads((tmp_path / "eval" / "eval.json").read_text())
    assert written == json.loads(json.dumps(result, allow_nan=False))
    assert list(written) == ["protocol", "mean", "scales", "views", "labels", "poses"]
    assert written["poses"] is None
    assert (written["protocol"]["aligned"], written["protocol"]["pose_refinement_steps"]) == (False, 0)
    assert written["scales"] == {"1": written["mean"]}
    assert all("scale" not in view for view in written["views"])
    assert list(written["mean"]) == list(get_type_hints(Scores))
    assert [view["name"] for view in written["views"]] == ["images/0001.jpg", "images/0002.jpg"]
    names = sorted(path.name for path in (tmp_path / "eval").iterdir())
    assert names == ["eval.json", "view_000_0001.png", "view_001_0002.png"]
    with PILImage.open(tmp_path / "eval" / "view_000_0001.png") as picture:
        assert picture.width > 4 * WIDTH


def test_every_scale_is_scored_and_has_its_own_mean(tmp_path: Path):
    scene = at_two_scales(make_scene(("train", "test", "test"), images=(photo(),) * 2 + (photo(0.1),)), -0.2)
    heard: list[int] = []
    result = evaluate(gradient(scene), scene, out=tmp_path, on_view=lambda view, total: heard.append(total))
    assert heard == [4] * 4
    assert [(view["name"], view.get("scale")) for view in result["views"]] == [
        *(("images/0001.jpg", None), ("images/0002.jpg", None)),
        *(("images/0001.jpg", "1/2"), ("images/0002.jpg", "1/2")),
    ]
    psnr = [view["psnr"] or 0 for view in result["views"]]
    quarter = (painted() - photo(-0.2) / 255)[: HEIGHT // 2, : WIDTH // 2]
    assert psnr[2] == psnr[3] == pytest.approx(-10 * np.log10(np.mean(quarter**2)), abs=1e-4)
    assert list(result["scales"]) == ["1", "1/2"]
    assert result["scales"]["1"]["psnr"] == pytest.approx(np.mean(psnr[:2]))
    assert result["scales"]["1/2"]["psnr"] == pytest.approx(psnr[2])
    assert result["mean"]["psnr"] == pytest.approx(np.mean(psnr))
    # A copy of 9 rows has no room for the window of SSIM, and no part in the mean.
    assert result["scales"]["1/2"]["ssim"] is None
    assert result["mean"]["ssim"] == result["scales"]["1"]["ssim"]
    protocol = result["protocol"]
    assert protocol["scales"] == ("1", "1/2")
    assert (protocol["num_views"], protocol["num_views_in_split"]) == (2, 2)
    assert protocol["resolution"] == ((WIDTH // 2, HEIGHT // 2), (WIDTH, HEIGHT))
    written = json.loads((tmp_path / "eval.json").read_text())
    assert written == json.loads(json.dumps(result, allow_nan=False))
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_a_quick_evaluation_looks_at_its_views_at_every_scale():
    scene = at_two_scales(make_scene(("test",) * 9), 0.1)
    result = evaluate(gradient(scene), scene, quick=True)
    assert result["protocol"]["num_views"] == 3
    assert len(result["views"]) == 6


def test_views_are_reported_as_they_come():
    scene = make_scene(("test",) * 3)
    heard: list[tuple[str, int]] = []

    def on_view(view: ViewScores, total: int) -> None:
        heard.append((view["name"], total))

    evaluate(gradient(scene), scene, on_view=on_view)
    assert heard == [(name, 3) for name in scene.names]


@pytest.mark.parametrize(("available", "scored"), [(2, 2), (QUICK_VIEWS, QUICK_VIEWS), (25, 4), (9, 3)])
def test_a_quick_evaluation_takes_a_few_views_and_says_so(available: int, scored: int):
    scene = make_scene(("test",) * available)
    protocol = evaluate(gradient(scene), scene, quick=True)["protocol"]
    assert (protocol["num_views"], protocol["num_views_in_split"]) == (scored, available)
    assert protocol["lpips_alex"] is None
    assert protocol["e_warp"] is None


def test_every_module_is_in_its_own_mode_again_also_after_a_failure():
    scene = make_scene(("test",))
    method = gradient(scene)
    assert method.training
    evaluate(method, scene)
    assert method.training
    assert not method.frozen.training
    method.error.data.fill_(math.nan)
    with pytest.raises(
        InputError, match=r"images/0000\.jpg: the rendering holds colours that are not finite"
    ):
        evaluate(method, scene)
    assert method.training


def test_learned_cameras_are_aligned_and_refined_and_the_protocol_says_so(tmp_path: Path):
    scene = plane_scene(("test", *("train",) * 6), halves=True)
    method = learned_plane(scene, similarity(), twist_sd=0.02)
    rough = evaluate(method, scene, pose_refinement_steps=0)
    fine = evaluate(method, scene, out=tmp_path, pose_refinement_steps=60)
    for result, steps in ((rough, 0), (fine, 60)):
        protocol = result["protocol"]
        assert (protocol["aligned"], protocol["pose_refinement_steps"]) == (True, steps)
    for name in ("1", "1/2"):
        assert (fine["scales"][name]["psnr"] or 0) > (rough["scales"][name]["psnr"] or 100) + 3
    # Errors of the training cameras are those before any refinement.
    assert fine["poses"] == rough["poses"]
    assert fine["poses"] is not None
    assert 0.5 < fine["poses"]["median_rotation_deg"] < 4
    assert json.loads((tmp_path / "eval.json").read_text())["poses"] == fine["poses"]


def test_learned_cameras_of_training_photos_are_not_refined():
    scene = plane_scene(("train",) * 4)
    result = evaluate(learned_plane(scene, similarity(1.0)), scene, pose_refinement_steps=60)
    protocol = result["protocol"]
    assert (protocol["aligned"], protocol["pose_refinement_steps"]) == (True, 0)
    assert (result["mean"]["psnr"] or 0) > 50


def test_absent_weights_leave_lpips_empty(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scores_module, "load_lpips", lambda backbone: None)
    scene = make_scene(("test",))
    result = evaluate(gradient(scene), scene)
    assert result["views"][0]["lpips_vgg"] is None
    assert result["mean"]["lpips_alex"] is None
    assert result["protocol"]["lpips_vgg"] is None


class StandIn(LPIPS):
    """Needs no weights; the largest difference."""

    def __init__(self, side: int) -> None:
        nn.Module.__init__(self)
        self.side = side

    @property
    def version(self) -> str:
        return "stand-in"

    @property
    def smallest_side(self) -> int:
        return self.side

    def forward(self, rendered: Tensor, truth: Tensor) -> float:
        return float((rendered - truth).abs().max())


def test_lpips_is_measured_on_pictures_large_enough_for_its_backbone(
    monkeypatch: pytest.MonkeyPatch,
):
    sides = {"alex": HEIGHT + 1, "vgg": HEIGHT}
    monkeypatch.setattr(scores_module, "load_lpips", lambda backbone: StandIn(sides[backbone]))
    scene = make_scene(("test",))
    result = evaluate(gradient(scene, error=0.1), scene, rounded_to_8_bit=True)
    assert result["mean"]["lpips_alex"] is None
    assert result["mean"]["lpips_vgg"] == pytest.approx(0.1, abs=1 / 255)
    assert result["protocol"]["lpips_vgg"] == "stand-in"


def test_classes_are_scored_and_drawn_where_method_and_capture_know_them(tmp_path: Path):
    scene = make_scene(("train", "test"))
    true = np.tile(np.arange(WIDTH) % 3, (HEIGHT, 1)).astype(np.int16)
    labelled = replace(scene, labels=(None, true), info=replace(scene.info, num_labels=3))

    class Classes(Gradient):
        """Tells class 1 everywhere."""

        def render(self, rays: Rays) -> Rendering:
            return replace(super().render(rays), extras={"logits": torch.eye(3)[1].expand(*rays.shape, 3)})

    method = Classes(Gradient.presets["tiny"], labelled.info)
    found = evaluate(method, labelled, out=tmp_path, quick=True)["labels"]
    assert found == {"accuracy": pytest.approx(1 / 3), "miou": pytest.approx(1 / 9)}
    with PILImage.open(tmp_path / "view_000_0001.png") as drawn:
        # Photo, rendering, error, depth and two of classes.
        assert drawn.width == 6 * 244 - 4
    assert evaluate(gradient(labelled), labelled, quick=True)["labels"] is None
    assert evaluate(Classes(Gradient.presets["tiny"], scene.info), scene, quick=True)["labels"] is None
