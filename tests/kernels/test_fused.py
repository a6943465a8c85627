"""The fused kernels give what a method composes from the references: images, losses, gradients, steps."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from rayloom.geometry.contraction import contract
from rayloom.geometry.directions import spherical_harmonics
from rayloom.kernels import (
    HashGridLayout,
    StepRule,
    composite_packed,
    hash_grid,
    march,
    tiny_mlp,
    use_reference,
)
from rayloom.kernels.adam import sparse_adam_step
from rayloom.kernels.fused import AdamRule, Report, Space, fused_field
from rayloom.kernels.numba import fused_field as chunks
from rayloom.kernels.numba.fused import FusedField
from rayloom.kernels.occupancy import occupancy_bits
from rayloom.losses import distortion, squeezed
from rayloom.types import PackedSamples, Rays

BOX = ((0.1, 0.0, -0.1), (1.0, 1.25, 0.75))
THINNESS = 0.7
LAYOUT = HashGridLayout(8, 4, 10, 8, 64)


@dataclass(frozen=True)
class Scene:
    """A random field with everything a step over it needs."""

    params: list[Tensor]
    """Table, two density weights, three colour weights, and codes if there are any."""
    contracted: bool
    space: Space
    rays: Rays
    rgb: Tensor
    background: Tensor
    jitter: Tensor

    def fused(self) -> FusedField:
        table, w1, w2, w3, w4, w5, *codes = self.params
        field = fused_field(
            LAYOUT, table, [w1, w2], [w3, w4, w5], codes[0] if codes else None,
            contracted=self.contracted, thinness=THINNESS,
        )  # fmt: skip
        assert field is not None
        return field

    def composed(self, dtype: torch.dtype) -> tuple[list[Tensor], tuple[Tensor, ...], PackedSamples]:
        """Leaves, (rgb, opacity, depth, weights), and the samples, by the references.

        The steps alone are those of the fast `march`, so that no sample at a wall is taken on one side only.
        """
        leaves = [param.detach().to(dtype).requires_grad_() for param in self.params]
        table, w1, w2, w3, w4, w5, *codes = leaves
        rays, space = self.rays, self.space
        samples = march(
            rays.origins, rays.directions, rays.near, rays.far, space.occupancy, space.step, self.jitter,
            limit=space.limit, implementation="numba",
        )  # fmt: skip
        with use_reference():
            index = samples.ray_index
            samples = samples.map(lambda t: t.to(dtype) if t.is_floating_point() else t)
            points = rays.origins[index] + samples.midpoints[:, None] * rays.directions[index]
            place = (points - points.new_tensor(BOX[0])) / points.new_tensor(BOX[1])
            distance = place.abs().amax(-1)
            place = (contract(place, "linf") + 2) / 4 if self.contracted else (place + 1) / 2
            features = tiny_mlp(hash_grid(place, table, LAYOUT), [w1, w2])
            density = THINNESS * features[:, 0].clamp(max=chunks.MAX_LOG_DENSITY).exp()
            if self.contracted:
                density = density / distance.clamp(min=1)
            view = [spherical_harmonics(rays.view_directions.to(dtype))[index]]
            if codes:
                known = (rays.camera_index >= 0)[:, None]
                view += [torch.where(known, codes[0][rays.camera_index], codes[0].mean(0))[index]]
            color = tiny_mlp(torch.cat([features, *view], dim=-1), [w3, w4, w5]).sigmoid()
            out = composite_packed(density, color, samples, self.background.to(dtype))
        return leaves, out, samples


def make(
    *,
    contracted: bool = False,
    codes: bool = False,
    share: float = 0.5,
    rays: int = 200,
    thickness: float = 1.0,
) -> Scene:
    cascades = 3 if contracted else 1
    cells = occupancy_bits(torch.rand(cascades, 32, 32, 32) < share, *BOX)
    step = StepRule(0.03, 1 / 64 if contracted else 0.0)
    shapes = [(64, 32), (16, 64), (64, 48 if codes else 32), (64, 64), (3, 64)]
    weights = [torch.randn(shape) * (2 / shape[1]) ** 0.5 for shape in shapes]
    table = torch.randn(LAYOUT.num_rows, 4) * 0.5 * thickness
    origins = 2.5 * torch.nn.functional.normalize(torch.randn(rays, 3), dim=-1)
    directions = torch.nn.functional.normalize(torch.randn(rays, 3) * 0.5 - origins, dim=-1)
    zeros = torch.zeros(rays)
    return Scene(
        [table, *weights, *([torch.randn(7, 16)] if codes else [])], contracted,
        Space(cells, step, limit=4096, stop=0.0),
        Rays(
            origins, directions, torch.nn.functional.normalize(torch.randn(rays, 3), dim=-1),
            torch.full((rays,), 0.05), torch.full((rays,), 8.0), zeros, torch.randint(0, 7, (rays,)),
            torch.zeros(rays, 2), zeros,
        ),
        torch.rand(rays, 3), torch.rand(rays, 3), torch.rand(rays),
    )  # fmt: skip


def decided(scene: Scene) -> Scene:
    """The same with a field whose ReLUs are all clearly open or clearly closed, each for all samples.

    Otherwise a few of millions open on one side only, by rounding, and hide smaller errors.
    """
    table, w1, w2, w3, w4, w5, *codes = scene.params
    table = 0.5 + torch.rand_like(table)
    w1, w2, w3, w4 = w1.abs(), 0.05 * w2.abs(), w3.abs(), w4.abs()
    w3[:, 16:] = 0.02 * torch.randn_like(w3[:, 16:])
    w1[::3], w3[::3], w4[::3] = -w1[::3], -w3[::3], -w4[::3]
    return replace(scene, params=[table, w1, w2, w3, w4, 0.3 * w5, *codes])


def accumulate(scene: Scene, **settings) -> tuple[Report, list[Tensor]]:
    fused = scene.fused()
    report = fused.accumulate(scene.rays, scene.rgb, scene.background, scene.space, scene.jitter, **settings)
    return report, fused.gradients()[: len(scene.params)]


def assert_gradients_agree(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        # The place of a sample, and all that depends on it, is known to 1e-5 cells of the finest level.
        assert (one - other).norm() <= 5e-5 * other.norm()


@pytest.mark.parametrize("contracted", [False, True])
@pytest.mark.parametrize("codes", [False, True])
def test_fused_image_is_the_composed_image(contracted, codes):
    scene = make(contracted=contracted, codes=codes)
    scene.rays.camera_index[::3] = -1
    _, expected, _ = scene.composed(torch.float64)
    found = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    for one, other in zip(found, expected[:3], strict=True):
        torch.testing.assert_close(one.double(), other.detach(), atol=1e-4, rtol=1e-4)


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


def test_stopping_in_the_dark_changes_an_image_by_the_light_that_was_left():
    scene = make(thickness=6.0)
    whole, _, _ = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    asked: list[int] = []
    for stop in (1e-2, 1e-3):
        short = replace(scene, space=replace(scene.space, stop=stop))
        cut, _, _ = short.fused().render(scene.rays, scene.background, short.space, scene.jitter)
        assert (cut - whole).abs().max() <= stop
        asked.append(accumulate(short)[0].num_asked)
    assert asked[0] < asked[1] < accumulate(scene)[0].num_asked


@pytest.mark.parametrize("rays", [1, 127, 128, 129, 1500])
def test_no_ray_is_cut_where_a_chunk_ends(rays):
    """Rays longer than a chunk, and chunks of many short rays, lose nothing."""
    scene = make(rays=rays, share=1.0 if rays < 1000 else 0.01)
    scene = replace(scene, space=replace(scene.space, step=StepRule(0.002 if rays < 1000 else 0.02)))
    report, _ = accumulate(scene)
    samples = march(
        scene.rays.origins, scene.rays.directions, scene.rays.near, scene.rays.far,
        scene.space.occupancy, scene.space.step, scene.jitter, limit=4096,
    )  # fmt: skip
    assert report.num_samples == report.num_asked == len(samples.starts)
    if rays < 1000:
        assert len(samples.starts) / rays > chunks.FULL
    parts = [
        scene.fused().render(
            scene.rays[i : i + 1], scene.background[i : i + 1], scene.space, scene.jitter[i : i + 1]
        )
        for i in range(min(rays, 40))
    ]
    whole = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    torch.testing.assert_close(torch.cat([part[0] for part in parts]), whole[0][:40])


def test_the_limit_bounds_the_samples_of_a_ray():
    scene = make(share=1.0)
    scene = replace(scene, space=replace(scene.space, limit=19))
    report, _ = accumulate(scene)
    _, _, samples = scene.composed(torch.float32)
    assert report.num_asked == len(samples.starts)


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


@pytest.mark.parametrize("contracted", [False, True])
def test_density_at_points_is_that_of_the_field(contracted):
    scene = make(contracted=contracted)
    table, w1, w2, *_ = scene.params
    points = torch.randn(333, 3) * 2
    place = (points - torch.tensor(BOX[0])) / torch.tensor(BOX[1])
    distance = place.abs().amax(-1).clamp(min=1) if contracted else 1
    place = (contract(place, "linf") + 2) / 4 if contracted else (place + 1) / 2
    density = tiny_mlp(hash_grid(place, table, LAYOUT), [w1, w2])[:, 0].clamp(max=12).exp() * THINNESS
    expected = density / distance
    found = scene.fused().density_at(points, scene.space)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_ray_that_is_no_number_spoils_its_own_pixel_only():
    scene = make()
    whole, _, _ = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    scene.rays.origins[7] = float("nan")
    found, _, _ = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    others = torch.arange(len(found)) != 7
    torch.testing.assert_close(found[others], whole[others])


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


def test_where_no_kernel_suits_there_is_no_fused_field():
    scene = make()
    table, w1, w2, w3, w4, w5 = scene.params
    assert fused_field(LAYOUT, table.double(), [w1, w2], [w3, w4, w5], contracted=False) is None
    with use_reference():
        assert fused_field(LAYOUT, table, [w1, w2], [w3, w4, w5], contracted=False) is None
