"""Colours that change with direction come back from features, if as many functions made them."""

import torch

from rayloom.baking.shading import (
    FEATURE_STEP,
    NUM_FEATURES,
    Shading,
    feature_bytes,
    fit_basis,
    fit_voxels,
    harmonics,
)
from rayloom.kernels.dispatch import use_reference


def directions(n: int, m: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(n, m, 3), dim=-1)


def test_what_a_few_functions_made_is_found_again() -> None:
    basis = 0.05 * torch.randn(NUM_FEATURES, 3, 15)
    seen = directions(3000, 24)
    mean, features = 0.3 + 0.4 * torch.rand(3000, 3), torch.randn(3000, NUM_FEATURES)
    change = torch.einsum("nk,nmh,kch->nmc", features, harmonics(seen), basis)
    colors = mean[:, None] + change
    found = fit_basis(colors, seen)
    fitted, weights = fit_voxels(colors, seen, found)
    back = fitted[:, None] + torch.einsum("nk,nmh,kch->nmc", weights, harmonics(seen), found)
    assert (back - colors).square().mean() < 0.02 * change.square().mean()


def test_bytes_of_features_are_equal_steps_in_colour() -> None:
    basis, byte = torch.randn(NUM_FEATURES, 3, 15), torch.tensor([3.0, 127.0, 128.0])
    shading = feature_bytes(basis)
    features = shading.low + shading.span * byte[:, None] / 255
    torch.testing.assert_close(features[1], torch.zeros(NUM_FEATURES), atol=1e-5, rtol=0)
    changes = (features[2] - features[1]) * basis.flatten(1).norm(dim=-1)
    torch.testing.assert_close(changes, torch.full((NUM_FEATURES,), FEATURE_STEP), atol=1e-5, rtol=1e-4)


def test_functions_are_orthogonal_and_features_have_unit_variance() -> None:
    seen, colors = directions(2000, 24), torch.rand(2000, 24, 3)
    basis = fit_basis(colors, seen)
    flat = torch.nn.functional.normalize(basis.flatten(1), dim=-1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(NUM_FEATURES), atol=1e-4, rtol=0)
    features = fit_voxels(colors, seen, basis)[1]
    covariance = features.T @ features / len(features)
    torch.testing.assert_close(covariance, torch.eye(NUM_FEATURES), atol=0.05, rtol=0)


def test_a_voxel_that_looks_alike_from_everywhere_has_no_features() -> None:
    basis, seen = torch.randn(NUM_FEATURES, 3, 15), directions(10, 6)
    mean, features = fit_voxels(torch.full((10, 6, 3), 0.4), seen, basis)
    torch.testing.assert_close(mean, torch.full((10, 3), 0.4))
    torch.testing.assert_close(features, torch.zeros(10, NUM_FEATURES), atol=1e-5, rtol=0)


def test_a_ray_adds_up_colours_before_it_looks_at_its_direction() -> None:
    basis, low, span = 0.1 * torch.randn(NUM_FEATURES, 3, 15), -torch.rand(8), 2 + torch.rand(8)
    shading, seen = Shading(basis, low, span), directions(1, 1)[0]
    voxels, weights = torch.rand(5, 11), torch.tensor([0.2, 0.1, 0.3, 0.1, 0.05])
    features = low + span * voxels[:, 3:]
    colors = voxels[:, :3] + torch.einsum("nk,nkc->nc", features, shading.responses(seen.expand(5, 3)))
    total = shading.color((weights[:, None] * voxels).sum(0, keepdim=True), weights.sum()[None], seen)
    expected = (weights[:, None] * colors).sum(0).clamp(min=0).minimum(weights.sum())
    torch.testing.assert_close(total[0], expected)


def test_all_rays_at_once_have_the_colours_of_the_reference() -> None:
    shading = Shading(0.1 * torch.randn(NUM_FEATURES, 3, 15), -torch.rand(8), 2 + torch.rand(8))
    opacity = torch.rand(3000) * (torch.rand(3000) < 0.5)
    values, seen = opacity[:, None] * torch.rand(3000, 11), directions(3000, 1)[:, 0]
    background = torch.tensor([0.1, 0.5, 1.0])
    with use_reference():
        expected = shading.over(background, values, opacity, seen)
    assert (expected[opacity == 0] == background).all()
    torch.testing.assert_close(
        shading.over(background, values, opacity, seen), expected, rtol=1e-5, atol=1e-6
    )
