from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.geometry.transforms import look_at
from rayloom.kernels import use_reference
from rayloom.methods.rels_nerf import ReLSNeRF
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.types import Progress, SceneInfo
from tests.methods.ball import OBJECT, UNBOUNDED, BallBatches

SIZE = (44, 37)


def views(count: int = 6) -> Views:
    """Photos from around the ball, of a size that is no multiple of a latent, painted in smooth waves."""
    angle = torch.arange(count) * (2 * torch.pi / count)
    eyes = torch.stack([2 * angle.cos(), 2 * angle.sin(), torch.full_like(angle, 0.5)], dim=-1)
    lens = Intrinsics(CameraModel.PINHOLE, *SIZE, 45.0, 45.0, SIZE[0] / 2, SIZE[1] / 2)
    poses = look_at(eyes, torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]))
    cameras = Cameras.from_intrinsics([lens] * count, poses, 1.0, 3.0, image_index=range(count))
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] / 8
    waves = [0.5 + 0.4 * np.sin(x + c) * np.cos(y - c) for c in range(3)]
    return Views(cameras, (np.rint(255 * np.stack(waves, axis=-1)).astype(np.uint8),) * count)


def method(scene: SceneInfo = OBJECT, *, observed: bool = True, **settings: object) -> ReLSNeRF:
    """A tiny one with a field that is not empty."""
    torch.manual_seed(0)
    made = ReLSNeRF(replace(ReLSNeRF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]
    torch.nn.init.uniform_(made.field.table, -1, 1)
    torch.nn.init.uniform_(made.latents.table, -1, 1)
    if observed:
        made.observe(views())
    return made


def in_phase(made: ReLSNeRF, fraction: float) -> ReLSNeRF:
    made.train()
    made.before_step(Progress(int(100 * fraction), fraction))
    return made


def slopes(made: ReLSNeRF) -> dict[str, float]:
    """The largest derivative of what is asked of pictures, by part of the method."""
    for parameter in made.parameters():
        parameter.grad = None
    torch.stack(list(made.picture_losses().values())).sum().backward()
    parts = {
        "density": [made.field.table, *made.field.density_mlp],
        "color": list(made.field.color_mlp),
        "latents": list(made.latents.parameters()),
        "encoder": list(made.autoencoder.encoder.parameters()),
        "decoder": list(made.autoencoder.decoder.parameters()),
    }
    return {
        name: max(0.0 if p.grad is None else float(p.grad.abs().max()) for p in parameters)
        for name, parameters in parts.items()
    }


def test_a_run_goes_through_three_phases():
    made, seen = method(), []
    for fraction in (0.0, 0.03, 0.05, 0.43, 0.45, 1.0):
        seen.append(in_phase(made, fraction).phase)
    assert seen == ["autoencoder", "autoencoder", "joint", "joint", "decoder", "decoder"]
    assert in_phase(method(observed=False), 0.0).phase == "joint"
    assert in_phase(method(shares=(0.5, 0.5)), 0.99).phase == "joint"


def test_a_pretrained_autoencoder_has_no_first_phase(monkeypatch):
    monkeypatch.setattr("rayloom.methods.rels_nerf.load_pretrained", lambda autoencoder: None)
    made = method(autoencoder="taef2")
    assert in_phase(made, 0.0).phase == "joint"
    assert in_phase(made, 0.51).phase == "decoder"


@pytest.mark.parametrize(
    ("fraction", "settings", "moved"),
    [
        (0.0, {}, {"encoder", "decoder"}),
        (0.3, {}, {"latents"}),
        (0.3, {"detach_weights": False}, {"latents", "density"}),
        (0.8, {}, {"decoder", "latents"}),
        (0.8, {"detach_weights": False}, {"decoder", "latents"}),
        (0.8, {"tune_latents": False}, {"decoder"}),
    ],
)
@pytest.mark.parametrize("reference", [False, True])
def test_each_phase_moves_its_own_parts_and_nothing_else(fraction, settings, moved, reference):
    """In particular the slope of the latents' error by density is exactly zero by default, not just small."""
    made = in_phase(method(**settings), fraction)
    if reference:
        with use_reference():
            found = slopes(made)
    else:
        found = slopes(made)
    assert {name for name, slope in found.items() if slope > 0} == moved


def test_poses_between_photos_belong_to_the_last_phase_alone_unless_photos_have_all_the_weight():
    made = method()
    assert set(in_phase(made, 0.0).picture_losses()) == {"autoencoder"}
    assert set(in_phase(made, 0.3).picture_losses()) == {"latent"}
    assert set(in_phase(made, 0.8).picture_losses()) == {"decoded", "between"}
    assert set(in_phase(method(gamma=1.0), 0.8).picture_losses()) == {"decoded"}
    assert set(in_phase(method(tune_latents=False), 0.8).picture_losses()) == {"decoded", "between"}


@pytest.mark.parametrize("scene", [OBJECT, UNBOUNDED], ids=["object", "unbounded"])
def test_fused_latents_are_the_composed_ones(scene):
    made = method(scene).eval()
    rays = views().cameras.image_rays(0)[::3].reshape(-1)
    with torch.no_grad():
        fused = made.render_latents(rays)
    with torch.no_grad(), use_reference():
        made.field._fused = None
        composed = made.render_latents(rays)
    assert composed[1].max() > 0.5
    for one, other in zip(fused, composed, strict=True):
        torch.testing.assert_close(one, other, atol=5e-3, rtol=1e-2)


def test_a_picture_of_any_size_is_decoded_from_one_ray_for_a_latent():
    made = method().eval()
    asked: list[int] = []
    inner = made.render_latents
    made.render_latents = lambda rays: (asked.append(len(rays.near)), inner(rays))[1]
    image = made.render_image(views().cameras.image_rays(0))
    scale = made.autoencoder.scale
    assert asked == [-(-SIZE[0] // scale) * -(-SIZE[1] // scale)]
    assert image.rgb.shape == (SIZE[1], SIZE[0], 3)
    assert image.rgb.min() >= 0
    assert image.rgb.max() <= 1
    assert made.cost.rays > 0
    assert made.cost.decoder > 0
    colors = made.color_image(views().cameras.image_rays(0))
    # Depth and opacity are those of the field, as far as one ray in s² tells.
    assert (image.opacity.mean() - colors.opacity.mean()).abs() < 0.1


def test_a_run_asks_for_each_phase_in_turn_and_learns_latents():
    made = method()
    seen: dict[str, list[float]] = {}
    inner = made.picture_losses

    def spy() -> dict[str, torch.Tensor]:
        terms = inner()
        for name, value in terms.items():
            seen.setdefault(name, []).append(float(value.detach()))
        return terms

    made.picture_losses = spy
    train(made, BallBatches(OBJECT), TrainConfig(steps=60))
    assert set(seen) == {"autoencoder", "latent", "decoded", "between"}
    first, last = (float(np.mean(part)) for part in (seen["latent"][:2], seen["latent"][-3:]))
    assert last < 0.9 * first


def test_the_field_rests_in_the_last_phase():
    made = method()
    for step in range(4):
        progress = Progress(step, 0.7)
        made.before_step(progress)
        before = [p.detach().clone() for p in made.field.parameters()]
        assert made.train().fused_step(BallBatches(OBJECT).next(64), progress, 0.1) is not None
        made.after_step(progress)
        assert all(torch.equal(a, b) for a, b in zip(before, made.field.parameters(), strict=True))
    assert made.num_field_steps == 0


def test_preparing_changes_no_parameter():
    made = method()
    before = [p.detach().clone() for p in made.parameters()]
    made.prepare()
    assert all(torch.equal(a, b) for a, b in zip(before, made.parameters(), strict=True))
