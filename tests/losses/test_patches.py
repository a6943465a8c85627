"""The phase of patches over colours that no method rendered."""

import pytest
import torch
from torch import Tensor

from rayloom.kernels.fused import Report
from rayloom.losses import squared_error
from rayloom.losses.alignment import alignment
from rayloom.losses.high_frequency import ShallowFeatures, high_frequency
from rayloom.losses.patches import Aim, PatchLosses, PatchPhase
from rayloom.types import Batch, Crops, Image, Patch, Progress, Rays

SIDE, MARGIN, COUNT = 8, 2, 3
LOSSES = PatchLosses(Patch(SIDE, MARGIN), high_frequency=0.1, every=3, displacement=1e-3, lr=1e-2)
INNER = slice(MARGIN, MARGIN + SIDE)
BLACK, NO_CHANGE = torch.zeros(3), torch.zeros(COUNT * SIDE**2, 3)


def phase(share: float = 0.4) -> PatchPhase:
    """A phase that has begun, with a network that adds something, without pretrained weights."""
    patches = PatchPhase(share, LOSSES)
    patches.features = ShallowFeatures("derivatives")
    if patches.network is not None:
        torch.nn.init.normal_(patches.network.head.weight, std=0.1)
    patches.follow(Progress(9, 0.9))
    return patches


def crops(alpha: float = 1.0) -> Crops:
    shape = (COUNT, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN)
    return Crops(torch.rand(*shape, 3), torch.full(shape, alpha), torch.ones(shape, dtype=torch.bool))


def batch(seen: Crops) -> Batch:
    n = COUNT * SIDE**2
    zero, lines = torch.zeros(n), torch.tensor([0.0, 0.0, 1.0]).expand(n, 3)
    rays = Rays(lines, lines, lines, zero, zero, zero, zero.long(), torch.zeros(n, 2), zero)
    rgb, alpha = (image[:, INNER, INNER].flatten(0, 2) for image in (seen.rgb, seen.alpha))
    return Batch(rays, rgb, alpha, crops=seen)


def picture(rgb: Tensor) -> Image:
    return Image(rgb, rgb[..., 0], rgb[..., 0])


def squares(rgb: Tensor) -> Tensor:
    return rgb.reshape(COUNT, SIDE, SIDE, 3)


def test_patches_come_in_the_last_share_of_training_alone():
    patches = phase(0.25)
    for fraction, expected in ((0.0, None), (0.74, None), (0.75, LOSSES.patch), (1.0, LOSSES.patch)):
        patches.follow(Progress(9, fraction))
        assert patches.patch == expected
    assert patches.eval().patch is None


def test_between_patches_there_are_steps_of_random_pixels():
    patches, seen = phase(), []
    for step in range(7):
        patches.follow(Progress(step, 0.9))
        seen.append(patches.patch is not None)
    assert seen == [True, False, False, True, False, False, True]


def test_without_a_share_there_are_neither_patches_nor_parameters():
    patches, image = phase(0.0), picture(torch.rand(6, 5, 3))
    assert patches.patch is None
    assert not list(patches.parameters())
    assert not patches.state_dict()
    assert patches.refined(NO_CHANGE) is NO_CHANGE
    assert patches.picture(image) is image


def test_what_a_phase_keeps_is_its_network_alone():
    assert set(phase().state_dict()) == {f"network.{name}" for name, _ in phase().network.named_parameters()}  # type: ignore[union-attr]


def test_a_network_that_has_learnt_nothing_adds_nothing():
    patches, rgb = PatchPhase(0.4, LOSSES), torch.rand(COUNT * SIDE**2, 3)
    patches.follow(Progress(9, 0.9))
    torch.testing.assert_close(patches.refined(rgb), rgb, rtol=0, atol=0)
    image = picture(rgb.reshape(-1, 12, 3))
    torch.testing.assert_close(patches.picture(image).rgb, image.rgb)


def test_a_patch_and_a_picture_are_refined_alike():
    patches, rgb = phase(), torch.rand(COUNT * SIDE**2, 3)
    refined = squares(patches.refined(rgb))
    assert (refined - squares(rgb)).abs().max() > 1e-2
    for square, expected in zip(squares(rgb), refined, strict=True):
        torch.testing.assert_close(patches.picture(picture(square)).rgb, expected)
    line = picture(torch.rand(1, 9, 3))
    assert patches.picture(line) is line, "it has no neighbours"


