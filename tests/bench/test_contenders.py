import pytest
import torch

from rayloom.bench.contenders import PROGRESS, contenders, one_pass, race, still_copy, with_torch_networks
from rayloom.bench.training import Trained
from rayloom.data.batches import PixelBatches
from rayloom.kernels import use_reference
from tests.bench.conftest import TINY


@pytest.fixture(scope="module")
def batch(trained: Trained):
    return PixelBatches(trained.scene, 0).next(512)


def test_all_forms_race_and_are_counted(trained: Trained, batch):
    speeds = race(contenders(trained.method), batch, TINY)
    assert list(speeds) == [
        *("fused", "composed", "composed, torch MLP", "composed, torch MLP, one pass", "torch"),
    ]
    assert all(speed.rays > 0 and speed.samples > 0 for speed in speeds.values())


def test_forms_that_drop_what_is_hidden_see_as_many_samples(trained: Trained, batch):
    runners = {runner.name: runner for runner in contenders(trained.method)}
    fused = runners["fused"].step(batch)
    # Jitter is drawn anew for each, which moves a few samples a ray in or out of sight.
    for name in ("composed", "composed, torch MLP"):
        assert runners[name].step(batch) == pytest.approx(fused, rel=0.1)
    assert runners["composed, torch MLP, one pass"].step(batch) >= runners["composed"].step(batch) * 0.9


def test_networks_in_torch_and_one_pass_render_what_the_method_renders(trained: Trained, batch):
    method = still_copy(trained.method).eval()
    plain = with_torch_networks(trained.method).eval()
    with torch.no_grad():
        expected = method.render(batch.rays).rgb
        # Two orders of summation in float32, through an exponential.
        torch.testing.assert_close(plain.render(batch.rays).rgb, expected, rtol=0, atol=1e-3)
        # What lies behind a thousandth of the light.
        torch.testing.assert_close(one_pass(plain, batch.rays).rgb, expected, rtol=0, atol=2e-3)


def test_steps_leave_the_field_where_it_is(trained: Trained, batch):
    method = still_copy(trained.method)
    before = [value.clone() for value in trained.method.parameters()]
    for runner in contenders(method):
        runner.step(batch)
    for old, new, copied in zip(before, trained.method.parameters(), method.parameters(), strict=True):
        assert torch.equal(old, new)
        assert torch.equal(old, copied)


def test_a_copy_learns_nothing_from_its_own_steps(trained: Trained, batch):
    copy = still_copy(trained.method)
    assert copy.fused_step(batch, PROGRESS, 1.0) is not None
    for old, new in zip(trained.method.parameters(), copy.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=1e-9)


def test_a_device_without_fused_kernels_has_the_other_forms(trained: Trained):
    with use_reference():
        assert "fused" not in [runner.name for runner in contenders(trained.method)]
