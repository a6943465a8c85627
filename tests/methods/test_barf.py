from dataclasses import replace

import pytest
import torch

from rayloom.methods.barf import BARF, BARFConfig
from rayloom.types import Progress, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, UNBOUNDED, BallBatches


def barf(scene: SceneInfo = OBJECT, **settings: object) -> BARF:
    return BARF(replace(BARF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def at(fraction: float) -> Progress:
    return Progress(step=0, fraction=fraction)


def test_the_paper_size_has_one_network_of_595844_parameters_and_a_twist_for_each_photo():
    method = BARF(BARFConfig(), OBJECT)
    assert sum(p.numel() for p in method.network.parameters()) == 595_844
    assert sum(p.numel() for p in method.parameters()) == 595_844 + 6 * OBJECT.num_images


def test_octaves_are_let_in_from_a_tenth_of_the_run_to_half_of_it():
    method = barf(position_octaves=10, direction_octaves=4)
    for fraction, share in ((0.0, 0.0), (0.1, 0.0), (0.2, 0.25), (0.3, 0.5), (0.5, 1.0), (0.9, 1.0)):
        method.before_step(at(fraction))
        assert float(method.position.octaves_in) == pytest.approx(10 * share)
        assert float(method.direction.octaves_in) == pytest.approx(4 * share)


def test_evaluation_sees_what_training_let_in():
    method, loaded, batch = barf(), barf(), BallBatches(OBJECT).next(8)
    method.before_step(at(0.27))
    loaded.load_state_dict(method.state_dict())
    assert torch.equal(method.eval().render(batch.rays).rgb, loaded.eval().render(batch.rays).rgb)
    loaded.position.let_in(6.0)
    assert not torch.equal(method.render(batch.rays).rgb, loaded.render(batch.rays).rgb)


def test_without_coarse_to_fine_every_octave_takes_part_from_the_beginning():
    method = barf(coarse_to_fine=False)
    method.before_step(at(0.0))
    assert float(method.position.octaves_in) == method.config.position_octaves


def test_cameras_that_are_not_learnt_are_the_given_ones():
    learning, trusting = barf(), barf(learn_cameras=False)
    assert trusting.learned_cameras() is None
    assert len(trusting.param_groups()) == 1
    trusting.network.load_state_dict(learning.network.state_dict())
    rays = BallBatches(OBJECT).next(8).rays
    # A twist of zero changes rays by rounding alone.
    close = torch.testing.assert_close
    close(learning.eval().render(rays).rgb, trusting.eval().render(rays).rgb, rtol=0, atol=1e-5)


def test_cameras_have_rates_of_their_own():
    network, cameras = barf(pose_lr=0.25, pose_lr_final=0.125).param_groups()
    assert network["lr"] == BARF.presets["tiny"].lr
    assert "lr_final" not in network
    assert (cameras["lr"], cameras["lr_final"]) == (0.25, 0.125)


@pytest.mark.parametrize("scene", [OBJECT, FORWARD, UNBOUNDED], ids=lambda scene: scene.kind)
@pytest.mark.parametrize("start", [0.0, 0.05])
def test_the_gradient_of_the_loss_to_the_twists_is_its_central_difference(scene: SceneInfo, start: float):
    method = barf(scene, position_octaves=3, num_samples=8).double().eval()
    batch = BallBatches(scene).next(16).map(lambda x: x.double() if x.is_floating_point() else x)
    (twists,) = (value for name, value in method.named_parameters() if name == "cameras.twists")
    twists.data.uniform_(-start, start)

    def loss() -> torch.Tensor:
        return method.losses(method.render(batch.rays), batch, at(0.0))["photometric"]

    (gradient,) = torch.autograd.grad(loss(), twists)
    assert gradient.abs().max() > 0
    for i in range(0, twists.numel(), 5):
        differences = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                twists.view(-1)[i] += step
                differences.append(float(loss()))
                twists.view(-1)[i] -= step
        slope = (differences[0] - differences[1]) / 2e-6
        assert float(gradient.view(-1)[i]) == pytest.approx(slope, rel=1e-3, abs=1e-9)


def test_every_pixel_counts_alike_however_many_it_covers():
    method, batch = barf().eval(), BallBatches(OBJECT).next(8)
    rendering = method.render(batch.rays)
    reduced = replace(batch, area=4.0 ** torch.arange(8))
    assert torch.equal(*(method.losses(rendering, seen, at(0.0))["photometric"] for seen in (batch, reduced)))


def test_points_are_even_in_disparity_where_there_is_no_end():
    assert barf(OBJECT).spacing == "distance"
    assert barf(FORWARD).spacing == barf(UNBOUNDED).spacing == "disparity"
