"""Where matter is looked for and found."""

import pytest
import torch

from rayloom.baking.blocks import Blocks, voxel_space
from rayloom.baking.survey import (
    blocks_near,
    density_levels,
    in_space,
    neighbours,
    optical_depth,
    probed_blocks,
)
from rayloom.kernels.voxels import DensityScale
from rayloom.types import SceneInfo
from tests.methods.ball import OBJECT, UNBOUNDED

SCALE = DensityScale()


def ball(points: torch.Tensor) -> torch.Tensor:
    return 100.0 * (points.norm(dim=-1) < 0.3)


def test_probes_find_the_blocks_of_a_ball() -> None:
    space = voxel_space(OBJECT, 96)
    shares: list[float] = []
    found = probed_blocks(ball, space, SCALE, in_space(space), shares.append)
    middle = space.world_from_grid(8.0 * found.places + 4.0)
    assert (middle.norm(dim=-1) < 0.3 + 4 * 3**0.5 * space.width).all()
    inner = space.world_from_grid(8.0 * torch.cartesian_prod(*map(torch.arange, space.blocks)) + 4.0)
    assert len(found) >= int((inner.norm(dim=-1) < 0.3).sum())
    assert shares[-1] == 1


def test_matter_is_followed_into_the_blocks_beside() -> None:
    space = voxel_space(OBJECT, 64)
    one = torch.zeros(space.blocks, dtype=torch.bool)
    one[tuple(count // 2 for count in space.blocks)] = True
    known, steps = Blocks.of(one), 0
    while True:
        levels = density_levels(ball, space, SCALE, known, torch.arange(len(known)))
        new = neighbours(space, known, levels >= SCALE.cut_level, in_space(space))
        if len(new) == 0:
            break
        known, steps = Blocks.of((known.numbers >= 0) | (new.numbers >= 0)), steps + 1
    probed = probed_blocks(ball, space, SCALE, in_space(space), lambda share: None)
    assert steps > 1
    assert (known.numbers[probed.numbers >= 0] >= 0).all()


@pytest.mark.parametrize("scene", [OBJECT, UNBOUNDED])
@pytest.mark.parametrize("resolution", [64, 150, 256])
def test_blocks_near_coarse_voxels_are_those_and_few_others(scene: SceneInfo, resolution: int) -> None:
    coarse, fine = voxel_space(scene, 32), voxel_space(scene, resolution)
    corners = torch.stack([torch.randint(9, 8 * count - 9, (5,)) for count in coarse.blocks], dim=-1)
    found = blocks_near(fine, coarse, corners)
    kept = coarse.width * corners + torch.tensor(coarse.low)
    places = torch.cartesian_prod(*map(torch.arange, fine.blocks))
    low = 8 * fine.width * places + torch.tensor(fine.low)
    gap = (low[:, None] - kept).maximum(kept - low[:, None] - 8 * fine.width).amax(-1).amin(-1)
    assert found[tuple(places[gap <= coarse.width].T)].all()
    assert not found[tuple(places[gap > 3.5 * coarse.width].T)].any()


def test_contracted_space_has_no_matter_where_the_world_has_no_point() -> None:
    space = voxel_space(UNBOUNDED, 64)
    places = 64 * torch.rand(2000, 3)
    depth = optical_depth(lambda points: torch.ones_like(points[:, 0]), space, places)
    points = (places * space.width - 2).abs()
    corner = (points > 1).sum(-1) > 1
    assert (depth[corner] == 0).all()
    assert (depth[~corner & (points < 1.9).all(-1)] > 0).all()
    # A voxel there is as wide in the world as contraction has made it, and thin matter weighs as much more.
    far = torch.tensor([[60.0, 32.0, 32.0]])
    torch.testing.assert_close(
        optical_depth(lambda points: torch.ones_like(points[:, 0]), space, far), torch.tensor([0.0625 * 4])
    )