def test_colours_are_alike_in_a_square_and_free_elsewhere():
    patches, colors = phase(), torch.rand(COUNT * SIDE**2, 3)
    alike = squares(patches.alike(colors))
    assert (alike == alike[:, :1, :1]).all()
    assert len(alike[:, 0, 0].unique(dim=0)) == COUNT
    patches.follow(Progress(0, 0.0))
    assert patches.alike(colors) is colors


def test_terms_are_those_of_the_matched_patch():
    patches, rgb, seen = phase(), torch.rand(COUNT * SIDE**2, 3), crops()
    found = alignment(squares(rgb), seen, 1e-3)
    terms = patches.losses(rgb, seen, NO_CHANGE)
    torch.testing.assert_close(terms["alignment"], found.loss)
    detail = high_frequency(squares(rgb), found.matched, ShallowFeatures("derivatives"))
    torch.testing.assert_close(terms["high_frequency"], 0.1 * detail)


def test_a_patch_beside_its_place_costs_its_displacement_alone():
    seen = crops()
    beside = seen.rgb[:, MARGIN + 1 : MARGIN + 1 + SIDE, MARGIN - 2 : MARGIN - 2 + SIDE]
    terms = phase().losses(beside.reshape(-1, 3), seen, NO_CHANGE)
    assert terms["alignment"].item() == pytest.approx(1e-3 * 5**0.5, rel=1e-3)
    assert terms["high_frequency"].item() < 1e-10


def test_photos_with_alpha_are_compared_over_the_background_that_was_rendered():
    white, alpha = torch.ones(3), 0.25
    seen = crops(alpha)
    new = torch.rand(COUNT, 3)
    change = (new - white).repeat_interleave(SIDE**2, dim=0)
    rendered = batch(seen).over(white, change + white)
    terms = phase().losses(rendered, seen, change)
    assert terms["alignment"].item() < 1e-6
    assert phase().losses(rendered, seen, NO_CHANGE)["alignment"].item() > 1e-2


def test_the_aim_has_the_slope_of_the_loss_of_refined_colours():
    patches, seen, rgb = phase(), batch(crops()), torch.rand(COUNT * SIDE**2, 3)
    assert seen.crops is not None
    shown = rgb.clone().requires_grad_()
    refined = patches.refined(shown)
    loss = torch.stack(list(patches.losses(refined, seen.crops, NO_CHANGE).values())).sum()
    (slope,) = torch.autograd.grad(loss, [shown])
    aim = patches.aim(seen, BLACK, NO_CHANGE, lambda: (rgb,), 1.0)
    (found,) = torch.autograd.grad(squared_error(shown, aim.truth), [shown])
    torch.testing.assert_close(found, slope, atol=1e-8, rtol=1e-4)
    assert aim.loss == pytest.approx(loss.item())
    assert aim.error == pytest.approx(squared_error(refined, seen.rgb).item())


def test_an_aim_is_a_step_of_the_network_at_the_rate_of_its_hour():
    patches, seen, rgb = phase(), batch(crops()), torch.rand(COUNT * SIDE**2, 3)
    before = [parameter.detach().clone() for parameter in patches.parameters()]
    first = patches.aim(seen, BLACK, NO_CHANGE, lambda: (rgb,), 0.5)
    moves = [(new - old).abs().max() for new, old in zip(patches.parameters(), before, strict=True)]
    # The first step of Adam is as long as its rate.
    assert max(moves).item() == pytest.approx(0.5e-2, rel=1e-2)
    losses = [patches.aim(seen, BLACK, NO_CHANGE, lambda: (rgb,), 0.5).loss for _ in range(20)]
    assert losses[-1] < first.loss  # type: ignore[operator]


def test_single_rays_aim_at_their_photo_and_nothing_is_rendered_for_them():
    def render() -> tuple[Tensor]:
        raise AssertionError

    seen = batch(crops())
    single = Batch(seen.rays, seen.rgb, seen.alpha)
    aim = phase().aim(single, BLACK, NO_CHANGE + 0.5, render, 1.0)
    torch.testing.assert_close(aim.truth, single.over(BLACK, NO_CHANGE + 0.5))
    report = Report(loss=0.3, error=0.2, num_samples=7, num_asked=9, num_dropped=0)
    told = aim.told(report)
    assert (told.loss, told.squared_error, told.samples) == (0.3, 0.2, 7)


def test_the_kernels_error_stands_for_the_loss_and_its_distortion_for_itself():
    report = Report(loss=0.75, error=0.5, num_samples=7, num_asked=9, num_dropped=0)
    told = Aim(torch.rand(2, 3), loss=0.125, error=0.01).told(report)
    assert (told.loss, told.squared_error, told.samples) == (0.375, 0.01, 7)
