"""Fused losses, gradients and steps are those that a method composes from the references."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rayloom.kernels.adam import sparse_adam_step
from rayloom.kernels.fused import AdamRule
from rayloom.losses import distortion, squeezed
from tests.kernels.fused_scenes import accumulate, decided, make


def assert_gradients_agree(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        # The place of a sample, and all that depends on it, is known to 1e-5 cells of the finest level.
        assert (one - other).norm() <= 5e-5 * other.norm()


@pytest.mark.parametrize("contracted", [False, True])
@pytest.mark.parametrize("codes", [False, True])
@pytest.mark.parametrize(("delta", "spread"), [(3e38, 0.0), (0.3, 0.0), (3e38, 0.7)])
def test_fused_gradients_are_the_composed_gradients(contracted, codes, delta, spread):
    scene = decided(make(contracted=contracted, codes=codes))
    leaves, (rgb, _, _, weights), samples = scene.composed(torch.float64)
    error = (rgb - scene.rgb).abs()
    photometric = torch.where(error <= delta, error.square(), delta * (2 * error - delta)).mean()
    loss = photometric + spread * distortion(
        weights, squeezed(samples.starts), squeezed(samples.ends), samples
    )
    expected = torch.autograd.grad(loss, leaves)
    report, found = accumulate(scene, delta=delta, distortion=spread)
    assert report.error == pytest.approx(photometric.item(), rel=1e-5)
    assert report.loss == pytest.approx(loss.item(), rel=1e-5)
    assert report.num_samples == len(samples.starts)
    assert_gradients_agree(found, [grad.double() for grad in expected])


@pytest.mark.parametrize("contracted", [False, True])
@pytest.mark.parametrize("codes", [False, True])
def test_gradients_of_rays_are_the_composed_ones(contracted, codes):
    scene = decided(make(contracted=contracted, codes=codes, rays=1500))
    lines = scene.rays.origins.double().requires_grad_(), scene.rays.directions.double().requires_grad_()
    _, (rgb, _, _, weights), samples = scene.composed(torch.float64, lines)
    spread = distortion(weights, squeezed(samples.starts), squeezed(samples.ends), samples)
    loss = (rgb - scene.rgb).square().mean() + 0.7 * spread
    expected = torch.cat(torch.autograd.grad(loss, lines), dim=-1)
    report, _ = accumulate(scene, distortion=0.7, ray_gradients=True)
    assert report.ray_gradients is not None
    apart = (report.ray_gradients - expected).norm(dim=-1)
    # Slopes jump at the walls of cells, and a sample in a hundred thousand lies so near to one that it
    # is on the one side in float32 and on the other in float64.
    assert apart.quantile(0.99) <= 5e-5 * expected.norm(dim=-1).mean()


@pytest.mark.parametrize("rays", [0, 50])
def test_without_rays_or_without_matter_only_the_background_is_seen(rays):
    scene = make(share=0.0, rays=rays)
    rgb, opacity, depth = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    assert torch.equal(rgb, scene.background)
    assert not opacity.any()
    assert not depth.any()
    report, grads = accumulate(scene)
    assert report.num_samples == 0
    assert not any(grad.any() for grad in grads)
    expected = (scene.background - scene.rgb).square().mean().nan_to_num(0).item()
    assert report.loss == pytest.approx(expected, rel=1e-5)


def test_a_step_moves_the_given_tensors_as_sparse_adam_does():
    scene = make(codes=True)
    expected = [param.clone() for param in scene.params]
    state = [(torch.zeros_like(param), torch.zeros_like(param)) for param in expected]
    fused = scene.fused()
    for step in (1, 2):
        fused.accumulate(scene.rays, scene.rgb, scene.background, scene.space, scene.jitter)
        for param, grad, moments in zip(expected, fused.gradients(), state, strict=True):
            sparse_adam_step(param, grad, *moments, step, 0.01, (0.9, 0.99), 1e-10, implementation="torch")
        fused.adam_step(step, AdamRule(0.01, (0.9, 0.99), 1e-10))
        assert not any(grad.any() for grad in fused.gradients())
        for param, other in zip(scene.params, expected, strict=True):
            torch.testing.assert_close(param, other, atol=1e-5, rtol=1e-4)


def test_rays_that_are_no_numbers_are_dropped_and_counted():
    scene = make(codes=True)
    scene.rays.origins[3, 1] = float("nan")
    scene.rays.directions[50, 2] = float("inf")
    scene.rays.view_directions[120, 0] = float("nan")
    report, found = accumulate(scene)
    assert report.num_dropped == 3
    assert torch.tensor(report.loss).isfinite()
    bad = torch.zeros(200, dtype=torch.bool)
    bad[[3, 50, 120]] = True
    alone = replace(
        scene, rays=scene.rays[~bad], rgb=scene.rgb[~bad], background=scene.background[~bad],
        jitter=scene.jitter[~bad],
    )  # fmt: skip
    expected_report, expected = accumulate(alone)
    assert report.num_samples == expected_report.num_samples
    # The mean runs over all rays.
    assert_gradients_agree(found, [grad * (197 / 200) for grad in expected])
    rgb, opacity, _ = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    assert torch.equal(rgb[bad], scene.background[bad])
    assert not opacity[bad].any()


def test_a_true_colour_that_is_no_number_shows_in_the_loss():
    scene = make()
    scene.rgb[9, 1] = float("nan")
    assert torch.tensor(accumulate(scene)[0].loss).isnan()


def test_training_lowers_the_loss_of_a_small_scene():
    scene = make(share=1.0)
    scene = replace(scene, rgb=(0.5 + 0.4 * scene.rays.directions.sign()).float())
    fused, losses = scene.fused(), []
    for step in range(1, 60):
        losses.append(
            fused.accumulate(scene.rays, scene.rgb, scene.background, scene.space, scene.jitter).loss
        )
        fused.adam_step(step, AdamRule(1e-2))
    assert losses[-1] < 0.3 * losses[0]
