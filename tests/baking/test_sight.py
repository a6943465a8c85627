"""What cameras see of a ball with a sharp edge, against the geometry of the ball."""

import torch
from torch import Tensor

from rayloom.baking.blocks import Blocks, atlas_of
from rayloom.baking.sight import LONG_SIDE, look, seeing
from rayloom.kernels import StepRule
from rayloom.kernels.voxels import DensityScale, VoxelAtlas, VoxelSpace
from rayloom.types import Rays
from tests.baking.shining_ball import cameras_around

RADIUS = 0.4
SPACE = VoxelSpace((-0.5, -0.5, -0.5), 1 / 64, (8, 8, 8), contracted=False)
SCALE = DensityScale()
DISTANCE = 2.0
STEP = 0.1 * SPACE.width


def sharp_ball() -> VoxelAtlas:
    """Matter that ends where the byte of density, linear across the surface, falls to the cut."""
    blocks = Blocks.of(torch.ones(SPACE.blocks, dtype=torch.bool))
    points = SPACE.world_from_grid(blocks.corners(torch.arange(len(blocks))))
    level = SCALE.cut_level + 2000 * (RADIUS - points.norm(dim=-1)) / SPACE.width
    values = torch.zeros(*points.shape[:-1], 12, dtype=torch.uint8)
    values[..., 0] = level.clamp(0, 255)
    return atlas_of(blocks, values, SPACE, SCALE)


def met(rays: Rays, radius: float) -> Tensor:
    """Where rays meet a ball, infinite where they pass it; the largest around each pixel."""
    middle = -(rays.origins * rays.directions).sum(-1)
    half = radius**2 - (rays.origins + middle[..., None] * rays.directions).square().sum(-1)
    distance = torch.where(half >= 0, middle - half.clamp(min=0).sqrt(), torch.inf)
    return torch.nn.functional.max_pool2d(distance[None], 3, stride=1, padding=1)[0]


def test_light_ends_at_the_surface_and_goes_on_beside_the_outline() -> None:
    sight = look(sharp_ball(), cameras_around(6, LONG_SIDE), StepRule(STEP), stop=1e-3)
    # A cell has matter if one of its corners has, and is opaque if all have: within its diagonal.
    diagonal = 3**0.5 * SPACE.width
    for i, reach in enumerate(sight.reach):
        rays = sight.cameras.image_rays(i)
        first, last = met(rays, RADIUS + diagonal), met(rays, RADIUS - diagonal)
        assert last.isfinite().sum() > 100
        assert first.isinf().sum() > 100
        assert (reach >= torch.minimum(first - STEP, rays.far)).all()
        assert (reach <= torch.minimum(last + 3 * STEP, rays.far)).all()


def test_a_place_on_a_ball_is_seen_by_the_cameras_above_its_horizon() -> None:
    cameras = cameras_around(20, LONG_SIDE, DISTANCE)
    sight = look(sharp_ball(), cameras, StepRule(STEP), stop=1e-3)
    generator = torch.Generator().manual_seed(0)
    points = RADIUS * torch.nn.functional.normalize(torch.randn(500, 3, generator=generator), dim=-1)
    eyes = cameras.world_from_camera[:, :, 3]
    # Cosine of the angle at the centre between a place and a camera: the horizon is at RADIUS / DISTANCE.
    cosine = (points / RADIUS) @ (eyes / DISTANCE).T
    chosen, count = seeing(sight, SPACE, SPACE.grid_from_world(points)[0], 20, generator)
    seen = torch.zeros_like(cosine, dtype=torch.bool)
    seen[count > 0] = seen[count > 0].scatter(1, chosen[count > 0], True)
    assert torch.equal(seen.sum(-1), count)
    above = cosine > RADIUS / DISTANCE
    # Whoever stands above the horizon sees the place.
    assert bool(seen[above].all())
    # Of those below it, none that has the place well within the ball's outline: by the pixel around which
    # the largest reach counts, the one that a place falls into, and one for corners of cells beside the ball.
    to_outline = RADIUS / (DISTANCE**2 - RADIUS**2) ** 0.5
    off_axis = RADIUS * (1 - cosine**2).sqrt() / (DISTANCE - RADIUS * cosine)
    pixel = 1 / float(sight.cameras.focal.min())
    hidden = ~above & (to_outline - off_axis > 3 * pixel)
    assert hidden.sum() > 1000
    assert not bool(seen[hidden].any())


def test_views_are_chosen_without_repetition_where_there_are_enough() -> None:
    sight = look(sharp_ball(), cameras_around(20, LONG_SIDE), StepRule(STEP), stop=1e-3)
    generator = torch.Generator().manual_seed(0)
    points = RADIUS * torch.nn.functional.normalize(torch.randn(100, 3, generator=generator), dim=-1)
    chosen, count = seeing(sight, SPACE, SPACE.grid_from_world(points)[0], 4, generator)
    assert (count >= 4).sum() > 50
    assert (chosen[count >= 4].sort(-1).values.diff(dim=-1) > 0).all()
    inside = SPACE.grid_from_world(torch.zeros(5, 3))[0]
    assert (seeing(sight, SPACE, inside, 4, generator)[1] == 0).all()
