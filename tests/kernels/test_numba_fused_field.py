"""Fused kernels take the samples that `march` takes, until it is dark."""

from dataclasses import replace

import pytest
import torch

from rayloom.kernels import StepRule, march
from rayloom.kernels.numba import fused_field as chunks
from tests.kernels.fused_scenes import accumulate, make


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
