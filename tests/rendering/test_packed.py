import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.geometry.ndc import ndc_rays
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.rendering.packed import render_packed, select, visible, with_world_depth_packed
from rayloom.types import Intervals, PackedSamples
from tests.methods.ball import FORWARD, random_rays


def packed(counts: list[int], seed: int) -> tuple[PackedSamples, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    edges = [torch.rand(n + 1, generator=g).cumsum(0) for n in counts]
    index = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    samples = PackedSamples(
        torch.cat([e[:-1] for e in edges]), torch.cat([e[1:] for e in edges]), index, len(counts)
    )
    return samples, 3 * torch.rand(sum(counts), generator=g), torch.rand(sum(counts), 3, generator=g)


@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 2**31))
def test_packed_rays_look_like_dense_rays(rays, n, seed):
    samples, density, rgb = packed([n] * rays, seed)
    edges = torch.cat([samples.starts.view(rays, n), samples.ends.view(rays, n)[:, -1:]], -1)
    dense = composite(density.view(rays, n), rgb.view(rays, n, 3), Intervals(edges), (0.2, 0.5, 0.7))
    rendering = render_packed(density, rgb, samples, torch.tensor([0.2, 0.5, 0.7]))
    torch.testing.assert_close(rendering.rgb, dense.rgb)
    torch.testing.assert_close(rendering.opacity, dense.opacity)
    torch.testing.assert_close(rendering.depth, dense.depth, atol=1e-4, rtol=1e-4)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(0, 2**31))
def test_visible_is_what_light_reaches(counts, seed):
    samples, density, _ = packed(counts, seed)
    kept = visible(density, samples, 0.3)
    for ray in range(len(counts)):
        mine = samples.ray_index == ray
        through = torch.exp(-(density * samples.widths)[mine].cumsum(0))
        before = torch.cat([torch.ones(1), through[:-1]]) if mine.any() else through
        sure = (before - 0.3).abs() > 1e-5
        assert torch.equal(kept[mine][sure], (before > 0.3)[sure])


def test_what_is_hidden_hardly_changes_the_picture():
    samples, density, rgb = packed([40, 0, 7], 3)
    density = density * 10
    kept = visible(density, samples, 1e-3)
    assert not kept.all()
    whole = render_packed(density, rgb, samples, torch.ones(3))
    less = render_packed(density[kept], rgb[kept], select(samples, kept), torch.ones(3))
    torch.testing.assert_close(whole.rgb, less.rgb, atol=2e-3, rtol=0)


def test_no_samples_at_all_show_the_background():
    samples, density, rgb = packed([0, 0], 0)
    assert visible(density, samples, 1e-3).numel() == 0
    rendering = render_packed(density, rgb, samples, torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(rendering.rgb, torch.tensor([[0.1, 0.2, 0.3]]).expand(2, 3))
    torch.testing.assert_close(rendering.depth, torch.zeros(2))


def test_packed_rays_have_the_depth_in_the_world_that_dense_rays_have():
    samples, density, rgb = packed([6] * 5, 0)
    assert FORWARD.ndc is not None
    world = random_rays(FORWARD, 5, torch.Generator().manual_seed(0))
    far = ndc_rays(world, FORWARD.ndc).far
    squeeze = (far / samples.ends.view(5, 6)[:, -1])[samples.ray_index]
    samples = PackedSamples(squeeze * samples.starts, squeeze * samples.ends, samples.ray_index, 5)
    edges = torch.cat([samples.starts.view(5, 6), samples.ends.view(5, 6)[:, -1:]], -1)
    dense = composite(density.view(5, 6), rgb.view(5, 6, 3), Intervals(edges), (0.0, 0.0, 0.0))
    rendering = render_packed(density, rgb, samples, torch.zeros(3))
    expected = with_world_depth(dense, world, FORWARD.ndc).depth
    found = with_world_depth_packed(rendering, world, FORWARD.ndc).depth
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
