"""From a scene and a method to training: what a method is shown, and when."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rayloom.data.views import Views
from rayloom.paper import MethodConfig
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.config import TrainConfig
from rayloom.training.divergence import Diverged
from rayloom.training.fit import LOWER_RATES, fit
from rayloom.training.records import Record
from rayloom.training.runs import append_record, read_records
from rayloom.types import Batch, Progress, Rendering
from tests.training.painted_scenes import make_scene
from tests.training.test_loop import OneColor


class Watching(OneColor):
    """Notes what it is shown before it is trained."""

    def observe(self, views: Views) -> None:
        assert not self.calls, "no step comes before the look"
        self.views = views
        self.looks = getattr(self, "looks", 0) + 1


def test_a_method_sees_the_training_photos_once_before_the_first_step():
    scene = make_scene(("train", "test", "train"))
    method = Watching(MethodConfig(rays_per_step=8, lr=0.1, lr_final=0.01), scene.info)
    fit(method, scene, TrainConfig(steps=2, device="cpu"))
    assert method.looks == 1
    assert len(method.views.images) == len(method.views.cameras) == 2
    assert torch.equal(method.views.cameras.image_index, torch.tensor([0, 1]))
    assert [call for call in method.calls if call[0] == "losses"] == [
        ("losses", Progress(0, 0.0)),
        ("losses", Progress(1, 0.5)),
    ]


class Hasty(OneColor):
    """Diverges where a step moves it too far, after a while."""

    largest_move, patience = 0.06, 70

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        before, self.before = getattr(self, "before", None), self.painted.detach().clone()
        terms = {"pull": 100 * self.painted.sum(), "rest": rendering.rgb.square().mean()}
        moved = 0.0 if before is None else float((self.before - before).abs().max())
        if progress.step > self.patience and moved > self.largest_move:
            terms["rest"] = terms["rest"] * math.nan
        return terms


SCENE = make_scene(("train", "train"))
FAST = MethodConfig(rays_per_step=8, lr=0.1, lr_final=0.1)
AT_BOTH_ENDS = TrainConfig(steps=120, checkpoint_every=0.0, device="cpu")


def test_training_goes_back_once_with_lower_rates(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    method, records = Hasty(FAST, SCENE.info), []

    def on_record(record: Record) -> None:
        append_record(tmp_path, record)
        records.append(record.step)

    outcome = fit(method, SCENE, AT_BOTH_ENDS, on_record, checkpoints=Checkpoints(tmp_path, 2))
    assert outcome.steps == 120
    assert "training, step 71: rest became nan" in caplog.text
    assert f"going back to step 0, with rates of {LOWER_RATES:g} of the settings" in caplog.text
    assert method.painted.isfinite().all()
    told = [record.step for record in read_records(tmp_path)]
    assert told == sorted(set(told))
    report = json.loads((tmp_path / "divergence.json").read_text())
    assert [(entry["step"], entry["term"], entry["back_to_step"]) for entry in report] == [(71, "rest", 0)]


def test_training_that_diverges_again_stops_with_a_report(tmp_path: Path) -> None:
    method = Hasty(FAST, SCENE.info)
    method_class = type(method)
    method_class.largest_move, before = 0.0, method_class.largest_move
    try:
        with pytest.raises(Diverged, match="rest became nan"):
            fit(method, SCENE, AT_BOTH_ENDS, checkpoints=Checkpoints(tmp_path, 2))
    finally:
        method_class.largest_move = before
    report = json.loads((tmp_path / "divergence.json").read_text())
    assert [(entry["lr_share"], entry["back_to_step"]) for entry in report] == [(1.0, 0), (LOWER_RATES, None)]
    # What was good is still there.
    found = Checkpoints(tmp_path, 2).newest()
    assert found is not None
    assert found[1]["weights"]["painted"].isfinite().all()


def test_lower_rates_are_not_forgotten_by_a_later_start(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 2)
    fit(Hasty(FAST, SCENE.info), SCENE, AT_BOTH_ENDS, checkpoints=checkpoints)
    found = checkpoints.newest()
    assert found is not None
    assert found[1]["lr_share"] == LOWER_RATES


def test_without_checkpoints_training_stops_at_once() -> None:
    with pytest.raises(Diverged, match="step 71: rest became nan"):
        fit(Hasty(FAST, SCENE.info), SCENE, TrainConfig(steps=120, device="cpu"))
