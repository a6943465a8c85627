"""What every method owes: the contract, checked on its tiny preset. There is no list of exceptions."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rayloom import methods
from rayloom.cli.main import run
from rayloom.method import Method
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.training.runs import decode
from rayloom.training.weights import load_weights, save_weights
from rayloom.types import Progress, SceneInfo
from tests.methods.ball import OBJECT, SCENES, BallBatches

EXAMPLE = str(Path(__file__).with_name("haze_nerf.py"))
every_method = pytest.mark.parametrize("name", [*methods.names(), EXAMPLE], ids=lambda name: Path(name).stem)
every_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)


def tiny(name: str, scene: SceneInfo = OBJECT) -> Method[Any]:
    """The smallest preset, untrained."""
    method = methods.load(name)
    return method(method.presets["tiny"], scene)


@every_method
def test_the_description_without_torch_is_that_of_the_class(name: str) -> None:
    method, summary = methods.load(name), methods.describe(name)
    assert summary.paper == method.paper
    assert {key: asdict(value) for key, value in summary.presets.items()} == {
        key: asdict(value) for key, value in method.presets.items()
    }
    described = [(item.name, item.type) for item in fields(summary.config_class)]
    assert described == [(item.name, item.type) for item in fields(method.presets["default"])]


@every_method
def test_every_preset_builds_and_survives_json(name: str) -> None:
    method = methods.load(name)
    assert {"default", "tiny"} <= set(method.presets)
    for preset in method.presets.values():
        assert method(preset, OBJECT).config == preset
        assert decode(type(preset), json.loads(json.dumps(asdict(preset))), name) == preset


@every_method
def test_help_lists_every_setting(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(["train", name, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for item in fields(methods.describe(name).config_class):
        assert item.name.replace("_", "-") in out


@every_method
@every_scene
def test_renderings_are_finite_and_of_the_right_shape(name: str, scene: SceneInfo) -> None:
    rendering = tiny(name, scene).render(BallBatches(scene).next(7).rays)
    assert rendering.rgb.shape == (7, 3)
    assert rendering.opacity.shape == rendering.depth.shape == (7,)
    for value in (rendering.rgb, rendering.opacity, rendering.depth, rendering.weights):
        assert value.isfinite().all()
    assert (rendering.opacity >= 0).all()
    assert (rendering.opacity <= 1 + 1e-4).all()
    assert (rendering.depth >= 0).all()


@every_method
@every_scene
def test_in_evaluation_a_ray_looks_the_same_each_time_and_in_any_company(name: str, scene: SceneInfo) -> None:
    method = tiny(name, scene).eval()
    rays = BallBatches(scene).next(48).rays
    with torch.no_grad():
        whole, again = method.render(rays), method.render(rays)
        parts = [method.render(chunk) for chunk in rays.chunks(13)]
    for field in ("rgb", "opacity", "depth"):
        assert torch.equal(getattr(whole, field), getattr(again, field))
        # Matrix products of another height add up in another order.
        joined = torch.cat([getattr(part, field) for part in parts])
        torch.testing.assert_close(joined, getattr(whole, field), atol=1e-5, rtol=1e-4)


@every_method
@every_scene
def test_losses_are_numbers_with_names_and_move_every_parameter(name: str, scene: SceneInfo) -> None:
    method = tiny(name, scene).train()
    progress = Progress(step=0, fraction=0.0)
    method.before_step(progress)
    batch = BallBatches(scene).next(64)
    losses = method.losses(method.render(batch.rays), batch, progress)
    assert losses
    for loss in losses.values():
        assert loss.shape == ()
        assert loss.isfinite()
    torch.stack(list(losses.values())).sum().backward()
    grouped = {parameter for group in method.param_groups() for parameter in group["params"]}
    for parameter_name, parameter in method.named_parameters():
        if parameter.numel() == 0:
            continue
        assert parameter.grad is not None, f"{parameter_name} has no gradient"
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter in grouped, f"{parameter_name} is in no group"


@every_method
def test_weights_survive_saving_and_loading(name: str, tmp_path: Path) -> None:
    saved, loaded = tiny(name), tiny(name)
    train(saved, BallBatches(OBJECT), TrainConfig(steps=2))
    save_weights(tmp_path, saved)
    load_weights(tmp_path, loaded)
    rays = BallBatches(OBJECT).next(16).rays
    with torch.no_grad():
        assert torch.equal(saved.eval().render(rays).rgb, loaded.eval().render(rays).rgb)


def shows_the_ball(method: Method[Any]) -> bool:
    """The best single colour gets 10 dB, a ball of the right shape in one colour 13 dB."""
    batch = BallBatches(OBJECT, seed=1).next(512)
    with torch.no_grad():
        rgb = method.eval().render(batch.rays).rgb
    return bool(-10 * (rgb - batch.rgb).square().mean().log10() > 20)


@every_method
def test_a_ball_is_learnt_in_two_hundred_steps(name: str) -> None:
    method_class = methods.load(name)

    def learns(steps: int, rays: int) -> bool:
        method = method_class(replace(method_class.presets["tiny"], rays_per_step=rays), OBJECT)
        train(method, BallBatches(OBJECT), TrainConfig(steps=steps))
        return shows_the_ball(method)

    # A shorter run with few rays, through all phases of a method, does for most of them.
    assert learns(steps=150, rays=96) or learns(steps=200, rays=256)
