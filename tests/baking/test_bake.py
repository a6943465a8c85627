"""A baked field looks as the field does."""

import dataclasses
from pathlib import Path

import pytest
import torch

from rayloom.baking.bake import bake
from rayloom.baking.stages import Stages
from rayloom.errors import InputError
from tests.baking.shining_ball import (
    SCENES,
    BallConfig,
    ShiningBall,
    baked_scene,
    baked_voxels,
    cameras_around,
    psnr_between,
)


def silent(stage: str, share: float) -> None:
    pass


@pytest.mark.parametrize(
    ("kind", "far_wall", "resolution"), [("object", False, 64), ("unbounded", True, 128)]
)
def test_it_looks_as_the_field(tmp_path: Path, kind: str, far_wall: bool, resolution: int) -> None:
    config = BallConfig(far_wall=far_wall)
    baked = baked_scene(baked_voxels(tmp_path / "parts", kind, config, resolution), kind)
    method, cameras = ShiningBall(config, SCENES[kind]), cameras_around(7)
    for i in (1, 6):
        rays = cameras.image_rays(i)
        field, voxels = method.render_image(rays), baked.look(rays)
        assert psnr_between(field, voxels) > 32
        met = (field.opacity > 0.99) & (voxels.opacity > 0.99)
        assert met.any()
        # Half a voxel of what is seen there; in contracted space voxels grow with distance.
        seen = (rays.origins + field.depth[..., None] * rays.directions)[met]
        half = 0.5 * baked.atlas.space.grid_from_world(seen)[1]
        assert ((field.depth - voxels.depth)[met].abs() / half).median() < 1


def test_only_what_cameras_see_is_kept(tmp_path: Path) -> None:
    voxels = baked_voxels(tmp_path / "parts")
    places = voxels.blocks.corners(torch.arange(len(voxels.blocks)))[voxels.values[..., 0] > 0]
    depth = 0.4 - voxels.space.world_from_grid(places).norm(dim=-1)
    assert depth.max() < 0.2
    assert depth.min() > -0.1


class Interrupt(Exception):
    pass


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    whole = baked_voxels(tmp_path / "whole")

    def interrupt(stage: str, share: float) -> None:
        if stage == "asking for colour":
            raise Interrupt

    method = ShiningBall(BallConfig(), SCENES["object"])
    with pytest.raises(Interrupt):
        bake(method, cameras_around(12), 64, Stages(tmp_path / "parts", {}), interrupt)
    asked = method.points_asked
    voxels = bake(method, cameras_around(12), 64, Stages(tmp_path / "parts", {}), silent)
    assert method.points_asked == asked
    assert torch.equal(voxels.values, whole.values)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (BallConfig(density=0.0), "is empty"),
        (BallConfig(radius=50.0), "is opaque in 100% of all places"),
    ],
)
def test_a_field_without_a_scene_is_refused(tmp_path: Path, config: BallConfig, words: str) -> None:
    with pytest.raises(InputError, match=words):
        baked_voxels(tmp_path / "parts", config=config)


def test_what_no_camera_sees_is_refused(tmp_path: Path) -> None:
    away = cameras_around(3)
    turned = away.world_from_camera * torch.tensor([-1.0, 1.0, -1.0, 1.0])
    method = ShiningBall(BallConfig(), SCENES["object"])
    with pytest.raises(InputError, match="shows nothing to the cameras"):
        bake(
            method,
            dataclasses.replace(away, world_from_camera=turned),
            64,
            Stages(tmp_path / "parts", {}),
            silent,
        )


def test_a_method_without_colour_is_refused(tmp_path: Path) -> None:
    class Grey(ShiningBall):
        def color(self, points: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError("Grey does not offer colour at points")

    method = Grey(BallConfig(), SCENES["object"])
    with pytest.raises(InputError, match="cannot be baked: Grey does not offer colour"):
        bake(method, cameras_around(3), 32, Stages(tmp_path / "parts", {}), silent)
