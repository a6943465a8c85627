from dataclasses import replace

import pytest
import torch

from rayloom.methods.kilo_nerf import DISTILLATION, STUDENTS, TEACHER, KiloNeRF, KiloNeRFConfig
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.types import Progress, SceneInfo
from tests.methods.ball import OBJECT, SCENES, BallBatches, random_rays

close = torch.testing.assert_close
every_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)


def kilo_nerf(scene: SceneInfo = OBJECT, **settings: object) -> KiloNeRF:
    torch.manual_seed(0)
    return KiloNeRF(replace(KiloNeRF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def after(method: KiloNeRF, fraction: float) -> bool:
    return method.after_step(Progress(step=10, fraction=fraction))


def some_points(scene: SceneInfo, num: int = 500) -> torch.Tensor:
    reach = 0.6 if scene is OBJECT else 8.0
    return reach * (2 * torch.rand(num, 3, generator=torch.Generator().manual_seed(0)) - 1)


def test_at_the_papers_size_a_tiny_network_is_a_hundredth_of_the_teacher():
    method = KiloNeRF(KiloNeRFConfig(), OBJECT)
    assert sum(p.numel() for p in method.teacher.parameters()) == 595_844
    assert method.students.network.num_networks == 16**3
    assert sum(p.numel() for p in method.students.parameters()) == 16**3 * 6212


def test_phases_follow_each_other_and_rates_start_anew_with_each():
    method = kilo_nerf(shares=(0.3, 0.2))
    seen = [(after(method, fraction), int(method.phase)) for fraction in (0.0, 0.29, 0.3, 0.49, 0.5, 1.0)]
    assert seen == [
        (False, TEACHER), (False, TEACHER), (True, DISTILLATION), (False, DISTILLATION), (True, STUDENTS),
        (False, STUDENTS),
    ]  # fmt: skip
    assert int(kilo_nerf(shares=(0.0, 0.0)).phase) == STUDENTS


@every_scene
def test_each_phase_moves_its_own_networks_alone(scene: SceneInfo):
    method, batch = kilo_nerf(scene).train(), BallBatches(scene).next(32)
    learners = {TEACHER: "teacher", DISTILLATION: "students", STUDENTS: "students"}
    for fraction, phase in ((0.0, TEACHER), (0.4, DISTILLATION), (1.0, STUDENTS)):
        after(method, fraction)
        assert int(method.phase) == phase
        method.zero_grad()
        losses = method.losses(method.render(batch.rays), batch, Progress(step=10, fraction=fraction))
        torch.stack(list(losses.values())).sum().backward()
        moved = {
            name.partition(".")[0]
            for name, parameter in method.named_parameters()
            if parameter.grad is not None and bool(parameter.grad.any())
        }
        assert moved == {learners[phase]}


@every_scene
def test_distillation_brings_the_students_to_the_teacher(scene: SceneInfo):
    method = kilo_nerf(scene, shares=(0.02, 0.98), points_per_step=512, student_lr=3e-2).train()
    batches, points = BallBatches(scene), some_points(scene)
    directions = torch.nn.functional.normalize(torch.randn_like(points), dim=-1)

    @torch.no_grad()
    def error() -> float:
        (density, rgb), (own_density, own_rgb) = (
            field(points, directions) for field in (method.teacher, method.students)
        )
        width = method.steps.smallest
        opacities = [-torch.expm1(-width * value) for value in (density, own_density)]
        return float((opacities[0] - opacities[1]).square().mean() + (rgb - own_rgb).square().mean())

    before, teacher = error(), method.teacher.network.density_head.weight.detach().clone()
    train(method, batches, TrainConfig(steps=50))
    assert int(method.phase) == DISTILLATION
    assert error() < 0.2 * before
    # The teacher learnt in the first steps only.
    assert (method.teacher.network.density_head.weight - teacher).abs().max() < 0.1


def test_the_opacity_that_is_matched_is_that_of_a_step():
    method = kilo_nerf()
    after(method, 0.4)
    zero = [
        p
        for name, p in method.students.named_parameters()
        if name.startswith(("network.trunk.2", "network.color_head"))
    ]
    for parameter in zero:
        torch.nn.init.zeros_(parameter)
    for parameter in method.teacher.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(method.teacher.network.density_head.bias, 40.0)
    losses = method.distillation()
    width = method.steps.smallest
    faint = -torch.expm1(-width * torch.nn.functional.softplus(torch.tensor(-1.0)))
    dense = -torch.expm1(torch.tensor(-width * 39.0))
    close(losses["opacity"], (dense - faint).square())
    close(losses["color"], torch.tensor(0.0))


def test_the_mask_drops_what_the_teacher_says_is_empty_and_no_light():
    method = kilo_nerf(mask_threshold=0.05).eval()
    with torch.no_grad():
        for parameter in method.teacher.parameters():
            parameter.zero_()
        # Density grows along x through one unit of each layer: dense on one side, nothing on the other.
        for layer in method.teacher.network.trunk.layers:
            layer.weight[0, 0] = 1.0  # type: ignore[union-attr, index, operator]
        method.teacher.network.density_head.weight[0, 0] = 200.0
        method.teacher.network.density_head.bias.fill_(-9.0)
        rays = random_rays(OBJECT, 64, torch.Generator().manual_seed(0))
        before = method.render_by(method.teacher, rays)
        after(method, 0.4)
        rendering = method.render_by(method.teacher, rays)
    assert 0.4 < method.grid.occupied_share < 0.7
    assert len(rendering.weights) <= len(before.weights)
    close(rendering.rgb, before.rgb, atol=0.05, rtol=0)
    # Where the teacher is asked, and nowhere else, its students are taught.
    points = method.grid.points_in(method.known_cells, torch.zeros_like(method.known_cells), 32)
    assert method.grid.contains(points).all()


def test_without_a_teacher_the_students_look_for_empty_space_themselves():
    method = kilo_nerf(shares=(0.0, 0.0)).train()
    assert method.grid.occupied_share == 1
    # Step 10 is none in which it looks; step 15, the sixteenth, is one.
    after(method, 0.1)
    assert method.grid.occupied_share == 1
    method.after_step(Progress(step=15, fraction=0.2))
    assert method.grid.occupied_share < 1


def test_what_is_baked_is_what_is_rendered():
    method = kilo_nerf().eval()
    after(method, 1.0)
    points = some_points(OBJECT, 50)
    directions = torch.nn.functional.normalize(torch.randn(50, 4, 3), dim=-1)
    density, rgb = method.students(points, directions[:, 2])
    close(method.density(points), density * method.grid.contains(points))
    close(method.color(points, directions)[:, 2], rgb, atol=1e-5, rtol=1e-4)
