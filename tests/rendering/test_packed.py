import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.rendering import composite
from rayloom.rendering.packed import render_packed, select, visible
from rayloom.types import Intervals, PackedSamples


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
