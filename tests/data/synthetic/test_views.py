import math
from dataclasses import replace
from typing import Literal

import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.synthetic import (
    Lamp,
    Motion,
    Object,
    Sun,
    Truth,
    World,
    moving_world,
    object_world,
    optical_flow,
    render_view,
    scene_flow,
)
from rayloom.data.synthetic.primitives import Box, Plane, Sphere
from rayloom.data.synthetic.shading import lit_share
from rayloom.data.synthetic.textures import Checker, Constant, Material, linear_from_srgb, srgb_from_linear
from rayloom.data.synthetic.tracing import Surface, trace
from rayloom.data.synthetic.views import render_views
from rayloom.geometry.transforms import look_at

GREY = Material(Constant((0.5, 0.5, 0.5)))


def _cameras(
    *eyes: tuple[float, float, float],
    size: int = 32,
    times: tuple[float, ...] = (0.0,),
    model: CameraModel = CameraModel.PINHOLE,
) -> Cameras:
    up, target = torch.tensor([0.0, 0, 1]).double(), torch.zeros(3).double()
    poses = torch.stack([look_at(torch.tensor(eye).double(), target, up) for eye in eyes])
    pinhole = Intrinsics(model, size, size, 1.4 * size, 1.4 * size, size / 2, size / 2)
    return Cameras.from_intrinsics(
        [pinhole] * len(eyes), poses, 0.1, 10.0, times=times * (len(eyes) // len(times)), dtype=torch.float64
    )


def _world(*objects: Object) -> World:
    return World("test", objects, (Sun((1.0, -1.0, 1.0), (1.0, 1.0, 1.0)),))


def test_the_depth_of_a_ball_is_the_root_of_a_quadratic():
    cameras = _cameras((0.0, -3.0, 0.0))
    view = render_view(_world(Object("ball", Sphere(0.6), GREY)), cameras, 0)
    directions = cameras.image_rays(0).directions
    along = 3 * directions[..., 1]
    under = along**2 - 9 + 0.36
    expected = torch.where(under > 0, along - under.clamp(min=0).sqrt(), 0.0)
    torch.testing.assert_close(view.depth, expected)
    torch.testing.assert_close(view.points[view.mask], 0.6 * view.normals[view.mask])


@pytest.mark.parametrize("model", list(CameraModel))
def test_depth_times_direction_is_the_point_for_every_camera_model(model: CameraModel):
    cameras = _cameras((1.0, -2.0, 1.0), model=model, size=16)
    view = render_view(object_world(), cameras, 0, samples=1)
    rays = cameras.image_rays(0)
    points = rays.origins + view.depth[..., None] * rays.directions
    assert bool(view.mask.any())
    torch.testing.assert_close(points[view.mask], view.points[view.mask])


@pytest.mark.parametrize("model", list(CameraModel))
def test_finer_sampling_equals_averaging_a_larger_picture(model: CameraModel):
    world = object_world()
    coarse = render_view(world, _cameras((1.0, -2.5, 1.0), size=24, model=model), 0, samples=2)
    fine = render_view(world, _cameras((1.0, -2.5, 1.0), size=48, model=model), 0, samples=1)

    def averaged(values: torch.Tensor) -> torch.Tensor:
        return values.reshape(24, 2, 24, 2, -1).mean((1, 3))

    torch.testing.assert_close(coarse.alpha, averaged(fine.alpha)[..., 0])
    torch.testing.assert_close(
        coarse.rgb * coarse.alpha[..., None], averaged(fine.rgb * fine.alpha[..., None])
    )


def test_alpha_and_mask_agree():
    view = render_view(object_world(), _cameras((1.0, -2.5, 1.0), size=64), 0, samples=3)
    full, empty = view.alpha == 1, view.alpha == 0
    assert bool(view.mask[full].all())
    assert not bool(view.mask[empty].any())
    assert float((full | empty).double().mean()) > 0.8
    assert bool((view.label > 0).eq(view.mask).all())
    assert bool((view.instance > 0).eq(view.mask).all())
    lengths = torch.linalg.vector_norm(view.normals, dim=-1)
    torch.testing.assert_close(lengths, view.mask.double())


def test_normals_face_the_camera():
    cameras = _cameras((1.0, -2.5, 1.0))
    view = render_view(object_world(), cameras, 0)
    cosine = (view.normals * cameras.image_rays(0).directions).sum(-1)
    assert bool((cosine[view.mask] <= 0).all())


def test_bundled_and_single_rays_hit_the_same():
    world, cameras = object_world(), _cameras((1.0, -2.5, 1.0), size=48)
    rays = cameras.image_rays(0).reshape(48 * 48)
    corners = torch.tensor([[0.0, 0.0], [0.5, 0.5], [-0.5, 0.5], [0.5, -0.5]]).double()
    pixels = (rays.pixels[:, None] + corners).reshape(-1, 2)
    bundle = cameras.rays(torch.zeros(len(pixels), dtype=torch.int64), pixels)
    together, alone = trace(world, bundle.reshape(48 * 48, 4), 0.0), trace(world, bundle, 0.0)
    torch.testing.assert_close(together.t, alone.t)
    assert bool((together.object_index == alone.object_index).all())


def test_pictures_rendered_together_equal_pictures_rendered_one_by_one():
    cameras = _cameras((1.0, -2.5, 1.0), (-1.0, -2.5, 1.0))
    together = render_views(object_world(), cameras, (0, 1))
    for i, view in enumerate(together):
        torch.testing.assert_close(view.rgb, render_view(object_world(), cameras, i).rgb)


def test_a_matte_ball_follows_lamberts_law():
    world = replace(_world(Object("ball", Sphere(0.5), GREY)), sky=(0.2, 0.2, 0.2), ground=(0.2, 0.2, 0.2))
    view = render_view(world, _cameras((2.0, -2.0, 2.0)), 0, samples=1)
    toward_light = torch.tensor([1.0, -1.0, 1.0]).double() / math.sqrt(3)
    cosine = (view.normals @ toward_light).clamp(min=0)
    grey = linear_from_srgb(torch.tensor(0.5, dtype=torch.float64))
    expected = srgb_from_linear(grey * (0.2 + cosine))
    # Beyond, the ball's own penumbra begins.
    clear = view.mask & (cosine > 0.2)
    assert int(clear.sum()) > 50
    torch.testing.assert_close(view.rgb[..., 0][clear], expected[clear])


def test_shadow_is_full_under_a_body_and_absent_beside_it():
    ball = Object("ball", Sphere(0.3), GREY, position=(0, 0, 1.0))
    world = _world(ball, Object("floor", Plane(), GREY))
    x = torch.tensor([0.0, 0.1, 0.3, 0.33, 0.5, 1.0]).double()
    n = len(x)
    points = torch.stack([x, torch.zeros(n).double(), torch.zeros(n).double()], -1)
    normals = torch.tensor([[0.0, 0, 1]]).double().expand(n, 3)
    zero = torch.zeros(n).double()
    surface = Surface(points, normals, normals, zero, zero, zero)
    for light in (Sun((0, 0, 1.0), (1.0, 1.0, 1.0), 0.1), Lamp((0, 0, 50.0), (1.0, 1.0, 1.0), 0.1)):
        share = lit_share(world, light, surface, 0.0)
        assert share[:2].tolist() == [0.0, 0.0]
        assert share[-2:].tolist() == [1.0, 1.0]
        assert 0 < float(share[2]) < float(share[3]) < 1
    # A lamp below the ball is not shaded by it.
    low = lit_share(world, Lamp((0, 0, 0.5), (1.0, 1.0, 1.0), 0.1), surface, 0.0)
    assert low.tolist() == [1.0] * n


def test_flow_of_a_still_world_is_the_reprojection_of_depth():
    world, cameras = object_world(), _cameras((1.0, -2.5, 1.0), (1.2, -2.4, 1.0), size=40)
    view = render_view(world, cameras, 0, samples=1)
    flow, visible = optical_flow(world, cameras, 0, 1)
    rays = cameras.image_rays(0)
    points = (rays.origins + view.depth[..., None] * rays.directions).reshape(-1, 3)
    pixels, _ = cameras.project(points, torch.ones(len(points), dtype=torch.int64))
    expected = pixels.reshape(40, 40, 2) - rays.pixels
    torch.testing.assert_close(flow[view.mask], expected[view.mask])
    assert not bool(visible[~view.mask].any())
    assert float(visible[view.mask].double().mean()) > 0.8


def test_visible_flow_leads_to_the_same_thing():
    world, cameras = object_world(), _cameras((1.0, -2.5, 1.0), (1.8, -2.0, 1.0), size=64)
    first, second = (render_view(world, cameras, i, samples=1) for i in (0, 1))
    flow, visible = optical_flow(world, cameras, 0, 1)
    target = (cameras.image_rays(0).pixels + flow)[visible].floor().long()
    same = first.instance[visible] == second.instance[target[:, 1], target[:, 0]]
    # Pixels on an edge may round to the neighbour.
    assert float(same.double().mean()) > 0.93


def test_hidden_matter_is_not_visible_in_the_flow():
    wall = Object("wall", Box((0.05, 1.0, 1.0)), GREY, position=(0.8, 0.0, 0.0))
    world, cameras = (
        _world(Object("ball", Sphere(0.3), GREY), wall),
        _cameras((0.0, -3.0, 0.0), (3.0, 0.0, 0.0)),
    )
    view = render_view(world, cameras, 0)
    _, visible = optical_flow(world, cameras, 0, 1)
    assert not bool(visible[view.instance == world.instance(0)].any())


def test_a_sliding_ball_has_its_offset_as_scene_flow():
    slide = Motion(offset=(0.2, 0.1, -0.3))
    world = _world(
        Object("ball", Sphere(0.3), GREY, motion=slide), Object("floor", Plane(), GREY, position=(0, 0, -1))
    )
    cameras = _cameras((0.0, -3.0, 0.5), (0.0, -3.0, 0.5), times=(0.25, 0.75))
    view = render_view(world, cameras, 0)
    flow = scene_flow(world, view, 0.25, 0.75)
    ball = view.instance == world.instance(0)
    torch.testing.assert_close(flow[ball], torch.tensor([0.1, 0.05, -0.15]).double().expand_as(flow[ball]))
    assert float(flow[~ball].abs().max()) < 1e-12
    image_flow, _ = optical_flow(world, cameras, 0, 1)
    moved, _ = cameras.project(view.points[ball] + flow[ball], torch.ones(int(ball.sum()), dtype=torch.int64))
    torch.testing.assert_close(image_flow[ball], moved - cameras.image_rays(0).pixels[ball])


def test_parts_of_one_thing_can_move_apart():
    up, still = Motion(offset=(0.0, 0.0, 0.5)), Motion()
    parts = (
        Object("lid", Sphere(0.2), GREY, instance=1, position=(0.3, 0, 0), motion=up),
        Object("pot", Sphere(0.2), GREY, instance=1, position=(-0.3, 0, 0), motion=still),
    )
    world = _world(*parts)
    view = render_view(world, _cameras((0.0, -3.0, 0.0)), 0)
    rise = scene_flow(world, view, 0.0, 1.0)[..., 2]
    right = view.points[..., 0] > 0
    torch.testing.assert_close(rise[view.mask & right], torch.full_like(rise[view.mask & right], 0.5))
    assert float(rise[view.mask & ~right].abs().max()) < 1e-12
    assert set(view.instance[view.mask].tolist()) == {1}


@pytest.mark.parametrize("part", ["slide", "spin", "bend"])
def test_moved_matter_lies_on_the_moved_body(part: Literal["slide", "spin", "bend"]):
    world = moving_world(0, part)
    view = render_view(world, _cameras((1.0, -2.5, 1.0), times=(0.1,)), 0)
    mover = len(world.objects) - 1
    mask = view.instance == world.instance(mover)
    assert int(mask.sum()) > 10
    moved = (view.points + scene_flow(world, view, 0.1, 0.6))[mask]
    item = world.objects[mover]
    rotation, position = item.pose(0.6)
    distance = item.body(0.6).distance((moved - position) @ rotation)
    assert float(distance.abs().max()) < 1e-6
    assert float(scene_flow(world, view, 0.1, 0.6)[mask].norm(dim=-1).max()) > 0.02
    assert float(scene_flow(world, view, 0.1, 0.6)[~mask].abs().max()) < 1e-12


def test_texture_moves_with_its_body():
    checker = Material(Checker((0.1, 0.1, 0.1), (0.9, 0.9, 0.9), (0.4, 0.4, 0.4)), glows=True)
    spin = Motion(turn=(0.3, 0.2, 0.5), offset=(0.1, 0.0, 0.2))
    world = _world(Object("ball", Sphere(0.5), checker, motion=spin))
    cameras = _cameras((0.0, -3.0, 0.5), (0.5, -3.0, 0.5), times=(0.0, 1.0), size=64)
    first, second = (render_view(world, cameras, i, samples=1) for i in (0, 1))
    flow, visible = optical_flow(world, cameras, 0, 1)
    target = (cameras.image_rays(0).pixels + flow)[visible].floor().long()
    same = (first.rgb[visible] - second.rgb[target[:, 1], target[:, 0]]).abs().amax(-1) < 1e-6
    # Without the motion of the texture half the pixels would differ; those on an edge of it still do.
    assert float(same.double().mean()) > 0.9


def test_single_precision_agrees_with_double():
    cameras = _cameras((1.0, -2.5, 1.0), size=48)
    single = cameras.map(lambda values: values.float() if values.is_floating_point() else values)
    exact, quick = render_view(object_world(), cameras, 0), render_view(object_world(), single, 0)
    assert isinstance(quick, Truth)
    assert float((exact.depth - quick.depth).abs().median()) < 1e-5
    assert float(((exact.depth - quick.depth).abs() > 1e-3).double().mean()) < 0.01
