"""Light is shared out among corners, and the faintest of them are left out."""

import torch

from rayloom.baking.bake import step_rule
from rayloom.baking.blocks import Blocks, atlas_of, rows_of
from rayloom.baking.light import (
    FEWEST_RAYS,
    RAYS_AT_ONCE,
    drawn_rays,
    faintest,
    light_of_corners,
    num_pixels,
)
from rayloom.kernels.voxels import DensityScale, VoxelSpace, trace_voxels
from tests.baking.shining_ball import cameras_around

SPACE = VoxelSpace((-0.4, -0.4, -0.4), 0.05, (2, 2, 2), contracted=False)


def test_all_light_comes_from_some_corner() -> None:
    blocks, scale, cameras = (
        Blocks.of(torch.ones(SPACE.blocks, dtype=torch.bool)),
        DensityScale(),
        cameras_around(5),
    )
    values = torch.full((len(blocks), 8, 8, 8, 12), 140, dtype=torch.uint8)
    atlas, rows = atlas_of(blocks, values, SPACE, scale), rows_of(blocks, values[..., 0], scale)
    told: list[float] = []
    light = light_of_corners(atlas, rows, 8 * 512 + 1, cameras, step_rule(SPACE), 1e-3, told.append)
    generator, seen = torch.Generator().manual_seed(0), torch.zeros(())
    for _ in range(FEWEST_RAYS // RAYS_AT_ONCE):
        rays = drawn_rays(cameras, RAYS_AT_ONCE, generator)
        places = (rays.origins, rays.directions, rays.near, rays.far)
        seen += trace_voxels(*places, atlas, step_rule(SPACE), 1e-3).opacity.sum()
    assert num_pixels(cameras) < FEWEST_RAYS
    assert seen > 100
    torch.testing.assert_close(light.sum(), seen, rtol=1e-3, atol=0)
    assert told[-1] == 1


def test_the_faintest_send_a_thousandth_together() -> None:
    light = torch.cat([torch.zeros(3), torch.full((10,), 0.01), torch.full((100,), 1.0)])
    limit = faintest(light)
    assert (light <= limit).sum() == 3 + 10
    assert light[light <= limit].sum() <= 1e-3 * light.sum()
    assert faintest(torch.ones(10)) < 1
    assert faintest(torch.zeros(0)) < 0
