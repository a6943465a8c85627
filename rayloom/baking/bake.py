"""From a trained field to voxels: survey, sight, colours, bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from rayloom.baking.baked import STOP
from rayloom.baking.blocks import Blocks, atlas_of, rows_of, voxel_space
from rayloom.baking.light import faintest, light_of_corners
from rayloom.baking.shading import Shading, feature_bytes, fit_basis, fit_voxels
from rayloom.baking.sight import Sight, look, seeing
from rayloom.baking.stages import Stages
from rayloom.baking.survey import (
    blocks_near,
    density_levels,
    in_space,
    kept_corners,
    neighbours,
    probed_blocks,
)
from rayloom.cameras.camera import Cameras
from rayloom.errors import InputError
from rayloom.kernels import StepRule
from rayloom.kernels.voxels import BLOCK, CHANNELS, MAX_LEVEL, DensityScale, VoxelAtlas, VoxelSpace
from rayloom.method import Method

STEPS_PER_VOXEL = 1.0
NUM_DIRECTIONS = 24
"""From which the colour of each voxel is asked for."""
BASIS_VOXELS = 20_000
"""From whose colours the functions of direction are found."""
OPAQUE = 0.1
"""Optical depth of a voxel from which no view reaches far."""
BLOCKS_AT_ONCE = 512
VOXELS_AT_ONCE = 1 << 15

Tell = Callable[[str, float], None]
"""Hears which stage the work is at, and which share of it is done."""


@dataclass(frozen=True)
class Voxels:
    """What is kept of a field."""

    space: VoxelSpace
    scale: DensityScale
    blocks: Blocks
    values: UInt8[Tensor, "blocks 8 8 8 12"]
    shading: Shading


def step_rule(space: VoxelSpace) -> StepRule:
    """Steps that are a fixed share of a voxel; where space has no end, they grow as voxels do."""
    step = space.width / STEPS_PER_VOXEL
    return StepRule(step, growth=step) if space.contracted else StepRule(step)


@torch.no_grad()
def bake(
    method: Method[Any],
    cameras: Cameras,
    resolution: int,
    stages: Stages,
    tell: Tell,
    coarse: Voxels | None = None,
) -> Voxels:
    """The voxels of a method's field that the cameras see; near those of a coarser bake, where there is one.

    Raises InputError where the method offers no density or colour at points, and where nothing is seen.
    """
    space, scale = voxel_space(method.scene, resolution), DensityScale()
    try:
        blocks, levels = _density(method, space, scale, _within(space, coarse), stages, tell)
        levels = torch.where(kept_corners(levels, blocks, scale), levels.clamp(min=1), 0)
        atlas = atlas_of(blocks, _only_density(levels), space, scale)
        sight = look(atlas, cameras, step_rule(space), STOP)
        blocks, levels = _shown(atlas, cameras, blocks, levels, tell)
        corners = _places(blocks, (levels > 0).nonzero())
        views = _views(sight, space, corners, tell)
        values, shading = _colors(method, sight, space, corners, views, stages, tell)
    except NotImplementedError as error:
        raise InputError(
            type(method).__name__,
            f"cannot be baked: {error}; expected a method with density and color, such as loom",
        ) from error
    voxels = torch.zeros(*levels.shape, CHANNELS, dtype=torch.uint8)
    kept = levels > 0
    voxels[kept] = torch.cat([levels[kept][:, None], values], dim=-1)
    return Voxels(space, scale, blocks, voxels, shading)


def _density(
    method: Method[Any],
    space: VoxelSpace,
    scale: DensityScale,
    within: Bool[Tensor, "x y z"],
    stages: Stages,
    tell: Tell,
) -> tuple[Blocks, UInt8[Tensor, "blocks 8 8 8"]]:
    """Blocks with matter and those that share cells with them, and the bytes of their density."""
    device = next(method.parameters()).device

    def density(points: Tensor) -> Tensor:
        return method.density(points.to(device)).float().nan_to_num(0).cpu()

    def probe() -> Tensor:
        told = partial(tell, "looking for matter")
        return probed_blocks(density, space, scale, within, told).numbers

    known = Blocks.of(torch.zeros(space.blocks, dtype=torch.bool))
    levels, new = (
        torch.zeros(0, *(BLOCK,) * 3, dtype=torch.uint8),
        Blocks.of(stages.kept("blocks", probe) >= 0),
    )
    places, parts = [], []
    while len(new):
        for chosen in torch.arange(len(new)).split(BLOCKS_AT_ONCE):
            make = partial(density_levels, density, space, scale, new, chosen)
            parts.append(stages.kept(f"density_{len(parts):05d}", make))
            places.append(new.places[chosen])
            tell("asking for density", (int(chosen[-1]) + 1) / len(new))
        known, levels = _sorted(space, torch.cat(places), torch.cat(parts))
        new = neighbours(space, known, levels >= scale.cut_level, within)
    return _checked(known, levels, scale)


def _within(space: VoxelSpace, coarse: Voxels | None) -> Bool[Tensor, "x y z"]:
    """The blocks in which matter is looked for."""
    if coarse is None or coarse.space.width < 2 * space.width:
        return in_space(space)
    places = _places(coarse.blocks, (coarse.values[..., 0] > 0).nonzero())
    return in_space(space) & blocks_near(space, coarse.space, places.long())


def _sorted(
    space: VoxelSpace, places: Int[Tensor, "blocks 3"], values: UInt8[Tensor, "blocks 8 8 8"]
) -> tuple[Blocks, UInt8[Tensor, "blocks 8 8 8"]]:
    """Blocks that came in any order, in the order of their places."""
    kept = torch.zeros(space.blocks, dtype=torch.bool)
    kept[tuple(places.T)] = True
    blocks, ordered = Blocks.of(kept), torch.empty_like(values)
    ordered[blocks.numbers[tuple(places.T)]] = values
    return blocks, ordered


def _checked(
    blocks: Blocks, levels: UInt8[Tensor, "blocks 8 8 8"], scale: DensityScale
) -> tuple[Blocks, UInt8[Tensor, "blocks 8 8 8"]]:
    """The same, unless the field is empty or matter all over."""
    if not bool((levels >= scale.cut_level).any()):
        raise InputError("the field", "is empty: nothing in it is dense enough to be seen; train it longer")
    share = float((scale.depth(levels.float()) > OPAQUE).sum()) / (blocks.numbers.numel() * BLOCK**3)
    if share > 0.9:
        raise InputError(
            "the field", f"is opaque in {share:.0%} of all places; expected empty space to see through"
        )
    return blocks, levels


def _only_density(levels: UInt8[Tensor, "blocks 8 8 8"]) -> UInt8[Tensor, "blocks 8 8 8 12"]:
    voxels = torch.zeros(*levels.shape, CHANNELS, dtype=torch.uint8)
    voxels[..., 0] = levels
    return voxels


def _shown(
    atlas: VoxelAtlas, cameras: Cameras, blocks: Blocks, levels: UInt8[Tensor, "blocks 8 8 8"], tell: Tell
) -> tuple[Blocks, UInt8[Tensor, "shown 8 8 8"]]:
    """The blocks and bytes of density that send light to the cameras."""
    rows, known = rows_of(blocks, levels, atlas.scale), levels > 0
    told = partial(tell, "looking from all cameras")
    light = light_of_corners(atlas, rows, int(known.sum()) + 1, cameras, step_rule(atlas.space), STOP, told)[
        1:
    ]
    shown = light > max(faintest(light), 0)
    if not bool(shown.any()):
        raise InputError("the field", "shows nothing to the cameras; expected matter in front of them")
    kept = torch.zeros_like(known)
    kept[known] = shown
    used = kept.flatten(1).any(1)
    numbers = torch.zeros(atlas.space.blocks, dtype=torch.bool)
    numbers[tuple(blocks.places[used].T)] = True
    return Blocks.of(numbers), torch.where(kept, levels, 0)[used]


def _views(
    sight: Sight, space: VoxelSpace, corners: Float[Tensor, "n 3"], tell: Tell
) -> Int[Tensor, "n directions"]:
    """From where each corner is seen."""
    generator, parts = torch.Generator().manual_seed(0), corners.split(VOXELS_AT_ONCE)
    views = []
    for number, part in enumerate(parts):
        views.append(seeing(sight, space, part, NUM_DIRECTIONS, generator)[0].to(torch.int16))
        tell("looking where each is seen from", (number + 1) / len(parts))
    return torch.cat(views)


def _places(blocks: Blocks, rows: Int[Tensor, "n 4"]) -> Float[Tensor, "n 3"]:
    """Corners by block and place in it, in voxels."""
    return (BLOCK * blocks.places[rows[:, 0]] + rows[:, 1:]).float()


def _colors(
    method: Method[Any],
    sight: Sight,
    space: VoxelSpace,
    corners: Float[Tensor, "n 3"],
    views: Int[Tensor, "n directions"],
    stages: Stages,
    tell: Tell,
) -> tuple[UInt8[Tensor, "n 11"], Shading]:
    """Bytes of colour and features at corners, and what they mean."""
    device = next(method.parameters()).device

    def asked(rows: Tensor) -> tuple[Tensor, Tensor]:
        points = space.world_from_grid(corners[rows])
        eyes = sight.cameras.world_from_camera[views[rows].long(), :, 3]
        directions = torch.nn.functional.normalize(points[:, None] - eyes, dim=-1)
        return method.color(points.to(device), directions.to(device)).float().cpu(), directions

    def basis() -> Tensor:
        sample = torch.randperm(len(corners), generator=torch.Generator().manual_seed(0))[:BASIS_VOXELS]
        return fit_basis(*asked(sample))

    shared = stages.kept("basis", basis)

    def fitted(rows: Tensor) -> Tensor:
        return torch.cat(fit_voxels(*asked(rows), shared), dim=-1)

    parts = []
    for number, rows in enumerate(torch.arange(len(corners)).split(VOXELS_AT_ONCE)):
        make = partial(fitted, rows)
        parts.append(stages.kept(f"color_{number:05d}", make))
        tell("asking for colour", (int(rows[-1]) + 1) / len(corners))
    return _in_bytes(torch.cat(parts), shared)


def _in_bytes(
    values: Float[Tensor, "n 11"], basis: Float[Tensor, "features 3 15"]
) -> tuple[UInt8[Tensor, "n 11"], Shading]:
    """Colours and features in bytes; the few features beyond their range are cut."""
    shading = feature_bytes(basis)
    scaled = torch.cat([values[:, :3], (values[:, 3:] - shading.low) / shading.span], dim=-1)
    return (scaled * MAX_LEVEL).round().clamp(0, MAX_LEVEL).to(torch.uint8), shading
